"""`livestem serve`: the page, on this machine."""

import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from app.commands import options

LAB = "In a lab"
EVERYWHERE = ("0.0.0.0", "::", "")


def serve(
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE or FOLDER",
            help="Scan to show, or folder of scans to choose from; "
            "left out, there is the built-in demonstration.",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        int,
        typer.Option(
            metavar="N",
            parser=options.whole(0, 65535),
            help="Port to listen on; 0 takes a free one.",
        ),
    ] = 5006,
    open_browser: Annotated[
        bool | None,
        typer.Option(
            "--open/--no-open",
            help="Open the page in a browser; left out, only where a desktop is seen.",
            show_default=False,
        ),
    ] = None,
    address: Annotated[
        str,
        typer.Option(
            help="Address to listen on; `localhost` is reached from this machine alone, "
            "0.0.0.0 from everywhere.",
            rich_help_panel=LAB,
        ),
    ] = "localhost",
    allow_websocket_origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST[:PORT]",
            help="Name by which browsers call this server, besides localhost; may be repeated.",
            rich_help_panel=LAB,
        ),
    ] = None,
    prefix: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Path of the page's URL.", rich_help_panel=LAB),
    ] = None,
    use_xheaders: Annotated[
        bool,
        typer.Option(
            "--use-xheaders",
            help="Believe the headers of a reverse proxy.",
            rich_help_panel=LAB,
        ),
    ] = False,
):
    """Serve the page with the demonstration, with one scan, or with a folder of scans.

    `panel serve app` serves the same page with all of Panel's options, such as a login; the
    environment variable LIVESTEM_DATA then names the scans.
    """
    if data is not None:
        if not data.exists():
            raise ValueError(f"There is no file or folder {data}.")
        if not data.is_dir():
            _check_scan(data)
        os.environ["LIVESTEM_DATA"] = str(data.resolve())
    port = _free_port(address, port)
    if open_browser is None:
        desktop = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        open_browser = bool(desktop) and sys.stdout.isatty()

    own = [] if address in EVERYWHERE else [address]
    hosts = [f"{name}:{port}" for name in dict.fromkeys(["localhost", "127.0.0.1", *own])]
    arguments = [f"--port={port}", f"--address={address}", "--log-level=warning"]
    arguments += [
        f"--allow-websocket-origin={h}" for h in (*hosts, *(allow_websocket_origin or []))
    ]
    arguments += [f"--prefix={prefix}"] if prefix else []
    arguments += ["--use-xheaders"] if use_xheaders else []
    arguments += ["--show"] if open_browser else []
    # To be told to stop is how a server ends, be it before it has begun.
    with suppress(KeyboardInterrupt):
        _run(arguments)


def _check_scan(path: Path) -> None:
    from recon.io import READERS

    if not any(reader.matches(path) for reader in READERS):
        known = " or ".join(reader.NAME for reader in READERS)
        raise ValueError(f"{path} is no file of electron events ({known}).")


def _free_port(address: str, port: int) -> int:
    """`port`, or a free one for 0; `ValueError` where nothing can listen on it."""
    try:
        family, kind, protocol, _, endpoint = socket.getaddrinfo(
            address or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # As the server itself will do: a port that was just left may be taken again.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(endpoint)
            return probe.getsockname()[1]
    except OSError as error:
        raise ValueError(
            f"Cannot listen on {address}, port {port} ({error.strerror.lower()}): "
            "choose another with --port; --port 0 takes a free one."
        ) from error


def _run(arguments: list[str]) -> None:
    """Run Panel's own server on the folder `app`, as `panel serve app` does."""
    from argparse import ArgumentParser

    from panel.command.serve import Serve

    import app

    class WithOneLine(Serve):
        def customize_server(self, server):
            server = super().customize_server(server)
            host = "localhost" if server.address in EVERYWHERE else server.address
            url = f"http://{host}:{server.port}{server.prefix}/app"
            print(f"livestem is at {url} (Ctrl-C ends it)", flush=True)
            return server

    parser = ArgumentParser(prog="livestem serve", add_help=False)
    command = WithOneLine(parser=parser)
    folder = str(Path(app.__file__).parent)
    try:
        command.invoke(parser.parse_args([folder, *arguments]))
    except SystemExit as end:  # Bokeh has said why it cannot start
        raise typer.Exit(2 if end.code else 0) from end
