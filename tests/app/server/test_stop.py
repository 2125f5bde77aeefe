"""A server that is told to stop leaves nothing behind, whatever it was doing."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.support import wire
from tests.support.cold import PROGRAM
from tests.support.ports import free_port
from tests.support.scans import SCAN_SHAPE, weak_events, write_4dcamera
from tests.support.servers import ROOT, served
from tests.support.waiting import PATIENCE_S, wait_until


@pytest.fixture(scope="module")
def scan_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("served") / "weak.h5"
    return write_4dcamera(path, list(weak_events(200).frames()), SCAN_SHAPE)


BEFORE = """
import sys
from app.server.process import shared

shared().catalogue.add_upload("scan.h5", b"x" * 1000)
from tests.support.cold import main

sys.argv[0] = "livestem"
main()
"""


def test_uploads_and_sessions_are_gone_when_the_server_was_told_to_stop(tmp_path, scan_file):
    folder = tmp_path / "tmp"
    folder.mkdir()
    settings = {"TMPDIR": str(folder), "LIVESTEM_CACHE": str(tmp_path / "cache")}
    with served(scan_file, program=("-c", BEFORE), **settings) as (process, found):
        (uploads,) = folder.glob("livestem-*")
        assert [path.name for path in uploads.rglob("*.h5")] == ["scan.h5"]
        assert uploads.stat().st_mode & 0o077 == 0
        # On a thread of its own: a browser's driver may keep a loop running on this one.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, stopped_under_a_page(process, found[0])).result()
        rest, _ = process.communicate()
    assert process.returncode == 0
    assert "Traceback" not in rest
    assert list(folder.iterdir()) == []


async def stopped_under_a_page(process, url):
    """Tell a server to stop while a browser's session is open, and wait until it has."""
    async with wire.socket(url, wire.token_of(wire.page(url))) as page:
        assert (await page.begin())["roots"]
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait, PATIENCE_S)


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
        wait_until(lambda: answers(port) or process.poll() is not None)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()


def answers(port):
    try:
        socket.create_connection(("localhost", port)).close()  # ten times as fast where it is not
        return requests.get(f"http://localhost:{port}/app/metadata", timeout=PATIENCE_S).ok
    except OSError:
        return False
