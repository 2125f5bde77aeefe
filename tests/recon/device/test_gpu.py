"""What only a real GPU can show: scans of real size, its own memory, and the bench as it is used.

Small scans, failures and the kernels one by one are in `test_chain.py` and
`tests/recon/kernels/cuda`, which take a GPU where there is one.
"""

import gc
import json
import sys

import numpy as np
import pytest

from recon.bench import __main__
from recon.bench.work import reference_calibration, reference_events
from recon.device import backend, residence
from recon.device.backend import on_host
from recon.dpc.integrate import integrate_com
from recon.ssb.gfunction import build_sidebands
from recon.ssb.phase import MODES, single_sideband
from recon.ssb.planning import plan, require
from recon.sums.com import centre_of_mass, scan_deflection
from recon.warm import warm_up
from tests.support.device_chain import assert_agree, chain
from tests.support.scans import ABERRATIONS, CALIBRATION, weak_events, weak_phase

TOLERANCE = 1e-5
CUDA_MODULES = {
    f"recon.kernels.cuda.{name}"
    for name in ("dpc", "events", "sideband_exact", "sideband_geometry", "sidebands")
}


@pytest.fixture(scope="module")
def gpu():
    """The real GPU, with the memory of this process given back before and after."""
    if reason := backend.why_not_gpu():
        pytest.skip(reason)
    device = backend.gpu()
    backend.release(device)
    yield device
    backend.release(device)


@pytest.fixture(scope="module")
def waves():
    """A scan of 96 × 80 positions over a few waves of a weak object."""
    return weak_events(phase=weak_phase((96, 80)))


def test_every_result_of_a_scan_with_an_object_is_the_cpus(gpu, waves):
    expected = chain(waves, CALIBRATION, ABERRATIONS, across=18)
    assert_agree(chain(waves.to_device(gpu), CALIBRATION, ABERRATIONS, across=18), expected)


def test_every_result_of_a_large_scan_is_the_cpus(gpu):
    events, calibration = reference_events((512, 512), 18, 50.0), reference_calibration(18)
    expected = chain(events, calibration, ABERRATIONS, across=18)
    assert_agree(chain(events.to_device(gpu), calibration, ABERRATIONS, across=18), expected)


def test_events_that_are_streamed_give_the_same_image(gpu, monkeypatch):
    events, calibration = reference_events((512, 400), 18, 60.0), reference_calibration(18)
    g = build_sidebands(events, calibration, 18)
    expected = single_sideband(g, ABERRATIONS, "exact")
    monkeypatch.setattr(residence, "SHARE", 0.0)
    monkeypatch.setattr(residence, "CHUNK_ELECTRONS", 1 << 20)
    there = events.to_device(gpu)
    assert there.copy is None
    image = on_host(single_sideband(build_sidebands(there, calibration, 18), ABERRATIONS, "exact"))
    assert np.linalg.norm(image - expected) < TOLERANCE * np.linalg.norm(expected)


def test_half_precision_is_off_by_less_than_a_two_thousandth(gpu):
    events, calibration = reference_events((512, 512), 18, 50.0), reference_calibration(18)
    there = events.to_device(gpu)
    whole = build_sidebands(there, calibration, 18)
    half = build_sidebands(there, calibration, 18, half=True)
    assert half.nbytes < 0.6 * whole.nbytes
    for mode in ("draft", "exact"):
        images = [on_host(single_sideband(g, ABERRATIONS, mode)) for g in (half, whole)]
        assert 0 < np.linalg.norm(images[0] - images[1]) < 5e-4 * np.linalg.norm(images[1])


def test_a_gpu_takes_no_more_than_was_planned_and_gives_it_back(gpu):
    events, calibration = reference_events((512, 512), 32, 50.0), reference_calibration(32)
    gc.collect()
    backend.release(gpu)
    before = backend.memory(gpu)
    wanted = plan(events.scan_shape, events.frame_shape, events.electrons, calibration, 32)
    planned = require(wanted, before, gpu)
    pool = gpu.xp.get_default_memory_pool()
    held = pool.total_bytes()
    results = chain(events.to_device(gpu), calibration, ABERRATIONS, across=32)
    # The pool keeps what was freed: its size is the most that was ever in use, in round blocks.
    assert pool.total_bytes() - held < planned.peak
    del results
    gc.collect()
    backend.release(gpu)
    assert pool.used_bytes() == 0


def kernels():
    """Every CUDA kernel and function that Numba compiles when it is first launched."""
    modules = (module for name, module in sys.modules.items() if name in CUDA_MODULES)
    return [k for m in modules for k in vars(m).values() if hasattr(k, "overloads")]


def test_after_the_warm_up_a_session_compiles_nothing(gpu, waves):
    warm_up(None, gpu)
    compiled = [len(kernel.overloads) for kernel in kernels()]
    assert sum(compiled) > 10
    g = build_sidebands(waves.to_device(gpu), CALIBRATION, 18)
    for mode in MODES:
        single_sideband(g, ABERRATIONS, mode)
    integrate_com(scan_deflection(centre_of_mass(waves.to_device(gpu)), CALIBRATION), CALIBRATION)
    assert [len(kernel.overloads) for kernel in kernels()] == compiled


def test_the_bench_runs_from_beginning_to_end(gpu, tmp_path, capsys):
    output = tmp_path / "bench.json"
    options = ["--device", "gpu", "--scan", "256", "--pixels", "18", "--output", str(output)]
    code = __main__.main(options)
    printed = capsys.readouterr()
    report = json.loads(output.read_text())
    assert code == 0, printed.err
    assert report["timer"] == "CUDA events"
    stages = report["sizes"][0]["stages"]
    assert all(stage["wall_ms"] > 0 for stage in stages.values())
    assert min(stages[name]["device_ms"] for name in ("the paper's kernel", "draft redraw")) > 0
    agreement = [value for name, value in report["agreement"].items() if name != "scan"]
    assert all(value["norm"] < TOLERANCE for value in agreement)
