"""What the page says of the device, and how often the driver is asked."""

from types import SimpleNamespace

import numpy as np
import pytest

from app.engine import gauge
from app.engine.gauge import DeviceState, Gauge
from app.engine.placement import Placement
from app.engine.store import Store
from recon.device.backend import CPU, Memory, model
from recon.device.failure import DeviceFull
from recon.scan.events import from_frames
from tests.support.fake_gpu import fake_gpu


@pytest.fixture
def asked(monkeypatch):
    """The devices whose memory was asked for; the first is 2 of 8 GB full, then it fills up."""
    asked = []

    def memory(device):
        asked.append(device)
        return Memory(8 * 10**9, (7 - len(asked)) * 10**9, 0)

    monkeypatch.setattr(gauge, "memory", memory)
    return asked


def prepared(device):
    class Sidebands(SimpleNamespace):
        pass

    g = Sidebands(device=device, entries=1234567)
    events = from_frames([[1], [2, 3]], (1, 2), (2, 2))
    scan = SimpleNamespace(events=events, key="scan")

    class Prepared:
        pass

    made = Prepared()
    made.scan, made.sidebands = scan, g
    return made


def test_the_driver_is_asked_once_a_second_however_many_redraws_there_are(asked, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(gauge, "monotonic", lambda: now[0])
    meter = Gauge(Placement(Store(100)))
    mine = prepared(CPU)
    states = [meter.state(mine) for _ in range(50)]
    assert len(asked) == 1
    assert all(state is states[0] for state in states)
    assert (states[0].line, states[0].fraction) == ("2.0 of 8.0 GB", 0.25)
    now[0] += 1.01
    assert meter.state(mine).line == "3.0 of 8.0 GB"
    assert len(asked) == 2


def test_on_the_cpu_it_says_why(asked):
    placed = Placement(Store(100), CPU, why_cpu="No GPU: CuPy is not installed.")
    state = Gauge(placed).state(prepared(CPU))
    assert state.name == model(CPU)
    assert state.name.startswith("CPU, ")
    assert state.details == (
        "G: 0 bytes, 1,234,567 entries",
        "Events: 36 bytes, 3 electrons",
        "No GPU: CuPy is not installed.",
    )


def test_on_the_gpu_it_says_what_lies_there(asked, monkeypatch):
    device = fake_gpu("cpu", monkeypatch).device
    placed = Placement(Store(100, 1000), device)
    kept = placed.store.get("k", lambda report: device.xp.ones(48, np.uint8))
    placed.give_up(("g", "scan"), DeviceFull("It needs 9 GB, and 8 GB are free."))
    state = Gauge(placed).state(prepared(CPU))
    assert state.name == "Stand-in for a GPU"
    assert state.details[0].startswith("G on the CPU: ")
    assert state.details[2].startswith("It needs 9 GB, and 8 GB are free. ")
    assert state.details[-1] == f"Scans and G of all sessions on the GPU: {kept.nbytes} bytes"


def test_a_device_that_was_given_up_is_no_longer_shown(asked, monkeypatch):
    placed = Placement(Store(100), fake_gpu("cpu", monkeypatch).device)
    meter = Gauge(placed)
    assert meter.state().name == "Stand-in for a GPU"
    placed.device, placed.why_cpu = CPU, "The GPU failed."
    assert meter.state().name == model(CPU)
    assert meter.state().details == ("The GPU failed.",)


def test_a_device_that_does_not_answer_breaks_no_redraw(monkeypatch):
    device = fake_gpu("cpu", monkeypatch).device

    def silent(device):
        raise RuntimeError("the driver is gone")

    monkeypatch.setattr(gauge, "memory", silent)
    monkeypatch.setattr("recon.device.backend.describe", silent)
    state = Gauge(Placement(Store(100), device)).state()
    assert (state.name, state.line, state.fraction) == ("GPU", "", 0.0)


@pytest.mark.parametrize(
    ("used", "total", "line"),
    [
        (12_300_000_000, 139_000_000_000, "12.3 of 139 GB"),
        (61 * 10**9, 380 * 10**9, "61 of 380 GB"),
        (0, 24 * 10**9, "0.0 of 24 GB"),
        (10**9, 6 * 10**9, "1.0 of 6.0 GB"),
    ],
)
def test_memory_is_said_in_gigabytes_of_10_to_the_9(used, total, line):
    assert DeviceState("NVIDIA H200", used, total).line == line
