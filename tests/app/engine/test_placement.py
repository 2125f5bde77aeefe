"""Which device does the work, and what happens when it cannot: on the stand-in for a GPU."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from app.engine import placement
from app.engine.placement import Placement, Turns, brought_home, released_by, room_on
from app.engine.store import Store
from recon.device.backend import CPU
from recon.device.failure import DeviceError, DeviceFull
from recon.errors import Cancelled
from tests.support.fake_arrays import CUDARuntimeError, OutOfMemoryError
from tests.support.fake_gpu import fake_gpu
from tests.support.waiting import PATIENCE_S, wait_until

KEY = ("stage", "scan")


@pytest.fixture
def fake(monkeypatch):
    return fake_gpu("cpu", monkeypatch)


@pytest.fixture
def placed(fake):
    store = Store(1 << 20, room_on(fake.device), released_by(fake.device))
    return Placement(store, fake.device)


def ones(device, report):
    report(0.5)
    return brought_home(device.xp.ones(100) + device.xp.ones(100))


def where(device, report):
    return device.name


def failing_on_gpu(error):
    def compute(device, report):
        if device is not CPU:
            raise error
        return device.name

    return compute


def test_work_is_done_on_the_device_and_remembered(placed, fake):
    assert placed.get(KEY, where) == "gpu"
    assert placed.get(KEY, lambda device, report: 1 / 0) == "gpu"
    np.testing.assert_array_equal(placed.get(("ones", "scan"), ones), 2)
    assert fake.live == 0


def test_without_a_gpu_the_cpu_does_it():
    assert Placement(Store(100)).get(KEY, where) == "cpu"
    assert room_on(CPU) is None


def test_what_does_not_fit_is_tried_again_when_others_have_made_room(placed, fake):
    idle = placed.get(("g", "other"), lambda device, report: holder(device, 1000))
    live = fake.live
    del idle
    tries = []

    def compute(device, report):
        tries.append(fake.live)
        if len(tries) == 1:
            fake.fail_at(1)
        return ones(device, report)

    np.testing.assert_array_equal(placed.get(KEY, compute), 2)
    assert tries == [live, 0]
    assert placed.statements("scan") == ()
    assert fake.released


def test_what_a_session_shows_stays_on_the_device(placed, fake):
    shown = placed.get(("g", "other"), lambda device, report: holder(device, 1000))
    live = fake.live
    fake.limit = live + 100
    assert placed.get(KEY, ones)[0] == 2  # by the CPU: there is no room for 800 bytes
    assert fake.live == live == shown.array.nbytes
    assert placed.get(("g", "other"), lambda device, report: 1 / 0) is shown


def test_what_never_fits_the_cpu_does_and_says_so_with_numbers(placed, fake):
    fake.limit = 500
    np.testing.assert_array_equal(placed.get(KEY, ones), 2)
    (said,) = placed.statements("scan")
    assert "800 bytes more were wanted" in said
    assert said.endswith("Running on the CPU instead.")
    assert placed.statements("another") == ()
    assert placed.device is fake.device
    assert fake.live == 0


def test_one_sentence_is_enough_for_all_that_does_not_fit(placed, fake):
    fake.limit = 500
    placed.get(KEY, ones)
    placed.get(("other", "scan"), ones)
    placed.get(("third", "scan"), failing_on_gpu(CUDARuntimeError("cudaErrorUnknown: unknown")))
    said = placed.statements("scan")
    assert len(said) == 2
    assert [words for words in said if "unknown" in words] == [said[0]]


def test_what_did_not_fit_is_tried_again_after_a_while(placed, fake, monkeypatch):
    fake.limit = 500
    placed.get(KEY, ones)
    fake.limit = 0
    assert placed.device_for(KEY) is CPU
    monkeypatch.setattr(placement, "RETRY_S", -1)
    assert placed.device_for(KEY) is fake.device
    assert placed.statements("scan") == ()


def test_where_the_owner_wants_the_gpu_its_sentence_is_shown(fake):
    placed = Placement(Store(1 << 20), fake.device, strict=True)
    fake.limit = 500
    with pytest.raises(DeviceFull, match="800 bytes more were wanted"):
        placed.get(KEY, ones)
    assert placed.device is fake.device


def test_a_device_that_failed_once_is_kept(placed, fake):
    error = CUDARuntimeError("cudaErrorLaunchFailure: unspecified launch failure")
    assert placed.get(KEY, failing_on_gpu(error)) == "cpu"
    assert "unspecified launch failure" in placed.statements("scan")[0]
    assert placed.get(("other", "scan"), where) == "gpu"


def test_a_device_that_is_gone_is_given_up(placed, fake, monkeypatch):
    error = CUDARuntimeError("cudaErrorDeviceLost: the device was reset")

    def gone(*args, **options):
        raise error

    monkeypatch.setattr(fake, "allocate", gone)
    assert placed.get(KEY, failing_on_gpu(error)) == "cpu"
    assert placed.device is CPU
    assert "the device was reset" in placed.why_cpu
    assert placed.get(("other", "scan"), where) == "cpu"


def test_other_errors_are_no_reason_to_leave_the_device(placed):
    with pytest.raises(ValueError, match="nonsense"):
        placed.get(KEY, failing_on_gpu(ValueError("nonsense")))
    with pytest.raises(Cancelled):
        placed.get(KEY, failing_on_gpu(Cancelled()))
    assert placed.statements("scan") == ()


def test_an_error_in_reading_back_is_a_sentence_too(placed):
    def broken():
        raise CUDARuntimeError("cudaErrorIllegalAddress: an illegal memory access")

    g = SimpleNamespace(device=placed.device)
    with pytest.raises(DeviceError, match=r"^The GPU failed \(cudaErrorIllegalAddress"):
        placed.redraw(g, broken)


def test_a_redraw_comes_home_and_is_tried_twice(placed, fake):
    g, tries = SimpleNamespace(device=fake.device), []

    def draw():
        tries.append(1)
        if len(tries) == 1:
            raise OutOfMemoryError(80, 900, 950)
        return fake.xp.ones(10)

    np.testing.assert_array_equal(placed.redraw(g, draw), 1)
    assert len(tries) == 2


def test_long_work_lets_redraws_go_first():
    turns, order = Turns(patience=PATIENCE_S), []
    drawing, draw = threading.Event(), threading.Event()

    def redraw():
        with turns.redraw():
            drawing.set()
            draw.wait(PATIENCE_S)
            order.append("redraw")

    def build():
        drawing.wait(PATIENCE_S)
        turns.give_way()
        order.append("batch")

    threads = [threading.Thread(target=work) for work in (redraw, build)]
    for thread in threads:
        thread.start()
    draw.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert order == ["redraw", "batch"]


def test_long_work_is_not_held_up_for_ever():
    turns = Turns(patience=0.001)
    with turns.redraw():
        turns.give_way()  # returns


def test_a_report_waits_for_the_batch_and_can_cancel(placed, fake, monkeypatch):
    waited, stream = [], SimpleNamespace(synchronize=lambda: waited.append(1))
    monkeypatch.setattr(fake.xp.cuda, "get_current_stream", lambda: stream)
    placed.get(KEY, ones)
    assert waited == [1]

    def progress(fraction):
        raise Cancelled

    started = threading.Event()

    def slow(device, report):
        started.set()
        while True:
            report(0.5)

    with pytest.raises(Cancelled):
        placed.get(("slow", "scan"), slow, progress)
    assert started.wait(PATIENCE_S)
    wait_until(lambda: not placed.store._flights)


def test_results_come_home_whatever_they_are_packed_in(fake):
    packed = {"a": fake.xp.ones(2), "b": holder(fake.device, 3), "c": 5, "d": np.ones(1)}
    home = brought_home(packed)
    assert type(home["a"]) is type(home["b"].array) is np.ndarray
    assert home["c"] == 5
    assert home["d"] is packed["d"]
    assert brought_home(None) is None


def holder(device, size):
    from tests.support.stored import Scan

    class Held(Scan):
        array = property(lambda self: self.pixels)

    return Held(device.xp.ones(size, "u1"))
