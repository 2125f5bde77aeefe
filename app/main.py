"""What `panel serve app` runs, once for each session."""

from app.session import open_page

open_page()
