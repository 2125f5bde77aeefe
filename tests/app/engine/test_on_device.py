"""The whole application on the stand-in for a GPU: the same pictures, and what survives a fault."""

import gc
import json
import os
import weakref
from io import BytesIO

import h5py
import numpy as np
import pytest

from app.engine.catalogue import Catalogue
from app.engine.engine import Engine
from app.state.request import Annulus, Dpc, Geometry, Reading, Region, TileChoice
from recon.device.backend import CPU
from recon.device.failure import DeviceFull
from recon.io import write_events
from recon.simulate.scan import truth
from tests.support.fake_arrays import CUDARuntimeError, OutOfMemoryError
from tests.support.fake_gpu import fake_gpu
from tests.support.on_device import (
    close,
    exact,
    opened,
    service,  # noqa: F401 - a fixture
)
from tests.support.scans import ABERRATIONS, CALIBRATION, weak_events

pytestmark = pytest.mark.usefixtures("few_frequencies")
TRIED = (
    6,
    pytest.param(int(os.environ.get("LIVESTEM_TEST_ALLOCATIONS", "20")), marks=pytest.mark.slow),
)
"""Of all allocations, how many fail in turn. LIVESTEM_TEST_ALLOCATIONS=100000 tries every single
one, with --slow, which takes minutes."""

READING = Reading("scan.npz")
GEOMETRY = Geometry(80e3, 25.0, CALIBRATION.scan_sampling, auto_orientation=True)
ENTERED = Geometry(80e3, 25.0, CALIBRATION.scan_sampling, rotation_deg=10.0)
"""Where the orientation, which takes a second to find, matters nothing."""
FULL = "The GPU's memory is full"
INSTEAD = "Running on the CPU instead."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_events(folder / "scan.npz", weak_events(400, metadata=truth(CALIBRATION, ABERRATIONS)))
    return folder


@pytest.fixture
def fake(monkeypatch):
    return fake_gpu("cpu", monkeypatch)


def pictures(engine):
    """All results of the scan by name, with everything found from the events themselves."""
    scan = engine.scan(READING, Region((0, 1, 2, 0)))
    found = engine.find(scan, GEOMETRY)
    g = engine.sidebands(scan, found.calibration, 12, full=True)
    made = {
        f"{mode} {sideband}": engine.phase(g, ABERRATIONS, mode, sideband, 0.9)
        for mode in ("draft", "exact", "sum")
        for sideband in ("both", "full")
    }
    made["object"] = engine.transmission(g, ABERRATIONS, "exact", "right")
    picked = engine.frequencies(g, TileChoice(5))
    made["tiles"] = engine.tiles(g, ABERRATIONS, picked)
    made["spectrum"], made["picked"] = engine.spectrum(g), picked
    made["pacbed"], made["com"] = engine.pacbed(scan), engine.com(scan)
    for dpc in (Dpc(), Dpc("direct", 1e-3, 0.1)):
        result = engine.dpc(scan, found.calibration, dpc)
        made[f"dpc {dpc.method}"], made[f"power {dpc.method}"] = result.phase, result.spectrum
        made[f"errors {dpc.method}"] = result.errors
    return made | engine.virtual(scan, found, Annulus(0.3, 1.2)), found


def test_every_picture_is_the_same_on_both_devices(folder, fake):
    cpu, gpu = Engine(Catalogue(folder)), Engine(Catalogue(folder), device=fake.device, strict=True)
    expected, on_cpu = pictures(cpu)
    made, on_gpu = pictures(gpu)
    assert made.keys() == expected.keys()
    for name, image in made.items():
        assert isinstance(image, np.ndarray), name
        scale = np.abs(expected[name]).max(initial=1e-30)
        np.testing.assert_allclose(image, expected[name], atol=1e-5 * scale, err_msg=name)
    assert on_gpu.calibration.centre == pytest.approx(on_cpu.calibration.centre, abs=1e-4)
    assert on_gpu.rotation_deg == pytest.approx(on_cpu.rotation_deg, abs=1e-3)
    assert fake.problems == []
    assert gpu.store.device_nbytes > 0 == cpu.store.device_nbytes


def test_two_sessions_share_what_lies_on_the_device(folder, fake, service):
    engine = Engine(Catalogue(folder), device=fake.device)
    one = opened(engine, service)
    live = fake.live
    two = opened(engine, service)
    assert one.pipeline.preparing.prepared.sidebands is two.pipeline.preparing.prepared.sidebands
    assert fake.live == live
    close(engine, one, two)
    assert fake.live == 0


def test_what_is_saved_in_the_page_names_the_device(folder, fake, service):
    engine = Engine(Catalogue(folder), device=fake.device)
    session = opened(engine, service)
    with h5py.File(BytesIO(session.pipeline.to_save("hdf5")().data)) as file:
        parameters = json.loads(file.attrs["parameters"])
        phase = file["ssb/phase"][()]
    assert parameters["device"] == {"used": "gpu", "name": "Stand-in for a GPU"}
    same(phase, exact(session).array)
    close(engine, session)


