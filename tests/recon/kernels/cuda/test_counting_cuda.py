"""The CUDA twin of electron counting against the CPU's, in the simulator or on a GPU.

And compiled without a GPU, if NVIDIA's compiler is there.
"""

import inspect

import numpy as np
import pytest
from numba import config, cuda

import recon.counting.count
from recon.counting.correction import Readout, correction
from recon.counting.count import count_electrons
from recon.counting.thresholds import Thresholds
from recon.device.backend import CPU
from recon.kernels.arguments import Camera
from recon.kernels.cpu import counting
from recon.kernels.cuda import counting as cuda_counting
from tests.support import detector, simulator
from tests.support.fake_gpu import fake_gpu

ARGUMENTS = list(inspect.signature(cuda_counting.count).parameters)


@pytest.fixture
def turns(monkeypatch):
    yield from simulator.take_turns(monkeypatch)


def run(count, parts, raw, camera, room, saturation=None):
    correct = correction(
        camera.frame_shape, raw.dtype, camera.dark, camera.gain, Readout(saturation)
    )
    flat = raw.reshape(len(raw), -1)
    out = [
        np.zeros(len(raw), np.int64),
        np.zeros(parts, np.int64),
        np.zeros((parts, room), np.uint32),
        np.zeros((parts, room), np.uint8),
    ]
    limits = correct.limits(25.0, raw.dtype)
    known = Camera(
        camera.frame_shape[1],
        limits,
        correct.dark,
        correct.gain,
        correct.saturation,
        correct.level,
        background=25.0,
        xray=400.0,
    )
    count(flat, known, False, np.zeros(2, bool), *out)
    return out


@pytest.mark.skipif(
    not (config.ENABLE_CUDASIM or cuda.is_available()),
    reason="no GPU, and no simulator of one: set NUMBA_ENABLE_CUDASIM=1",
)
@pytest.mark.filterwarnings("ignore:Host array used in CUDA kernel")
@pytest.mark.parametrize("saturation", [None, 320])
def test_electrons_and_their_places_are_the_cpus(saturation, turns, monkeypatch):
    if config.ENABLE_CUDASIM:
        monkeypatch.setattr(cuda_counting, "THREADS", 32)
    camera = detector.Camera((11, 13), seed=6)
    raw = camera.expose(3, camera.electrons(3, 8), xrays=1)
    theirs = run(cuda_counting.count, 3, raw, camera, 40, saturation)
    # One part a frame, as on the GPU.
    ours = run(counting.count, 3, raw, camera, 40, saturation)
    assert ours[0].sum() > 10
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(np.asarray(other), mine)


@pytest.mark.skipif(
    not (config.ENABLE_CUDASIM or cuda.is_available()), reason="no GPU, and no simulator of one"
)
@pytest.mark.filterwarnings("ignore:Host array used in CUDA kernel")
def test_more_electrons_than_there_is_room_for_are_counted_and_not_written(turns, monkeypatch):
    if config.ENABLE_CUDASIM:
        monkeypatch.setattr(cuda_counting, "THREADS", 32)
    camera = detector.Camera((9, 10), seed=2)
    raw = camera.expose(2, camera.electrons(2, 9))
    counts, found, pixels, _ = run(cuda_counting.count, 2, raw, camera, 2)
    whole = run(counting.count, 2, raw, camera, 90)
    np.testing.assert_array_equal(counts, whole[0])
    np.testing.assert_array_equal(found, whole[0])
    np.testing.assert_array_equal(pixels, whole[2][:, :2])


def test_the_twins_have_the_same_parameters():
    assert list(inspect.signature(counting.count.compiled.py_func).parameters) == ARGUMENTS


def events_of(device):
    camera = detector.Camera((11, 13), seed=6)
    raw = camera.expose(6, camera.electrons(6, 8))
    return count_electrons(
        raw, (2, 3), camera.dark, camera.gain, Thresholds(25.0), subpixel=True, device=device
    )


@pytest.mark.parametrize("kernels", ["cpu", "cuda"])
def test_counting_on_a_device_is_counting_on_the_cpu(kernels, turns, monkeypatch):
    if kernels == "cuda" and not config.ENABLE_CUDASIM:
        pytest.skip("needs the simulator: set NUMBA_ENABLE_CUDASIM=1")
    monkeypatch.setattr(cuda_counting, "THREADS", 32)
    # Too few for the first frame, so that the slab is done again.
    monkeypatch.setattr(recon.counting.count, "FIRST_ROOM", 2)
    expected = events_of(CPU)
    device = fake_gpu(kernels, monkeypatch).device
    events = events_of(device)
    np.testing.assert_array_equal(events.pixels, expected.pixels)
    np.testing.assert_array_equal(events.offsets, expected.offsets)
    np.testing.assert_array_equal(events.subpixel, expected.subpixel)


def test_what_the_gpu_does_not_do_is_refused_in_a_sentence(monkeypatch):
    device = fake_gpu("cpu", monkeypatch).device
    for options in ({"method": "cluster"}, {"readout": Readout(common="rows")}):
        with pytest.raises(ValueError, match="choose the device 'cpu'"):
            count_electrons(
                np.zeros((1, 4, 4), np.uint16), thresholds=Thresholds(1.0), device=device, **options
            )
