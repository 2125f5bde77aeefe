"""Fail unless the page at a URL has contents: `page_has_contents.py http://localhost:5006/app`.

A page whose program failed is served all the same, with "200 OK"; but it has no roots.
"""

import re
import sys
from urllib.error import URLError
from urllib.request import urlopen


def main(url: str) -> str | None:
    """A complaint if there is nothing on the page."""
    try:
        with urlopen(url, timeout=50) as answer:
            text = answer.read().decode()
    except (URLError, TimeoutError) as error:
        return f"the page at {url} does not answer: {error}"
    return None if re.search(r'"roots":\s*\{\s*"', text) else f"the page at {url} is empty"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
