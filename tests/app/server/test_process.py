import logging
import os
import subprocess
import sys

import pytest

from app.server.config import Settings
from app.server.process import build
from recon.device import backend
from recon.device.backend import CPU
from recon.device.failure import DeviceError
from tests.support.paths import ROOT


@pytest.fixture
def no_gpu(monkeypatch):
    def gpu():
        raise DeviceError("No GPU: none is here.")

    monkeypatch.setattr(backend, "gpu", gpu)


def test_a_process_shares_one_engine_and_ends_cleanly(tmp_path):
    parts = build(Settings(cache=tmp_path, memory=1000))
    name = parts.catalogue.add_upload("scan.h5", b"x")
    path = parts.catalogue.path(name)
    assert parts.engine.catalogue is parts.catalogue
    parts.close()
    assert not path.exists()
    assert not any(thread.is_alive() for thread in parts.service._threads)


def test_without_a_gpu_the_cpu_is_taken_and_the_log_says_why_once(tmp_path, no_gpu, caplog):
    with caplog.at_level(logging.WARNING):
        parts = build(Settings(cache=tmp_path))
    try:
        placed = parts.engine.placed
        assert (placed.device, placed.strict) == (CPU, False)
        assert placed.why_cpu == "No GPU: none is here."
        assert [r.message for r in caplog.records] == ["Running on the CPU. No GPU: none is here."]
    finally:
        parts.close()


def test_who_wants_the_cpu_is_told_nothing(tmp_path, no_gpu, caplog):
    with caplog.at_level(logging.WARNING):
        parts = build(Settings(cache=tmp_path, device="cpu"))
    parts.close()
    assert parts.engine.placed.why_cpu is None
    assert not caplog.records


def test_a_gpu_that_is_wanted_and_absent_is_an_error(tmp_path, no_gpu):
    with pytest.raises(DeviceError, match=r"^No GPU: none is here\.$"):
        build(Settings(cache=tmp_path, device="gpu"))


def test_the_gpu_is_taken_with_the_owners_limit(tmp_path, monkeypatch):
    from tests.support.fake_gpu import fake_gpu

    fake = fake_gpu("cpu", monkeypatch)
    parts = build(Settings(cache=tmp_path, device="gpu", gpu_memory=1 << 20))
    try:
        assert parts.engine.placed.device is fake.device
        assert parts.engine.placed.strict
        assert fake.limit == 1 << 20
        assert parts.engine.store._device_limit == 3 << 18
    finally:
        parts.close()


def test_the_owners_number_of_threads_is_kept_in_every_thread(tmp_path):
    """In a process of its own: the number holds for all that follows."""
    script = """
import threading
from pathlib import Path
import numba, numpy as np
from numba import prange
from recon.kernels import parallel
from app.server.config import Settings
from app.engine.gauge import model
from app.server.process import build
from recon.device.backend import CPU

@parallel
def ask(out):
    for i in prange(out.size):
        out[i] = numba.get_num_threads()

before = np.zeros(8)
ask(before)
parts = build(Settings(cache=Path(PLACE), threads=1, device="cpu"))
found = []
def work():
    out = np.zeros(8)
    ask(out)
    found.append(int(out.max()))
work()
other = threading.Thread(target=work)
other.start()
other.join()
print(before.min() == numba.config.NUMBA_NUM_THREADS, found, model(CPU), CPU.fft_options)
parts.close()
"""
    script = script.replace("PLACE", repr(str(tmp_path)))
    path = tmp_path / "script.py"
    path.write_text(script)
    said = subprocess.run(
        [sys.executable, path],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert said.stdout.strip() == "True [1, 1] CPU, 1 thread {'workers': 1}", said.stderr
