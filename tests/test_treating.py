"""What is done to the electrons of a scan, through the stages that the page uses."""

import json
from io import BytesIO

import h5py
import numpy as np
import pytest
from scans import ABERRATIONS, CALIBRATION, FRAME_SHAPE, SCAN_SHAPE, weak_events
from sessions import Session

from app.catalogue import Catalogue
from app.engine import Engine
from app.opening import forget_region, summary
from app.request import Geometry, Reading, Region, Request, Treatment
from app.service import ComputeService
from app.state import Experiment
from recon.events import from_frames
from recon.io import write_events

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


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("treated")
    clean = weak_events(4000, METADATA)
    write_events(folder / "clean.npz", clean)
    write_events(folder / "hot.npz", with_hot_pixels(clean))
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


def away(engine, treatment, image):
    """Distance of an image of the spoiled scan from that of the clean one, relative."""
    wanted = image(engine, "clean.npz", Treatment())
    return np.std(image(engine, "hot.npz", treatment) - wanted) / np.std(wanted)


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
    assert said.statements[0] == "No detector pixel is faulty: none is left out."
    assert said.corrections == {"mask_faulty": "none found"}
    assert not said.places


def test_places_that_the_file_does_not_tell_are_refused_with_the_way_out(engine):
    with pytest.raises(ValueError, match="set the places within a pixel to “off”"):
        engine.scan(Reading("clean.npz"), Region(), Treatment(refine=4))


def test_a_link_carries_what_is_done_to_the_electrons():
    mine, theirs = Experiment(), Experiment()
    mine.treatment.param.update(mask_faulty=True, subpixel=4)
    assert theirs.from_query(mine.to_query()) == []
    assert theirs.treatment.value() == mine.treatment.value() == Treatment(True, 4)
    assert "choose one of 1, 2, 4, 8, 16" in theirs.from_query({"subpixel": "3"})[0]


def test_another_scan_is_shown_as_it_is():
    experiment = Experiment()
    experiment.treatment.param.update(mask_faulty=True, subpixel=4, dose_percent=10)
    forget_region(experiment)
    assert experiment.treatment.value() == Treatment()


def test_a_saved_file_says_what_was_done(engine):
    service = ComputeService()
    experiment = Experiment("hot.npz")
    experiment.treatment.mask_faulty = True
    session = Session(engine, service, experiment).start()
    session.until(lambda: session.all("phase") or session.all("error"))
    with h5py.File(BytesIO(session.pipeline.export("hdf5").data)) as file:
        done = json.loads(file.attrs["parameters"])["treatment"]
    assert done["mask_faulty"] is True
    assert done["done"] == ["3 hot detector pixels are left out of every sum."]
    session.until(lambda: session.all("faults"))
    assert session.all("faults")[-1].hot == 3
    session.pipeline.close()
    service.close()
