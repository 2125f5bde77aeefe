"""What `panel serve app` runs, once for each session."""

from app.page.open import open_page

open_page()
