"""A server in a process of its own, as a test needs it."""

import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def server(command, ready, **environment):
    """A server process, and the match of `ready` in what it prints."""
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    # A server that never says that it is ready must not hang the tests.
    guard = threading.Timer(120, process.kill)
    guard.start()
    try:
        said = []
        for line in process.stdout:
            said.append(line)
            if found := re.search(ready, line):
                guard.cancel()
                yield process, found
                break
        else:
            pytest.fail(f"the server ended: {''.join(said)}")
    finally:
        guard.cancel()
        process.terminate()
        process.communicate(timeout=30)


def served(*arguments, program=("-m", "app.cli"), **environment):
    """`livestem serve` on a free port: the process, and the match of its page's address."""
    command = [*program, "serve", *map(str, arguments), "--port", "0", "--no-open"]
    return server(command, r"http://localhost:(\d+)\S*/app", **environment)