def refocused(session, defocus):
    """Turn the defocus, and wait for its exact phase."""
    before = exact(session)
    session.experiment.aberrations.defocus = defocus
    session.until(lambda: exact(session) not in (None, before))
    return exact(session).array


def expected(engine, session):
    """The exact phase of what is set in a session, by another engine."""
    request = session.experiment.request()
    scan = engine.scan(request.reading, request.region)
    calibration = engine.find(scan, request.geometry).calibration
    g = engine.sidebands(scan, calibration, request.bright_field_pixels)
    return engine.phase(g, request.aberrations, "exact", "both", request.band_limit)


def same(image, other):
    np.testing.assert_allclose(image, other, atol=1e-5 * np.abs(other).max())


class Failing:
    """Lets every allocation fail from one on, for as long as wanted."""

    def __init__(self, fake, monkeypatch):
        self.after, self.error = None, None
        allocate = fake.allocate

        def limited(size):
            if self.after is not None:
                self.after -= 1
                if self.after < 0:
                    full = OutOfMemoryError(size, fake.live)
                    raise CUDARuntimeError(self.error) if self.error else full
            allocate(size)

        monkeypatch.setattr(fake, "allocate", limited)


@pytest.fixture
def failing(fake, monkeypatch):
    return Failing(fake, monkeypatch)


@pytest.fixture
def cpu(folder):
    return Engine(Catalogue(folder))


