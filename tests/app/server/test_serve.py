"""The served page, from outside: it has contents, keeps strangers out, and refuses in words."""

import os
import re
import subprocess
import sys

import pytest
import requests

from tests.support.scans import SCAN_SHAPE, weak_events, write_4dcamera
from tests.support.servers import ROOT, server
from tests.support.waiting import PATIENCE_S
from tests.support.wire import roots


@pytest.fixture(scope="module")
def scan_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("served") / "weak.h5"
    return write_4dcamera(path, list(weak_events(200).frames()), SCAN_SHAPE)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def served(scan_file, cache):
    """URL of the page of one scan, served without any setting."""
    command = ["-m", "app.cli", "serve", str(scan_file), "--port", "0", "--no-open"]
    with server(command, r"http://localhost:\d+/app", LIVESTEM_CACHE=str(cache)) as (_, found):
        # The first page takes longer than the health check has patience, on a busy machine.
        assert requests.get(found[0], timeout=PATIENCE_S).ok
        yield found[0]


def test_page_of_a_scan_is_served_with_contents(served):
    assert roots(served) > 0


def test_a_session_cannot_be_forged(served):
    answer = requests.get(served, params={"bokeh-session-id": "chosen"}, timeout=PATIENCE_S)
    assert answer.status_code == 403


def test_health_check_tells_a_page_with_contents_from_an_empty_one(served, tmp_path):
    check = [sys.executable, "-m", "app.server.health_check"]
    away = {**os.environ, "http_proxy": "http://127.0.0.1:9"}  # where nobody listens
    assert subprocess.run([*check, served], cwd=ROOT, env=away).returncode == 0
    (tmp_path / "main.py").write_text("raise ValueError('broken')")
    command = ["-m", "panel", "serve", str(tmp_path), "--port", "0", "--address", "localhost"]
    with server(command, r"running at: (http://localhost:\d+/\S+)") as (_, found):
        page = requests.get(found[1], timeout=PATIENCE_S)
        assert page.status_code == 200
        assert not [word for word in ("Traceback", "broken", str(tmp_path)) if word in page.text]
        done = subprocess.run([*check, found[1]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "is empty" in done.stderr
    gone = subprocess.run([*check, found[1]], cwd=ROOT, capture_output=True, text=True)
    assert gone.returncode == 1
    assert "does not answer" in gone.stderr


def test_page_answers_under_its_address(served):
    answer = requests.get(served, timeout=PATIENCE_S)
    assert answer.status_code == 200
    assert "livestem" in answer.text


def test_page_of_another_site_cannot_open_a_session(served):
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from tornado.httpclient import HTTPClientError, HTTPRequest
    from tornado.websocket import websocket_connect

    request = HTTPRequest(
        served.replace("http:", "ws:") + "/ws", headers={"Origin": "http://elsewhere.example"}
    )

    async def connect():
        await websocket_connect(request, subprotocols=["bokeh", "token"])

    # On a thread of its own: a browser's driver may keep a loop running on this one.
    with ThreadPoolExecutor(1) as thread, pytest.raises(HTTPClientError) as refusal:
        thread.submit(lambda: asyncio.run(connect())).result()
    assert refusal.value.code == 403


def test_panel_serve_app_serves_the_same_page(scan_file):
    command = ["-m", "panel", "serve", "app", "--port", "0", "--address", "localhost"]
    ready = r"running at: (http://localhost:\d+/app)"
    with server(command, ready, LIVESTEM_DATA=str(scan_file.parent)) as (_, found):
        assert roots(found[1]) > 0


def refusal(*arguments, **environment):
    """The one sentence with which `livestem serve` ends; a server that starts is an error."""
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "serve", "--no-open", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.strip().splitlines()) == 1
    return done.stderr


def test_what_cannot_be_served_is_refused_in_one_sentence(served, tmp_path):
    port = re.search(r":(\d+)", served)[1]
    assert "There is no file or folder" in refusal(str(tmp_path / "absent"))
    assert "already in use" in refusal("--port", port)
