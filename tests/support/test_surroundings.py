"""The tests' own surroundings: what they start ends with them, and nothing else decides."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import surroundings
from tests.support.paths import ROOT
from tests.support.waiting import wait_until

ENDLESS = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if len(sys.argv) > 1:
    subprocess.Popen([sys.executable, "-c", sys.argv[1]])
print("runs", flush=True)
time.sleep(3600)
"""
RUN = f"""
import os, pathlib, subprocess, sys, time
ENDLESS = {ENDLESS!r}

def test_it():
    child = subprocess.Popen([sys.executable, "-c", ENDLESS, ENDLESS], stdout=subprocess.PIPE)
    assert child.stdout.readline() == child.stdout.readline() == b"runs\\n"
    pathlib.Path(__file__).with_name("mark").write_text(os.environ["{surroundings.MARK}"] + "\\n")
    time.sleep(3600)
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs Linux's /proc")
def test_what_tests_start_ends_with_them_even_when_they_are_killed(tmp_path):
    (tmp_path / "test_it.py").write_text(RUN)
    options = ["-q", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    options += ["--basetemp", tmp_path / "base"]
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, tmp_path / "test_it.py"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
    )
    mark = tmp_path / "mark"
    wait_until(lambda: run.poll() is not None or (mark.exists() and mark.read_text()[-1:] == "\n"))
    name = mark.read_text().strip()
    assert len(list(surroundings.marked(name))) == 2
    run.kill()
    run.wait()
    wait_until(lambda: not list(surroundings.marked(name)))


@pytest.mark.parametrize("number", surroundings.STOPPING)
def test_a_signal_that_the_tests_ignore_stops_what_they_start(number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        surroundings.let_children_be_stopped()
        with subprocess.Popen(["sleep", "3600"]) as child:
            child.send_signal(number)
        os.kill(os.getpid(), number)  # is ignored, as it was
    finally:
        signal.signal(number, before)
    assert child.returncode == -number


def test_settings_of_whoever_runs_the_tests_are_taken_back(monkeypatch):
    kept = {"HOME": "/home/anna", "LIVESTEM_FUZZ": "5", "LIVESTEM_TEST_DATA": "/data"}
    others = ("LIVESTEM_LOGIN", "BOKEH_SECRET_KEY", "PANEL_OAUTH_KEY", "HTTPS_PROXY", "no_proxy")
    others += ("PYTHONDONTWRITEBYTECODE",)
    monkeypatch.setattr(os, "environ", kept | dict.fromkeys(others, "x"))
    surroundings.take_settings_back()
    assert os.environ == kept