@pytest.mark.parametrize("tried", TRIED)
def test_a_full_device_at_any_step_ends_no_session_and_leaks_nothing(
    folder, fake, service, failing, cpu, tried
):
    engine = Engine(Catalogue(folder), device=fake.device)
    engine.warm_up()
    before = fake.allocations
    other = opened(engine, service)
    steps = fake.allocations - before
    refocused(other, 1.0)  # keeps the draft's norm with G
    close(engine)
    level = fake.live
    assert steps > 30
    assert level > 0
    for number, step in enumerate(range(0, steps, -(-steps // tried))):
        failing.after = step
        session = opened(engine, service, number)
        assert session.all("error") == []
        same(refocused(session, 7.0), expected(cpu, session))
        failing.after = None
        same(refocused(other, 8.0 + step), expected(cpu, other))
        (said,) = session.all("notice")
        assert FULL in said
        assert said.endswith(INSTEAD)
        close(engine, session)
        assert fake.live == level
    assert other.all("error") == other.all("notice") == []
    close(engine, other)
    assert fake.live == 0
    assert fake.problems == []


@pytest.mark.parametrize("tried", TRIED)
def test_one_allocation_that_fails_once_is_not_even_noticed(folder, fake, service, tried):
    engine = Engine(Catalogue(folder), device=fake.device)
    engine.warm_up()
    before = fake.allocations
    close(engine, opened(engine, service))
    steps = fake.allocations - before
    for number, step in enumerate(range(1, steps, -(-steps // tried))):
        fake.fail_at(step)
        session = opened(engine, service, number)
        assert session.all("error") == session.all("notice") == []
        assert session.pipeline.preparing.prepared.sidebands.device is fake.device
        close(engine, session)
        assert fake.live == 0


def test_a_scan_that_cannot_fit_is_refused_before_it_is_tried(folder, fake, service, cpu):
    engine = Engine(Catalogue(folder), device=fake.device)
    fake.limit = 900_000  # as many bytes as the electrons of a pass, and a few more
    session = opened(engine, service)
    (said,) = [words for words in session.all("notice") if words.startswith("This scan of ")]
    assert "20 × 24 positions at 12 pixels across needs" in said
    assert "free: take " in said
    assert said.endswith(INSTEAD)
    assert session.pipeline.preparing.prepared.sidebands.device is not fake.device
    same(refocused(session, 7.0), expected(cpu, session))
    assert session.all("device")[-1].details[0].startswith("G on the CPU: ")
    close(engine, session)
    assert fake.live == 0


def test_a_new_g_may_take_the_place_of_the_old_one(folder, fake, service, cpu):
    engine = Engine(Catalogue(folder), device=fake.device)
    session = opened(engine, service)
    close(engine)
    old, gone = weakref.ref(session.pipeline.preparing.prepared.sidebands), []
    let_go = session.pipeline.preparing.let_go
    session.pipeline.preparing.let_go = lambda: (let_go(), gc.collect(), gone.append(old() is None))
    # Room for the electrons' pass and one G, but not for two.
    fake.limit = fake.live + 900_000
    shown = exact(session)
    session.experiment.detector.bright_field_pixels = 10
    session.until(lambda: exact(session) not in (None, shown) or session.all("notice"))
    assert session.all("notice") == session.all("error") == []
    assert session.pipeline.preparing.prepared.sidebands.device is fake.device
    assert gone == [True]
    same(refocused(session, 7.0), expected(cpu, session))
    close(engine, session)
    assert fake.live == 0


def test_what_g_takes_is_announced_before_it_is_built(folder, fake):
    engine = Engine(Catalogue(folder), device=fake.device)
    scan = engine.scan(READING, Region())
    calibration = engine.find(scan, ENTERED).calibration
    number, unit = engine.announcement(scan, calibration, 12).removeprefix("G ").split()[:2]
    assert engine.announcement(scan, calibration, 12).endswith(" kB on the GPU")
    size = engine.sidebands(scan, calibration, 12).nbytes
    assert (float(number), unit) == (pytest.approx(size / 1e3, rel=0.2), "kB")


def test_half_precision_is_asked_for_on_the_gpu_alone(folder, fake, monkeypatch):
    asked = []

    def build(events, calibration, pixels, **options):
        asked.append((events.device.name, options["half"]))
        raise ValueError("enough")

    monkeypatch.setattr("recon.ssb.build.build_sidebands", build)
    for device in (fake.device, CPU):
        engine = Engine(Catalogue(folder), device=device, half=True)
        scan = engine.scan(READING, Region())
        calibration = engine.find(scan, ENTERED).calibration
        assert engine.plan(scan, calibration, 12).request.half == (device is not CPU)
        with pytest.raises(ValueError, match="enough"):
            engine.sidebands(scan, calibration, 12)
    assert asked == [("gpu", True), ("cpu", False)]


@pytest.fixture
def asked_of_g(monkeypatch):
    """What each building of G was given: whether the events had a copy on the device."""
    from recon.ssb.gfunction import build_sidebands

    copied, refusals = [], [0]

    def build(events, calibration, pixels, **options):
        copied.append(events.copy is not None)
        if len(copied) <= refusals[0]:
            raise DeviceFull("There was less room than it seemed.")
        return build_sidebands(events, calibration, pixels, **options)

    monkeypatch.setattr("recon.ssb.build.build_sidebands", build)
    return copied, refusals


def test_events_make_room_for_g_where_only_one_of_them_fits(folder, fake, asked_of_g, monkeypatch):
    monkeypatch.setattr("recon.device.residence.CHUNK_ELECTRONS", 1 << 12)
    engine = Engine(Catalogue(folder), device=fake.device, strict=True)
    scan = engine.scan(READING, Region())
    calibration = engine.find(scan, ENTERED).calibration
    needed = engine.plan(scan, calibration, 12)
    assert needed.events > needed.request.streamed_bytes
    # The passes so far have left a copy there, for which there was room.
    assert engine.store.device_nbytes >= needed.events
    fake.limit = needed.peak - 1
    g = engine.sidebands(scan, calibration, 12)
    assert g.device is fake.device
    assert asked_of_g[0] == [False]


def test_g_that_finds_no_room_after_all_is_tried_without_a_copy_of_the_events(
    folder, fake, asked_of_g
):
    engine = Engine(Catalogue(folder), device=fake.device, strict=True)
    scan = engine.scan(READING, Region())
    calibration = engine.find(scan, ENTERED).calibration
    copied, refusals = asked_of_g
    refusals[0] = 1
    assert engine.sidebands(scan, calibration, 12).device is fake.device
    assert copied == [True, False]


def test_where_the_gpu_is_demanded_the_sentence_is_shown_and_the_picture_stays(
    folder, fake, service, failing
):
    engine = Engine(Catalogue(folder), device=fake.device, strict=True)
    session = opened(engine, service)
    shown = exact(session)
    failing.after = 0
    session.experiment.aberrations.defocus = 5.0
    session.until(lambda: session.all("error"))
    assert FULL in session.all("error")[-1]
    assert "Choose fewer pixels" in session.all("error")[-1]
    assert session.pipeline.drawing.phase is shown
    failing.after = None
    assert not np.array_equal(refocused(session, 6.0), shown.array)
    close(engine, session)
    assert fake.live == 0


def test_a_lost_driver_is_one_sentence_and_the_cpu_goes_on(folder, fake, service, failing, cpu):
    engine = Engine(Catalogue(folder), device=fake.device)
    session, other = opened(engine, service), opened(engine, service, 6)
    assert session.all("device")[-1].name == "Stand-in for a GPU"
    failing.error = "cudaErrorDevicesUnavailable: the device was reset"
    failing.after = 0
    for each in (session, other):
        same(refocused(each, 9.0), expected(cpu, each))
        assert each.all("error") == []
        (said,) = each.all("notice")
        assert "the device was reset" in said
        assert "Traceback" not in said
        assert said.endswith(INSTEAD)
    engine.gauge._read_at = 0.0
    refocused(session, 10.0)
    assert session.all("device")[-1].name.startswith("CPU, ")
    assert "the device was reset" in session.all("device")[-1].details[-1]
    session.experiment.dpc.iterations = 3
    session.until(lambda: len(session.all("dpc")) == 2)
    close(engine, session, other)
    assert fake.live == 0
