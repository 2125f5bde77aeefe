"""`livestem serve`: the page, on this machine."""

import os
import socket
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer


def serve(
    context: typer.Context,
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE or FOLDER]",
            help="Scan to show, or a folder of scans to choose from; "
            "without it, the built-in demonstration.",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 5006,
    address: Annotated[
        str, typer.Option(help="Address to listen on; `localhost` is reached from here only.")
    ] = "localhost",
    open_browser: Annotated[
        bool | None,
        typer.Option(
            "--open/--no-open",
            help="Open the page in a browser; by default on a desktop, started by hand.",
            show_default=False,
        ),
    ] = None,
):
    """Serve the page with the demonstration, with one scan, or with a folder of scans.

    Further options are those of `panel serve`, such as `--allow-websocket-origin lab.example.org`
    or `--basic-auth passwords.json`.
    """
    if data is not None:
        if not data.exists():
            raise ValueError(f"There is no file or folder {data}.")
        os.environ["LIVESTEM_DATA"] = str(data.resolve())
    if port:
        _check_port(address, port)
    if open_browser is None:
        open_browser = sys.stdout.isatty() and bool(
            os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        )
    arguments = [f"--port={port}", f"--address={address}", "--log-level=warning"]
    if not any(extra.startswith("--allow-websocket-origin") for extra in context.args):
        arguments += [f"--allow-websocket-origin={host}" for host in _origins(address, port)]
    if open_browser:
        arguments.append("--show")
    _run([*arguments, *context.args])


def _check_port(address: str, port: int) -> None:
    try:
        family, kind, protocol, _, endpoint = socket.getaddrinfo(
            address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with closing(socket.socket(family, kind, protocol)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(endpoint)
    except OSError as error:
        raise ValueError(
            f"Cannot listen on {address}, port {port} ({error.strerror.lower()}): "
            "choose another with --port; --port 0 takes a free one."
        ) from error


def _origins(address: str, port: int) -> list[str]:
    """Hosts whose pages may open a session: those by which the reader's own machine is called."""
    local = ["localhost", "127.0.0.1"]
    names = local if address in ("", "localhost", "0.0.0.0", "::") else [*local, address]
    return [f"{name}:{port}" if port else f"{name}:*" for name in dict.fromkeys(names)]


def _run(arguments: list[str]) -> None:
    """Run Panel's own server on the folder `app`, as `panel serve app` does."""
    import argparse

    from panel.command.serve import Serve

    import app

    class Parser(argparse.ArgumentParser):
        def error(self, message):
            raise ValueError(f"livestem serve: {message}.")

    class Quiet(Serve):
        def customize_server(self, server):
            server = super().customize_server(server)
            host = server.address or "localhost"
            shown = "localhost" if host in ("0.0.0.0", "::") else host
            print(f"livestem is at http://{shown}:{server.port}{server.prefix}/app", flush=True)
            return server

    parser = Parser(prog="livestem serve", add_help=False)
    command = Quiet(parser=parser)
    folder = str(Path(app.__file__).parent)
    command.invoke(parser.parse_args([folder, *arguments]))
