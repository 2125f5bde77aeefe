"""Panel's own server on the folder `app`, shut to whoever was not invited.

What a page may do, which sites may open it and who may log in is decided here, before the first
byte goes out; the page itself knows nothing of it.
"""

import os
import re
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from app.server.keys import Keys, kept_keys
from app.server.login import Provider, Users

LOOPBACK = ("localhost", "127.0.0.1", "::1")
EVERYWHERE = ("0.0.0.0", "::", "")

LARGEST_REQUEST = 1 << 20
"""[bytes] of an HTTP request; all that is larger comes through the websocket, in pieces."""

ASSETS = Path(__file__).resolve().parents[2] / "assets"

POLICY = "; ".join(
    [
        "default-src 'self'",
        # Bokeh builds functions from text, and loads Panel's components from blobs.
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' blob: data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "frame-ancestors 'self'",
    ]
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Of every answer. The page needs nothing from another host, so it may ask for nothing there."""


@dataclass(frozen=True)
class Place:
    """Where the server listens, and what browsers call it."""

    port: int
    address: str = "localhost"
    names: tuple[str, ...] = ()
    """Hosts, with or without port, besides this machine's own."""
    prefix: str = ""
    use_xheaders: bool = False

    def origins(self) -> list[str]:
        """HOST:PORT of the pages that may open a session."""
        own = [] if self.address in EVERYWHERE else [self.address]
        hosts = [f"{name}:{self.port}" for name in dict.fromkeys(["localhost", "127.0.0.1", *own])]
        for name in self.names:
            # Without a port: that of the scheme, as behind a proxy, or the server's own.
            hosts += [name] if _has_port(name) else [name, f"{name}:{self.port}"]
        return list(dict.fromkeys(hosts))


@dataclass(frozen=True)
class Served:
    """Everything that `serve` has settled."""

    place: Place
    cache: Path
    login: Users | Provider | None = None
    show: bool = False
    say: Callable[[str], None] = field(default=print)
    """Told sentences for the server's owner."""


def host_names(texts) -> tuple[str, ...]:
    """Names from entries such as `lab.example.org, 10.0.0.5:5006`.

    Raises
    ------
    ValueError
        If one is no name of a host.
    """
    names = [name for text in texts for name in re.split(r"[\s,]+", text) if name]
    for name in names:
        if "*" in name:
            raise ValueError(
                f"“{name}” would let the page of any site open sessions here: "
                "name the host by which browsers call this server."
            )
        if not re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d{1,5})?", name):
            raise ValueError(
                f"“{name}” is no name of a host: write lab.example.org or lab.example.org:5006, "
                "without http:// and without a path."
            )
    return tuple(dict.fromkeys(name.lower() for name in names))


def check_reach(place: Place) -> None:
    """Refuse to listen to other machines while no name is known by which they call this one.

    Raises
    ------
    ValueError
        With the way out.
    """
    if place.address in EVERYWHERE and not place.names:
        raise ValueError(
            f"Browsers elsewhere could not use a server on {place.address or 'every address'} "
            "that does not know its name: give it with LIVESTEM_HOST or --allow-websocket-origin "
            "(such as lab.example.org; localhost for this machine alone)."
        )


def run(served: Served) -> None:
    """Serve until told to stop.

    Raises
    ------
    SystemExit
        If the server cannot start; Bokeh has said why.
    """
    keys = kept_keys(served.cache, served.say)
    _sign_sessions(keys)
    # Bokeh reads the environment when it is imported.
    from panel.command.serve import Serve
    from panel.config import config

    import app
    from app.server.connections import TIMEOUTS, bound
    from app.server.guard import lock_pages
    from app.server.quiet import quieten
    from app.server.warming import prepare

    bound()
    lock_pages()

    if served.login is not None:
        _prepare_login(config, keys, served.login)

    class WithGuard(Serve):
        def customize_kwargs(self, args, server_kwargs):
            kwargs = super().customize_kwargs(args, server_kwargs)
            kwargs["transforms"] = [_with_headers()]
            kwargs["http_server_kwargs"] = {"max_body_size": LARGEST_REQUEST, **TIMEOUTS}
            if served.login is not None:
                kwargs["auth_provider"] = _guard(config, served.login)
            return kwargs

        def customize_server(self, server):
            server = super().customize_server(server)
            quieten(server.io_loop)
            own = "localhost" if server.address in EVERYWHERE else server.address
            url = f"http://{own}:{server.port}{server.prefix}/app"
            served.say(f"livestem is at {url} (Ctrl-C ends it)")
            # Nobody has come yet: the first visitor finds the kernels compiled, or nearly so.
            prepare()
            return server

    parser = ArgumentParser(prog="livestem serve", add_help=False)
    command = WithGuard(parser=parser)
    folder = str(Path(app.__file__).parent)
    command.invoke(parser.parse_args([folder, *_arguments(served)]))


def _arguments(served: Served) -> list[str]:
    place = served.place
    arguments = [f"--port={place.port}", f"--address={place.address}", "--log-level=warning"]
    arguments += [f"--allow-websocket-origin={origin}" for origin in place.origins()]
    arguments += [f"--prefix={place.prefix}"] if place.prefix else []
    arguments += ["--use-xheaders"] if place.use_xheaders else []
    arguments += ["--show"] if served.show else []
    return arguments


def _sign_sessions(keys: Keys) -> None:
    """A session's name is one that this server gave: nobody joins another's by a made-up one."""
    os.environ.setdefault("BOKEH_SIGN_SESSIONS", "true")
    if not os.environ.get("BOKEH_SECRET_KEY"):
        os.environ["BOKEH_SECRET_KEY"] = keys.session


def _prepare_login(config, keys: Keys, login) -> None:
    if not config.cookie_secret:
        config.cookie_secret = keys.cookie
    if isinstance(login, Provider):
        config.oauth_provider = login.name
        if not config.oauth_encryption_key:
            config.oauth_encryption_key = keys.oauth.encode()


def _guard(config, login):
    from app.server.guard import guard
    from app.server.health_check import visitor

    return guard(
        login,
        also=visitor(config.cookie_secret),
        login_template=ASSETS / "login.html",
        logout_template=ASSETS / "logout.html",
        error_template=ASSETS / "refused.html",
    )


def _with_headers():
    from tornado.web import OutputTransform

    class WithHeaders(OutputTransform):
        def transform_first_chunk(self, status_code, headers, chunk, finishing):
            for name, value in HEADERS.items():
                headers[name] = value
            headers["Server"] = "livestem"
            return status_code, headers, chunk

    return WithHeaders


def _has_port(name: str) -> bool:
    return bool(re.search(r":\d+$", name))
