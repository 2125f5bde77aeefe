"""A server that is told to stop leaves nothing behind, whatever it was doing."""

import os
import signal
import socket
import subprocess
import sys

import pytest
import requests

from app.server.keys import read_keys
from tests.support.cold import PROGRAM
from tests.support.played import free_port
from tests.support.scans import SCAN_SHAPE, weak_events, write_4dcamera
from tests.support.servers import ROOT, served
from tests.support.waiting import PATIENCE_S, wait_until


@pytest.fixture(scope="module")
def scan_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("served") / "weak.h5"
    return write_4dcamera(path, list(weak_events(200).frames()), SCAN_SHAPE)


BEFORE = """
import sys
import time
from app.server.process import shared

shared().catalogue.add_upload("scan.h5", b"x" * 1000)
from app.cli import run

sys.argv[0] = "livestem"
run()
"""


def test_uploads_and_sessions_are_gone_when_the_server_was_told_to_stop(tmp_path, scan_file):
    folder, cache = tmp_path / "tmp", tmp_path / "cache"
    folder.mkdir()
    settings = {"TMPDIR": str(folder), "LIVESTEM_CACHE": str(cache)}
    with served(scan_file, program=("-c", BEFORE), **settings) as (process, found):
        (uploads,) = folder.glob("livestem-*")
        assert [path.name for path in uploads.rglob("*.h5")] == ["scan.h5"]
        assert uploads.stat().st_mode & 0o077 == 0
        # A session of a browser, still open when the signal comes.
        key = read_keys(cache).session
        session = subprocess.Popen(
            [sys.executable, "-c", HOLD, found[0]],
            cwd=ROOT,
            env={**os.environ, "BOKEH_SIGN_SESSIONS": "true", "BOKEH_SECRET_KEY": key},
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
        )
        try:
            assert session.stdout.readline() == "open\n"
            process.send_signal(signal.SIGTERM)
            rest, _ = process.communicate(timeout=PATIENCE_S)
        finally:
            session.communicate("\n", timeout=PATIENCE_S)
    assert process.returncode == 0
    assert "Traceback" not in rest
    assert list(folder.iterdir()) == []


HOLD = """
import sys
import time
from bokeh.client import pull_session
import app.page.page
import app.views.tools
import app.features

session = pull_session(url=sys.argv[1])
assert session.document.roots
print("open", flush=True)
sys.stdin.readline()
"""


BEGUN = """
import app.cli, app.server.config

settings_from = app.server.config.settings_from

def begun(environment):
    print("begun", flush=True)
    return settings_from(environment)

app.server.config.settings_from = begun
app.cli.run()
"""


def test_a_server_is_told_to_stop_before_it_listens(tmp_path):
    """As a container's first process it has no other handler than its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", BEGUN, "serve"],
        cwd=ROOT,
        env={**os.environ, "LIVESTEM_CACHE": str(tmp_path), "LIVESTEM_PORT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode in (0, 130)
    assert "Traceback" not in rest


@pytest.mark.parametrize(
    "how", ["nobody reads", "closed", pytest.param("full", marks=pytest.mark.slow)]
)
def test_a_server_stops_though_it_cannot_say_so(tmp_path, how):
    """Bokeh says that it stops before it does, be it to a pipe that nobody reads."""
    port = free_port()
    command = [sys.executable, *PROGRAM, "serve", "--no-open", "--port", str(port)]
    closed = {"nobody reads": "", "closed": " <&- >&- 2>&-", "full": " >/dev/full"}[how]
    process = subprocess.Popen(
        ["sh", "-c", f'exec "$@"{closed}', "sh", *command],
        cwd=ROOT,
        env={**os.environ, "LIVESTEM_CACHE": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.stdout.close()
        wait_until(lambda: answers(port) or process.poll() is not None, timeout=120)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.wait()


def answers(port):
    try:
        socket.create_connection(("localhost", port)).close()  # ten times as fast where it is not
        return requests.get(f"http://localhost:{port}/app/metadata", timeout=60).ok
    except OSError:
        return False
