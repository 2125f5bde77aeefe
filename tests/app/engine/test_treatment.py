"""What is done to the electrons of a scan, through the stages that the page uses."""

import json
from io import BytesIO
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from app.engine.catalogue import Catalogue
from app.engine.engine import Engine
from app.engine.health import check
from app.pipeline.lanes import ComputeService
from app.pipeline.meter import Meter
from app.pipeline.summary import summary
from app.state.experiment import Experiment
from app.state.following import forget_region
from app.state.link import from_query, to_query
from app.state.request import Geometry, Reading, Region, Request, Treatment
from recon.io import write_events
from recon.scan.events import from_frames
from recon.treatment.rows import regrid
from tests.support.scans import ABERRATIONS, CALIBRATION, FRAME_SHAPE, SCAN_SHAPE, weak_events
from tests.support.sessions import Session

HOT = ((15, 12), (16, 14), (3, 20))
METADATA = {
    "energy": CALIBRATION.energy,
    "semiangle_cutoff": CALIBRATION.semiangle_cutoff,
    "scan_sampling": CALIBRATION.scan_sampling,
    "rotation_deg": CALIBRATION.rotation_deg,
}
GEOMETRY = Geometry(80e3, 25.0, CALIBRATION.scan_sampling, rotation_deg=-12.0)


def with_hot_pixels(events, rate=60):
    rng = np.random.default_rng(0)
    frames = np.split(events.pixels, events.offsets[1:-1])
    places = np.array([y * FRAME_SHAPE[1] + x for y, x in HOT], np.uint32)
    frames = [np.append(f, np.repeat(places, rng.poisson(rate, len(HOT)))) for f in frames]
    return from_frames(frames, SCAN_SHAPE, FRAME_SHAPE, metadata=METADATA)


def with_descan(events, largest=1.5):
    """Moved down and to the left over the rows; a part of a pixel by chance."""
    rng = np.random.default_rng(1)
    down = np.repeat(np.linspace(-largest, largest, SCAN_SHAPE[0]), SCAN_SHAPE[1])
    frames = []
    for frame, shift in zip(np.split(events.pixels, events.offsets[1:-1]), down, strict=True):
        y, x = np.divmod(frame.astype(int), FRAME_SHAPE[1])
        y = y + np.floor(shift + rng.random(y.size)).astype(int)
        x = x + np.floor(-shift + rng.random(x.size)).astype(int)
        inside = (y >= 0) & (y < FRAME_SHAPE[0]) & (x >= 0) & (x < FRAME_SHAPE[1])
        frames.append((y * FRAME_SHAPE[1] + x)[inside].astype(np.uint32))
    return from_frames(frames, SCAN_SHAPE, FRAME_SHAPE, metadata=METADATA)


def elliptical():
    """Electrons of a disc of 8 px radius whose rows are stretched by 1.2 against its columns."""
    rng = np.random.default_rng(2)
    radius, turn = 8 * np.sqrt(rng.random(600_000)), 2 * np.pi * rng.random(600_000)
    y, x = 14 + 1.2**0.5 * radius * np.sin(turn), 13 + radius * np.cos(turn) / 1.2**0.5
    pixels = (np.round(y) * FRAME_SHAPE[1] + np.round(x)).astype(np.uint32)
    return from_frames(np.split(pixels, 64), (8, 8), FRAME_SHAPE)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("treated")
    clean = weak_events(4000, METADATA)
    write_events(folder / "clean.npz", clean)
    write_events(folder / "hot.npz", with_hot_pixels(clean))
    write_events(folder / "descan.npz", with_descan(clean))
    write_events(folder / "ellipse.npz", elliptical())
    engine = Engine(Catalogue(folder))
    yield engine
    engine.close()


def phase(engine, name, treatment):
    scan = engine.scan(Reading(name), Region(), treatment)
    found = engine.find(scan, GEOMETRY)
    g = engine.sidebands(scan, found.calibration, 12)
    return engine.phase(g, ABERRATIONS, "exact", "both")


def com_field(engine, name, treatment):
    scan = engine.scan(Reading(name), Region(), treatment)
    return engine.deflection(scan, engine.find(scan, GEOMETRY).calibration)


def away(engine, treatment, image, name="hot.npz"):
    """Distance of an image of a spoiled scan from that of the clean one, relative."""
    wanted = image(engine, "clean.npz", Treatment())
    return np.std(image(engine, name, treatment) - wanted) / np.std(wanted)


def test_masked_hot_pixels_leave_the_clean_scan(engine):
    masked = Treatment(mask_faulty=True)
    scan = engine.scan(Reading("hot.npz"), Region(), masked)
    pattern, clean = (engine.pacbed(s) for s in (scan, engine.scan(Reading("clean.npz"), Region())))
    keep = np.ones(FRAME_SHAPE, bool)
    for place in HOT:
        keep[place] = False
    np.testing.assert_array_equal(pattern, np.where(keep, clean, 0))
    (step,) = scan.steps
    assert (step.control, step.short) == ("mask_faulty", "3 hot")
    # Three of some 250 pixels of the disc are missing: their electrons, and no more.
    for image, lost in ((phase, 0.015), (com_field, 0.03)):
        spoiled = away(engine, Treatment(), image)
        assert away(engine, masked, image) < min(lost, spoiled / 3)


def test_a_scan_without_faults_says_that_none_is_left_out(engine):
    reading = Reading("clean.npz")
    scan = engine.scan(reading, Region(), Treatment(mask_faulty=True))
    assert scan.steps[0].short == "none found"
    request = Request(reading, geometry=GEOMETRY)
    said = summary("clean", request, scan, engine.find(scan, GEOMETRY), {})
    assert said.corrected == ("No faulty detector pixels found.",)
    assert said.corrections == {"mask_faulty": "none found"}
    assert not said.places


