"""What `panel serve app` runs, once for each session."""

import panel as pn

from app.session import open_page

pn.extension(template=None)
open_page()
