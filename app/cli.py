"""The command `livestem`: what it offers, and how it ends.

Every command ends with exit code 0, or with 2 and one sentence on standard error; never with a
traceback, unless the environment variable LIVESTEM_DEBUG asks for one. The commands import what
they need when they run, so that `livestem --help` answers at once.
"""

import os
import signal
import sys
import traceback
import warnings

import typer
from typer.main import get_command

from app.commands import (
    batch,
    bench,
    convert,
    count,
    hand_over,
    info,
    receive,
    reconstruct,
    replay,
    serve,
    simulate,
)

app = typer.Typer(
    name="livestem",
    help="Live phase-contrast imaging from 4D-STEM electron events.",
    epilog="`livestem COMMAND --help` explains one command. LIVESTEM_DEBUG=1 shows tracebacks.",
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)

LOOK, FILES, MACHINE = "In the browser", "On files", "About this machine"
LIVE = "At the microscope"

app.command(rich_help_panel=LOOK)(serve.serve)
app.command(rich_help_panel=FILES)(info.info)
app.command(rich_help_panel=FILES)(reconstruct.reconstruct)
app.command(rich_help_panel=FILES)(batch.batch)
app.command(rich_help_panel=FILES)(hand_over.hand_over)
app.command(rich_help_panel=FILES)(convert.convert)
app.command(rich_help_panel=FILES)(count.count)
app.command(rich_help_panel=FILES)(simulate.simulate)
app.command(rich_help_panel=LIVE)(receive.receive)
app.command(rich_help_panel=LIVE)(replay.replay)
app.command(rich_help_panel=MACHINE)(bench.bench)

DEBUG = "LIVESTEM_DEBUG"
INTERRUPTED = 130


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
):
    """Live phase-contrast imaging from 4D-STEM electron events."""
    if version:
        from importlib.metadata import version as version_of

        typer.echo(version_of("livestem"))
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: list[str] | None = None) -> int:
    """Run the command line `arguments` (of the process by default); the exit code."""
    try:
        code = get_command(app).main(args=arguments, prog_name="livestem", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Exception as error:
        if _debugging():
            traceback.print_exc()
        typer.echo(_sentence(error), err=True)
        return 2
    return code if isinstance(code, int) else 0


def run() -> None:
    """Entry of the installed command: `main`, with SIGTERM as orderly an end as Ctrl-C."""
    signal.signal(signal.SIGTERM, _interrupt)
    if not _debugging() and not sys.warnoptions:
        # Standard error carries the one sentence; a library's warning is no news to a user.
        warnings.simplefilter("ignore")
    sys.exit(main())


def _interrupt(number, frame):
    # Half-written files are removed on the way out, which the default handler would not do.
    raise KeyboardInterrupt


def _debugging() -> bool:
    return os.environ.get(DEBUG, "") not in ("", "0")


def _sentence(error: Exception) -> str:
    """What went wrong, on one line."""
    if hasattr(error, "format_message"):
        text = error.format_message().replace("Value error, ", "")
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    elif isinstance(error, ValueError | OSError) or _of_the_device(error):
        text = str(error)
    elif isinstance(error, MemoryError):
        text = f"Not enough memory. {error}"
    else:
        text = f"Unexpected {type(error).__name__}: {error} ({DEBUG}=1 shows where)"
    text = " ".join(text.split()) or type(error).__name__
    return text if text[-1] in ".?!)" else f"{text}."


def _of_the_device(error: Exception) -> bool:
    from recon.device.backend import DeviceError

    return isinstance(error, DeviceError)


if __name__ == "__main__":
    run()