def test_descan_is_measured_and_taken_out(engine):
    removed = Treatment(descan=True)
    scan = engine.scan(Reading("descan.npz"), Region(), removed)
    (step,) = scan.steps
    assert step.control == "descan"
    # 1.5 px along both axes, at the first and the last row.
    assert float(step.short.removesuffix(" px")) == pytest.approx(1.5 * 2**0.5, abs=0.2)
    for image in (phase, com_field):
        left = away(engine, removed, image, "descan.npz")
        assert left < away(engine, Treatment(), image, "descan.npz") / 3
    # A disc entered by hand, and one in a part of the scan, is where it was on the whole.
    part = engine.scan(Reading("descan.npz"), Region(scan=(0, 10, 0, 0)), removed)
    for each in (scan, part):
        assert engine.find(each, GEOMETRY).centre == pytest.approx(CALIBRATION.centre, abs=0.2)


def test_what_stays_and_is_round_is_left_alone(engine):
    treatment = Treatment(descan=True, round_disc=True)
    scan = engine.scan(Reading("clean.npz"), Region(), treatment)
    assert [(step.control, step.short) for step in scan.steps] == [
        ("descan", "none"),
        ("round_disc", "round"),
    ]
    assert scan.events is engine.events(Reading("clean.npz"))


def test_an_elliptical_disc_is_made_round(engine):
    before, after = (
        engine.scan(Reading("ellipse.npz"), Region(), Treatment(round_disc=on))
        for on in (False, True)
    )
    assert float(after.steps[0].short.removesuffix(" : 1")) == pytest.approx(1.2, abs=0.02)

    def widths(scan):
        """Along y over along x, from the second moments of the sum."""
        pattern = engine.pacbed(scan)
        moments = [
            np.average((np.arange(n) - c) ** 2, weights=pattern.sum(1 - axis))
            for axis, (n, c) in enumerate(zip(FRAME_SHAPE, (14, 13), strict=True))
        ]
        return (moments[0] / moments[1]) ** 0.5

    assert widths(before) == pytest.approx(1.2, abs=0.02)
    assert widths(after) == pytest.approx(1, abs=0.02)


def test_a_report_is_of_the_file_whatever_is_done_to_it(engine):
    """On a scan that is binned and masked: of all of it, by the file's own steps."""
    request = Request(
        Reading("descan.npz"), Region(scan_bin=2), Treatment(mask_faulty=True), GEOMETRY
    )
    scan = engine.scan(request.reading, request.region, request.treatment)
    prepared = SimpleNamespace(request=request, scan=scan, found=engine.find(scan, GEOMETRY))
    checked = check(SimpleNamespace(engine=engine, prepared=prepared, meter=Meter(lambda p: None)))
    found = {finding.name: finding for finding in checked.findings}
    assert checked.totals.shape == SCAN_SHAPE
    dose, _ = found["dose"].values["dose on the detector"]
    assert dose == pytest.approx(4000 / (0.4 * 0.45), rel=0.02)
    assert found["descan"].verdict == "look"
    assert found["disc"].verdict == "ok"


def test_places_that_the_file_does_not_tell_are_refused_with_the_way_out(engine):
    with pytest.raises(ValueError, match="set “Sub-pixel” under Corrections to “off”"):
        engine.scan(Reading("clean.npz"), Region(), Treatment(refine=4))


def test_a_link_carries_what_is_done_to_the_electrons():
    mine, theirs = Experiment(), Experiment()
    mine.treatment.param.update(mask_faulty=True, subpixel=4)
    assert from_query(theirs, to_query(mine)) == []
    assert theirs.treatment.value() == mine.treatment.value() == Treatment(True, refine=4)
    assert "choose one of auto, 1, 2, 4, 8, 16" in from_query(theirs, {"subpixel": "3"})[0]


def test_another_scan_is_shown_as_it_is():
    experiment = Experiment()
    experiment.treatment.param.update(mask_faulty=True, subpixel=4, dose_percent=10)
    forget_region(experiment)
    assert (
        experiment.treatment.value() == Experiment().treatment.value() == Treatment(refine="auto")
    )


def test_a_saved_file_says_what_was_done(engine):
    service = ComputeService()
    experiment = Experiment("hot.npz")
    experiment.treatment.mask_faulty = True
    session = Session(engine, service, experiment).start()
    session.until(lambda: session.all("phase") or session.all("error"))
    with h5py.File(BytesIO(session.pipeline.to_save("hdf5")().data)) as file:
        done = json.loads(file.attrs["parameters"])["treatment"]
    assert done["mask_faulty"] is True
    assert done["done"] == ["3 hot detector pixels are left out of every sum."]
    session.until(lambda: session.all("faults"))
    assert session.all("faults")[-1].hot == 3
    session.pipeline.close()
    service.close()


def test_what_is_done_to_the_whole_scan_is_done_once_for_every_dose_and_part(engine, monkeypatch):
    moved = []

    def count(*args):
        moved.append(args)
        return regrid(*args)

    monkeypatch.setattr("recon.batch.treatment.regrid", count)
    for region in (Region(), Region(scan=(0, 10, 0, 0))):
        for share in (1.0, 0.5, 0.25):
            treatment = Treatment(mask_faulty=True, shear=0.1, dose_share=share)
            scan = engine.scan(Reading("hot.npz"), region, treatment)
            assert [step.short for step in scan.steps] == ["3 hot", "−2 columns"]
            wanted = (
                share
                * engine.scan(Reading("hot.npz"), region, treatment.at_full_dose()).events.electrons
            )
            assert scan.events.electrons == pytest.approx(wanted, rel=0.02)
    assert len(moved) == 1
