"""Whether the server here shows a page with contents: `python -m app.server.health_check [URL]`.

For a container's health check. A page whose program failed is served all the same, with "200 OK",
but it has no roots; and where people have to log in, what a stranger gets is the form. So the
check looks at what is on the page, and comes with a cookie signed by the server's own key.
"""

import os
import re
import sys
from hashlib import sha256
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener


def visitor(secret: str) -> str:
    """The name under which the check is let in: nobody's, as only who has the key can tell it."""
    return f"health check {sha256(secret.encode()).hexdigest()}"


def url_of_this_server(environment=os.environ) -> str:
    """Where `livestem serve` puts the page by the same settings."""
    prefix = environment.get("LIVESTEM_PREFIX", "").strip("/")
    port = environment.get("LIVESTEM_PORT", "5006")
    return "/".join(filter(None, [f"http://127.0.0.1:{port}", prefix, "app"]))


def complaint(url: str, cookie: str | None = None) -> str | None:
    """What is wrong with the page; None where it has contents."""
    request = Request(url, headers={"Cookie": cookie} if cookie else {})
    try:
        # A proxy among the environment's settings is for other machines' pages.
        with build_opener(ProxyHandler({})).open(request, timeout=50) as answer:
            text = answer.read().decode()
    except (URLError, TimeoutError, ConnectionError) as error:
        return f"the page at {url} does not answer: {error}"
    if re.search(r'"roots":\s*\{\s*"', text):
        return None
    # Without the server's key nobody gets further than this; that it is served is known.
    if cookie is None and 'name="password"' in text:
        return None
    return f"the page at {url} is empty"


def cookie_of_this_server(environment=os.environ) -> str | None:
    """A cookie with which the server lets the check in; None where its key is not to be had."""
    from tornado.web import create_signed_value

    secret = environment.get("PANEL_COOKIE_SECRET") or environment.get("BOKEH_COOKIE_SECRET")
    if not secret:
        from app.server.keys import read_keys

        try:
            keys = read_keys(_cache(environment))
        except OSError:
            keys = None
        secret = keys and keys.cookie
    if not secret:
        return None
    return f"user={create_signed_value(secret, 'user', visitor(secret)).decode()}"


def _cache(environment) -> Path:
    from platformdirs import user_cache_path

    return Path(environment.get("LIVESTEM_CACHE") or user_cache_path("livestem")).expanduser()


def main(url: str | None = None) -> str | None:
    """The complaint, if any, about `url` or this machine's own server."""
    cookie = cookie_of_this_server() if os.environ.get("LIVESTEM_LOGIN", "").strip() else None
    return complaint(url or url_of_this_server(), cookie)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
