"""Places finer than a pixel through the page's stages, and rows that are sheared."""

import json
from io import BytesIO

import h5py
import numpy as np
import pytest

from app.engine.catalogue import Catalogue
from app.engine.engine import Engine
from app.pipeline.lanes import ComputeService
from app.state.experiment import Experiment
from app.state.link import from_query
from app.state.request import Geometry, Reading, Region, Treatment
from recon.batch.geometry import onto_whole_detector
from recon.io import write_events
from recon.simulate.scan import expected_intensities, sample_events
from tests.support.eer_files import CODES, encode, tiff
from tests.support.scans import CALIBRATION
from tests.support.sessions import Session
from tests.support.subpixel_scans import COARSE, image_error, scans  # noqa: F401 - a fixture

STEP = (0.4, 0.4)
GEOMETRY = Geometry(80e3, 25.0, STEP)


@pytest.fixture
def engine(tmp_path):
    engine = Engine(Catalogue(tmp_path))
    yield engine
    engine.close()


def write_eer(path, positions, frame_shape, centre, radius):
    """Electrons of an even disc on a Falcon that tells quarters of a pixel."""
    rng, bits, pages = np.random.default_rng(0), CODES[65001], []
    for _ in range(positions):
        r, turn = radius * np.sqrt(rng.random(60)), 2 * np.pi * rng.random(60)
        hits = {}  # a page holds one electron a pixel
        for y, x in zip(centre[0] + r * np.sin(turn), centre[1] + r * np.cos(turn), strict=True):
            row, column = (int(np.floor(v + 0.5)) for v in (y, x))
            # Quarters are counted from the pixel's middle, in two's complement.
            quarter = (int(np.floor(4 * (v - n))) & 3 for v, n in ((y, row), (x, column)))
            hits[row * frame_shape[1] + column] = tuple(quarter)
        ordered = [(pixel, *hits[pixel]) for pixel in sorted(hits)]
        pages.append(encode(ordered, frame_shape[0] * frame_shape[1], bits))
    tiff(path, pages, frame_shape, 65001)


def test_an_eer_file_offers_its_places_and_the_disc_stays_where_it_is(engine, tmp_path):
    centre, radius = (15.3, 17.1), 9.0
    write_eer(tmp_path / "falcon.eer", 144, (32, 34), centre, radius)
    experiment = Experiment("falcon.eer")
    link = {"rows": "12", "columns": "12", "energy": "80", "angle": "25", "step": "0.4"}
    assert from_query(experiment, {"dataset": "falcon.eer", "rotation": "0"} | link) == []
    service = ComputeService()
    session = Session(engine, service, experiment).start()

    def settled(number):
        session.until(lambda: len(session.all("scan")) >= number or session.all("error"))
        session.until(lambda: session.pipeline.preparing.prepared.request == experiment.request())
        assert session.all("error") == []
        return session.all("scan")[-1]

    try:
        session.until(lambda: session.all("phase") or session.all("error"))
        first = settled(1)
        assert first.places
        # Two pixels to each of the 18 across a disc of 9 px radius take half of one.
        assert first.frame_shape == (64, 68)
        assert first.corrections == {"subpixel": "1/2 px"}
        scan = experiment.scan
        before = scan.centre_y, scan.centre_x, scan.radius
        assert before == pytest.approx((*centre, radius), abs=0.15)
        file = session.pipeline.to_save("hdf5")()
        with h5py.File(BytesIO(file.data)) as saved:
            assert json.loads(saved.attrs["parameters"])["treatment"]["refine"] == 2
        experiment.treatment.subpixel = COARSE
        summary = settled(2)
        assert summary.frame_shape == (128, 136)
        assert summary.corrections == {"subpixel": "1/4 px"}
        # On the file's own detector, as ever.
        after = scan.centre_y, scan.centre_x, scan.radius
        assert after == pytest.approx((*centre, radius), abs=0.1)
        found = session.pipeline.preparing.prepared.found
        assert found.calibration.angular_sampling == pytest.approx(25 / (COARSE * radius), rel=0.02)
        where = Region(), Treatment(refine=COARSE)
        assert onto_whole_detector(*where, found.centre, found.radius)[0] == pytest.approx(
            after[:2], abs=1e-3
        )
    finally:
        session.pipeline.close()
        service.close()


def test_the_image_is_nearer_to_the_truth_with_finer_places(engine, tmp_path, request):
    phase, fine, _, coarse = request.getfixturevalue("scans")
    write_events(tmp_path / "coarse.npz", coarse)
    errors, centres = [], []
    for factor in (1, COARSE):
        treatment = Treatment(refine=factor)
        scan = engine.scan(Reading("coarse.npz"), Region(), treatment)
        found = engine.find(scan, GEOMETRY)
        centres.append(onto_whole_detector(Region(), treatment, found.centre, found.radius)[0])
        errors.append(image_error(scan.events, found.calibration, 12, phase))
    assert errors[1] < 0.7 * errors[0]
    expected = [(c + 0.5) / COARSE - 0.5 for c in fine.centre]
    assert centres[1] == pytest.approx(expected, abs=0.05)


def test_sheared_rows_are_put_back(engine, tmp_path):
    """A wave along x, whose rows begin a fifth of a step further right each."""
    rows, columns = np.indices((20, 40))
    phase = 0.1 * np.cos(2 * np.pi * (columns + 0.2 * (rows - 9.5)) / 8)
    intensities = expected_intensities(phase, CALIBRATION, frame_shape=(28, 26))
    write_events(tmp_path / "sheared.npz", sample_events(intensities, 3000))
    reading = Reading("sheared.npz")

    def power(treatment):
        """Of the wave without shear, in the centre of mass."""
        com = engine.com(engine.scan(reading, Region(), treatment))
        width = com.shape[2] // 8 * 8
        spectrum = np.abs(np.fft.fft2(com[..., :width])) ** 2
        spectrum[:, 0, 0] = 0
        return spectrum[:, 0, width // 8].sum() / spectrum[:, :, width // 8].sum()

    scan = engine.scan(reading, Region(), Treatment(shear=0.2))
    assert scan.events.scan_shape == (20, 36)
    assert (scan.steps[0].control, scan.steps[0].short) == ("shear", "−4 columns")
    assert power(Treatment(shear=0.2)) > 0.8 > 0.5 > power(Treatment())
