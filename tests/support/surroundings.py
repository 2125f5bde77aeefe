"""What surrounds the tests decides nothing: settings, signals, and where a run was killed.

The last of these is a process of its own, this file as a program, that outlives the tests: once
they are gone, however they ended, it ends what they started and what that has started.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

KEPT = (
    "LIVESTEM_TEST_",
    "LIVESTEM_FUZZ",
    "LIVESTEM_HUGE",
    "LIVESTEM_CHROMIUM",
    "LIVESTEM_FIREFOX",
    "LIVESTEM_PUPPETEER",
)
"""How much is tested, and with what: the only settings that are the tests' own."""
SETTINGS = ("LIVESTEM_", "BOKEH_", "PANEL_")
OTHERS = {
    # Servers are asked on this machine, which a proxy cannot reach.
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    # The width and the colours of what a command prints, which go by what they find here.
    *("columns", "lines", "force_color", "no_color", "py_colors", "github_actions"),
    *("pythonwarnings", "pythonoptimize"),
    # Each server and command that is started would compile all modules anew, for a second.
    "pythondontwritebytecode",
}
STOPPING = (signal.SIGINT, signal.SIGTERM)
ROOM = 1 << 30
"""Bytes that the tests write, at most, before they are done with them."""
MARK = "LIVESTEM_TEST_RUN"
"""In the environment of all that the tests start, and only there."""


def take_settings_back():
    """Leave the tests no setting of the program or of its libraries that they did not make."""
    for name in list(os.environ):
        known = name.startswith(SETTINGS) and not name.startswith(KEPT)
        if known or name.lower() in OTHERS:
            del os.environ[name]


def want_of_room():
    """A sentence where the disk has no room for what the tests write, or None."""
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    if free >= ROOM:
        return None
    return (
        f"The tests write up to {ROOM / 1e9:.1f} GB, but {folder} has {free / 1e9:.2f} GB: "
        "set TMPDIR to a folder with more."
    )


def let_children_be_stopped():
    """Give what is started from here its default handlers, where this process ignores a signal.

    Shells start what goes on in the background so; it would be passed on. A handler is not: this
    process ignores the signal as before.
    """
    for number in STOPPING:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda number, frame: None)


def end_children_with_this_process():
    """Have all that is started from here killed when this process is gone (on Linux).

    Returns the guard, which waits for that.
    """
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    guard = subprocess.Popen(
        # The pipe closes when this process ends: nobody else holds it.
        [sys.executable, "-S", "-E", __file__, mark],
        env={name: value for name, value in os.environ.items() if name != MARK},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.environ[MARK] = mark
    return guard


def marked(mark, name=MARK):
    """Numbers of the processes with that mark in their environment."""
    word = f"{name}={mark}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if word in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)


def main(mark):
    """Wait for the end of standard input, and end what has the mark and what it starts."""
    sys.stdin.buffer.read()
    while left := list(marked(mark)):
        for number in left:
            with suppress(OSError):
                os.kill(number, signal.SIGKILL)
        time.sleep(0.05)


if __name__ == "__main__":
    main(*sys.argv[1:])
