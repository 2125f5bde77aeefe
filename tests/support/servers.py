"""A server in a process of its own, as a test needs it."""

import os
import re
import subprocess
import sys
import tempfile
from contextlib import contextmanager

import pytest

from tests.support.paths import ROOT
from tests.support.waiting import PATIENCE_S, wait_until


class Server(subprocess.Popen):
    """A process whose output is kept in a file: a pipe that nobody reads would fill up."""

    def __init__(self, command, **environment):
        self._log, self._ready = tempfile.TemporaryFile(), 0  # noqa: SIM115 - `end` closes it
        super().__init__(
            [sys.executable, *map(str, command)],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def said(self, start=0):
        """All it has printed, from character `start` on."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode(errors="replace")[start:]

    def until(self, ready):
        """Wait until it has printed a line with a match of `ready`, which is returned."""

        def found():
            ended = self.poll() is not None
            return re.search(ready, self.said().rpartition("\n")[0]) or ended

        try:
            match = wait_until(found)
        except AssertionError:
            pytest.fail(f"the server is not ready: {self.said()}")
        if match is True:
            pytest.fail(f"the server ended with {self.returncode}: {self.said()}")
        self._ready = match.end()
        return match

    def communicate(self, input=None, timeout=PATIENCE_S):
        """Wait for its end; what it has printed since it was ready, and None."""
        self.wait(timeout)
        return self.said(self._ready), None

    def end(self):
        """Tell it to stop, and see that it does."""
        self.terminate()
        try:
            self.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            self.wait()
            pytest.fail(f"the server did not stop when it was told to: {self.said()}")
        finally:
            self._log.close()


@contextmanager
def server(command, ready, **environment):
    """A server process, and the match of `ready` in what it prints."""
    process = Server(command, **environment)
    try:
        yield process, process.until(ready)
    finally:
        process.end()


def served(*arguments, program=("-m", "app.cli"), **environment):
    """`livestem serve` on a free port: the process, and the match of its page's address."""
    command = [*program, "serve", *arguments, "--port", "0", "--no-open"]
    return server(command, r"http://localhost:(\d+)\S*/app", **environment)
