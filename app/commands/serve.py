"""`livestem serve`: the page, on this machine or for a lab."""

import json
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.commands import options
from app.commands.clusters import Workers

LAB = "In a lab"
MICROSCOPE = "At the microscope"


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
    live: Annotated[
        str | None,
        typer.Option(
            metavar="KIND:ADDRESS",
            envvar="LIVESTEM_LIVE",
            help="Show scans as a microscope makes them, such as `interactem:tcp://host:5000`; "
            "the kinds are those of `livestem receive`.",
            show_default=False,
            rich_help_panel=MICROSCOPE,
        ),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            envvar="LIVESTEM_KEEP",
            help="Where its scans are kept, row by row.  [default: LIVESTEM_RESULTS, or the cache]",
            show_default=False,
            rich_help_panel=MICROSCOPE,
        ),
    ] = None,
    scan_shape: Annotated[
        str | None,
        typer.Option(
            "--scan-shape",
            parser=options.size,
            metavar="Y,X",
            help="Scan positions, for streams that do not say.",
            rich_help_panel=MICROSCOPE,
        ),
    ] = None,
    patience_s: Annotated[float | None, options.patience(MICROSCOPE)] = None,
    port: Annotated[
        int,
        typer.Option(
            metavar="N",
            parser=options.whole(0, 65535),
            envvar="LIVESTEM_PORT",
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
    device: Annotated[
        Literal["auto", "cpu", "gpu"] | None,
        typer.Option(
            help="Where to compute; `auto`, the default, takes a GPU where there is one.",
            show_default=False,
        ),
    ] = None,
    cluster: Workers = None,
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
            envvar="LIVESTEM_HOST",
            help="Name by which browsers call this server, besides localhost; may be repeated.",
            rich_help_panel=LAB,
        ),
    ] = None,
    login: Annotated[
        str | None,
        typer.Option(
            metavar="FILE or PROVIDER",
            envvar="LIVESTEM_LOGIN",
            help="Ask who comes: a file made by `htpasswd -B -C 12`, or github:anna,ben "
            "(google:@lab.example.org, azure:*, …) for OAuth.",
            show_default=False,
            rich_help_panel=LAB,
        ),
    ] = None,
    prefix: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            envvar="LIVESTEM_PREFIX",
            help="Path of the page's URL.",
            rich_help_panel=LAB,
        ),
    ] = None,
    use_xheaders: Annotated[
        bool,
        typer.Option(
            "--use-xheaders",
            help="Trust the headers of a reverse proxy.",
            rich_help_panel=LAB,
        ),
    ] = False,
):
    """Serve the page with the demonstration, with one scan, or with a folder of scans.

    `panel serve app` serves the same page with all of Panel's options, and without the locks that
    this command puts on; the environment variable LIVESTEM_DATA then names the scans.
    """
    from app.server.config import settings_from
    from app.server.login import login_from
    from app.server.serving import Place, Served, check_reach, host_names

    if data is not None:
        if not data.exists():
            raise ValueError(f"There is no file or folder {data}.")
        if not data.is_dir():
            _check_scan(data)
        os.environ["LIVESTEM_DATA"] = str(data.resolve())
    if device is not None:
        os.environ["LIVESTEM_DEVICE"] = device
    if cluster is not None:
        os.environ["LIVESTEM_CLUSTER"] = cluster
    options_of_live = {"scan_shape": scan_shape, "patience": patience_s}
    told = {name: value for name, value in options_of_live.items() if value is not None}
    if live is not None:
        _listen(live, keep, told)
    elif told:
        said = "--scan-shape" if scan_shape is not None else "--patience-s"
        raise ValueError(f"{said} is said of a microscope: name that with --live.")
    settings = settings_from(os.environ)
    if settings.device == "gpu":
        _check_gpu()
    asked = login_from(login or "")
    place = Place(port, address, host_names(allow_websocket_origin or []), prefix or "")
    check_reach(place)
    place = Place(
        _free_port(address, port), address, place.names, place.prefix, use_xheaders=use_xheaders
    )
    if open_browser is None:
        desktop = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        open_browser = bool(desktop) and sys.stdout.isatty()
    _tell_who_may_come(place, asked)
    # To be told to stop is how a server ends, be it before it has begun.
    with suppress(KeyboardInterrupt):
        _run(Served(place, settings.cache, asked, open_browser, _say))


def _check_scan(path: Path) -> None:
    from recon.io import is_scan

    if not is_scan(path):
        raise ValueError(f"{path} is no scan in a known format: `livestem info {path}` says more.")


def _listen(source: str, keep: Path | None, told: dict) -> None:
    """Have the server listen to a microscope, in whichever of its processes."""
    from recon.live.kinds import check_source

    check_source(source, **told)
    os.environ["LIVESTEM_LIVE"] = source
    if told:
        os.environ["LIVESTEM_LIVE_OPTIONS"] = json.dumps(told)
    if keep is not None:
        if keep.exists() and not keep.is_dir():
            raise ValueError(f"{keep} is no folder: scans are kept in one.")
        os.environ["LIVESTEM_KEEP"] = str(keep.resolve())


def _check_gpu() -> None:
    from recon.device.backend import DeviceError, gpu

    try:
        gpu()
    except DeviceError as error:
        raise ValueError(str(error)) from error


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


def _tell_who_may_come(place, login) -> None:
    """What an owner should know before others come."""
    from app.server.login import COST, Users
    from app.server.serving import LOOPBACK

    away = [n for n in place.names if n.rpartition(":")[0] not in LOOPBACK and n not in LOOPBACK]
    if login is None and away:
        _say(
            f"Whoever reaches {', '.join(away)} may open every scan that is offered: "
            "--login (LIVESTEM_LOGIN) asks for a password."
        )
    elif isinstance(login, Users) and not login.hashed:
        _say("The passwords of the login are in plain text: `htpasswd -B` makes a file of hashes.")
    elif isinstance(login, Users) and min(login.costs) < COST:
        _say(
            f"Passwords of the login are hashed at bcrypt's cost {min(login.costs)}, which makes "
            f"guessing cheap for whoever gets the file: `htpasswd -B -C {COST}` is advised."
        )


def _say(sentence: str) -> None:
    print(sentence, flush=True)


def _run(served) -> None:
    """Serve; what keeps the server from starting has been said."""
    from app.server.quiet import Heedless, open_standard_streams
    from app.server.serving import run

    open_standard_streams()
    if sys.stdout is not None:
        sys.stdout = Heedless(sys.stdout)
    try:
        run(served)
    except SystemExit as end:
        raise typer.Exit(2 if end.code else 0) from end
