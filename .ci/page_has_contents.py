"""Fail unless the page at a URL has contents: `page_has_contents.py http://localhost:5006/app`.

A page whose program failed is served all the same, empty, with "200 OK".
"""

import sys

import panel  # noqa: F401 - Bokeh learns Panel's models from it
from bokeh.client import pull_session


def main(url: str) -> str | None:
    """A complaint if there is nothing on the page."""
    session = pull_session(url=url)
    try:
        return None if session.document.roots else f"the page at {url} is empty"
    finally:
        session.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
