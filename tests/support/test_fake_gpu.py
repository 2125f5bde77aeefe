"""The stand-in for a GPU is as strict as CuPy where that matters."""

import gc
from threading import Event, Thread, Timer

import numpy as np
import pytest

from app.engine.store import COMPUTING
from recon.device import backend
from tests.support.fake_gpu import fake_gpu


@pytest.fixture
def fake(monkeypatch):
    return fake_gpu("cpu", monkeypatch)


@pytest.fixture
def xp(fake):
    return fake.xp


def test_arrays_of_host_and_device_do_not_mix(xp):
    here, there = np.ones(3, np.float32), xp.ones(3, np.float32)
    for mix in (
        lambda: here + there,
        lambda: there + here,
        lambda: np.asarray(there),
        lambda: np.add(there, here),
        lambda: xp.where(there > 0, here, there),
        lambda: xp.stack([here, there]),
        lambda: there[here > 0],
        lambda: there.__setitem__(slice(None), here),
        lambda: there.__iadd__(here),
        lambda: here.__iadd__(there),
    ):
        with pytest.raises(TypeError):
            mix()


def test_a_kernel_refuses_what_is_on_the_host(fake):
    pixels = np.arange(5, dtype=np.uint32)
    with pytest.raises(TypeError, match="`pixels` of highest is on the host"):
        fake.device.kernels.highest(pixels)
    there = fake.xp.asarray(pixels)
    assert fake.device.kernels.highest(there) == 4
    assert fake.device.kernels.highest(fake.device.handle(there)) == 4


def test_device_arrays_calculate_as_numpys_do(xp):
    host = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    there = xp.asarray(host)
    pairs = [
        (2 * there + 1, 2 * host + 1),
        (np.float32(2) * there, np.float32(2) * host),
        (there.mean(axis=0, dtype=np.float64), host.mean(axis=0, dtype=np.float64)),
        (there.sum(), host.sum()),
        (xp.where(there > 0, there, 0), np.where(host > 0, host, 0)),
        (there[1:3, ::2].T, host[1:3, ::2].T),
        (there[xp.asarray([2, 0])], host[[2, 0]]),
    ]
    for result, expected in pairs:
        assert isinstance(result, xp.ndarray)
        assert result.dtype == expected.dtype
        np.testing.assert_array_equal(result.get(), expected)
    assert float(there.max()) == host.max()


def test_memory_is_counted_once_for_an_array_and_its_views(fake):
    array = fake.xp.zeros(100, np.float32)
    views = [array[3:], array.reshape(10, 10), array.T, fake.xp.asarray(array)]
    assert fake.live == 400
    del array
    gc.collect()
    assert fake.live == 400
    del views
    assert (fake.live, fake.peak) == (0, 400)


def test_the_nth_allocation_fails_and_so_does_what_does_not_fit(fake):
    fake.fail_at(2)
    first = fake.xp.zeros(10)
    with pytest.raises(MemoryError, match="allocating 80 bytes"):
        fake.xp.ones(10)
    fake.limit = 200
    with pytest.raises(MemoryError, match="limit set to: 200"):
        first + fake.xp.ones(10)
    assert fake.live == 80


def test_new_memory_holds_rubbish(xp):
    assert float(abs(xp.empty(3, np.float32)).min()) > 1e6


def test_copies_in_a_stream_happen_no_earlier_than_they_are_waited_for(fake):
    stream, event = fake.xp.cuda.Stream(non_blocking=True), fake.xp.cuda.Event()
    array, host = fake.xp.empty(3), np.ones(3)
    array.set(host, stream=stream)
    event.record(stream)
    host[:] = 2  # too early: the copy has not been made
    assert float(array[0]) != 1
    fake.xp.cuda.Stream.null.wait_event(event)
    np.testing.assert_array_equal(array.get(), 2)


def test_memory_freed_under_a_copy_is_noticed(fake):
    stream = fake.xp.cuda.Stream(non_blocking=True)
    fake.xp.empty(3).set(np.ones(3), stream=stream)
    assert fake.problems == ["24 bytes freed while a copy to them went on"]


def test_transforms_take_what_cupys_take(fake):
    host = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    spectrum = fake.device.fft.rfft2(fake.xp.asarray(host))
    np.testing.assert_allclose(spectrum.get(), np.fft.rfft2(host), rtol=1e-5, atol=1e-5)
    with pytest.raises(TypeError, match="workers"):
        fake.device.fft.irfft2(spectrum, workers=2)
    with pytest.raises(TypeError, match="arrays of the device"):
        fake.device.fft.rfft2(host)


def test_plans_fit_one_shape_and_are_divided_by_nothing(fake):
    host = np.random.default_rng(0).normal(size=(3, 4, 6)).astype(np.float32)
    there, spectrum = fake.xp.asarray(host), fake.xp.empty((3, 4, 4), np.complex64)
    back, fft = fake.xp.empty_like(there), fake.device.fft
    held = fake.live
    forward = fft.get_fft_plan(there, (4, 6), axes=(-2, -1), value_type="R2C")
    inverse = fft.get_fft_plan(spectrum, (4, 6), axes=(-2, -1), value_type="C2R")
    assert fake.live > held
    np.testing.assert_array_equal(fft.rfft2(there, plan=forward).get(), fft.rfft2(there).get())
    forward.fft(there, spectrum, -1)
    np.testing.assert_allclose(spectrum.get(), np.fft.rfft2(host), rtol=1e-4, atol=1e-5)
    inverse.fft(spectrum, back, 1)
    np.testing.assert_allclose(back.get(), 24 * host, rtol=1e-4, atol=1e-4)
    assert float(abs(spectrum).min()) > 1e6  # spoilt, as cuFFT spoils it
    for call in (
        lambda: forward.fft(there[:2], spectrum, -1),
        lambda: fft.rfft2(there[:2], plan=forward),
        lambda: fft.rfft2(there, plan=inverse),
        lambda: inverse.fft(spectrum, back[:2], 1),
    ):
        with pytest.raises(ValueError, match="cuFFT plan"):
            call()
    with pytest.raises(TypeError, match="arrays of the device"):
        forward.fft(host, spectrum, -1)


def test_what_cupy_lacks_is_missing(xp):
    with pytest.raises(AttributeError, match="errstate"):
        xp.errstate()
    with pytest.raises(TypeError, match="where"):
        xp.sum(xp.ones(3), where=xp.ones(3, bool))
    with pytest.raises(TypeError, match="where"):
        np.add(xp.ones(3), 1, where=xp.ones(3, bool))


def test_what_an_earlier_test_has_left_under_way_takes_no_memory_of_a_later_ones(monkeypatch):
    """An algorithm follows its data to the one device there is, which another test's may be."""
    earlier, go_on = fake_gpu("cpu", monkeypatch), Event()

    array = earlier.xp.ones(1000)

    def abandoned():
        go_on.wait(60)
        backend.device_of(array).xp.zeros(5000)

    Thread(target=abandoned, name=COMPUTING, daemon=True).start()
    Timer(0.2, go_on.set).start()
    later = fake_gpu("cpu", monkeypatch)
    assert earlier.peak == 8 * 6000
    assert later.peak == 0


def test_the_backend_finds_it(fake):
    assert backend.choose("auto") is fake.device is backend.device_of(fake.xp.ones(2))
    assert backend.device_of(np.ones(2)) is backend.CPU
    assert backend.describe(fake.device) == "Stand-in for a GPU, 0.0 of 1 GB in use"
    np.testing.assert_array_equal(backend.on_host(fake.xp.ones(2)), 1)
