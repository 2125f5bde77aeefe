"""Calibration on a lattice, in the page: two clicks, two spacings, one step to undo."""

from types import SimpleNamespace

import numpy as np
import pytest
from bokeh.document import Document

from app.engine.catalogue import Catalogue
from app.features.lattice import LatticeCalibration
from app.features.lattice_fit import KNOWN, fit_lattice
from app.page.page import Page
from app.pipeline.results import PhaseImage, Spectrum
from app.state.request import Reading, Request, Treatment
from app.views.sheet import SheetPage
from recon.calibration import Calibration
from recon.geometry.camera import CameraScale
from recon.geometry.lattice import Peak
from tests.support.pages import (
    StandIn,
    image,  # noqa: F401 - a fixture
    summary,
)

SHAPE, TRUE, SPACING = (96, 112), (0.42, 0.40), 2.13


def lattice(shear=0.0, shape=SHAPE):
    """Three waves 60° apart, as a scan of these steps sees them."""
    i, j = np.indices(shape)
    y, x = TRUE[0] * i, TRUE[1] * (j + shear * i)
    turns = np.deg2rad([20, 80, 140])
    waves = [np.cos(2 * np.pi * (x * np.cos(a) + y * np.sin(a)) / SPACING) for a in turns]
    noise = np.random.default_rng(0).normal(0, 1, shape)
    return (0.1 * sum(waves) + 0.1 * noise).astype(np.float32)


def place(turn, shape=SHAPE):
    """(row, column) of a wave's peak, from DC."""
    a = np.deg2rad(turn)
    q = np.array([np.sin(a), np.cos(a)]) / SPACING
    return tuple(int(v) for v in np.round(q * TRUE * np.array(shape)))


@pytest.fixture
def instrument(monkeypatch):
    monkeypatch.setattr("app.page.page.when_ready", lambda action: None)
    made = Page(StandIn, Catalogue(), {}, Document())
    made.start()
    yield made
    made.close()


def begin(instrument, image):
    (feature,) = [f for f in instrument.features if isinstance(f, LatticeCalibration)]
    instrument.pipeline.publish("scan", summary())
    instrument.pipeline.publish("phase", PhaseImage(image, "exact", 3.0, (0.5, 0.5), 1))
    instrument.pipeline.publish(
        "spectrum", Spectrum(image**2, (0.02, 0.02), np.zeros((0, 2), int), 1.0)
    )
    press(feature, "begin")
    return feature


def press(feature, name):
    feature.controls._handle_msg({"press": name})


def test_two_clicks_and_a_spacing_give_the_scan_steps(instrument):
    instrument.sheet.show(SheetPage("a", "A"))
    feature = begin(instrument, lattice())
    assert not instrument.sheet.shown  # it would hide the spectrum
    assert "Click a peak" in feature.banner.text
    for turn in (20, 80):
        instrument.frequencies.spectrum.on_pick(*place(turn))
    assert instrument.experiment.display.frequencies == []  # no tile was chosen
    assert len(instrument.frequencies.spectrum.peaks.columns()["x"]) == 2
    assert "use" in feature.controls.hidden
    feature.known.known = "graphene 100"
    assert "use" not in feature.controls.hidden
    changes = []
    scan = instrument.experiment.scan
    scan.param.watch(lambda *events: changes.append((scan.source, len(events))), list(scan.param))
    press(feature, "use")
    assert (scan.scan_step_y, scan.scan_step_x) == pytest.approx(TRUE, rel=3e-3)
    assert changes == [("lattice", 2)]
    assert scan.source == "entered"
    assert instrument.experiment.treatment.shear == 0  # none was certain
    assert not feature.on
    assert feature.banner.text == ""
    assert instrument.frequencies.spectrum.on_pick == instrument.frequencies.pick


def test_a_shear_that_is_certain_is_taken_over(instrument):
    feature = begin(instrument, lattice(shear=0.05))
    a, b = (np.array(place(t)) for t in (20, 80))
    # A sheared row moves the peaks along y: f_y = q·(step y, shear step x).
    for turn, near in ((20, a), (80, b)):
        q = np.cos(np.deg2rad(turn)) / SPACING * TRUE[1] * 0.05 * SHAPE[0]
        instrument.frequencies.spectrum.on_pick(round(near[0] + q), near[1])
    feature.known.known = "graphene 100"
    press(feature, "use")
    assert instrument.experiment.treatment.shear == pytest.approx(0.05, abs=0.006)
    assert instrument.experiment.scan.scan_step_x == pytest.approx(TRUE[1], rel=5e-3)


def test_a_click_beside_a_peak_is_told_and_escape_leaves(instrument):
    feature = begin(instrument, lattice())
    instrument.frequencies.spectrum.on_pick(-30, 8)
    assert "No peak stands out" in instrument.notices.items[-1][2]
    assert instrument.frequencies.spectrum.peaks.columns()["x"] == []
    feature.banner._handle_msg({"does": "close"})
    assert not feature.on
    assert "known" in feature.controls.hidden
    assert instrument.frequencies.spectrum.on_pick == instrument.frequencies.pick


def test_the_peaks_of_another_scan_are_forgotten(instrument):
    feature = begin(instrument, lattice())
    instrument.frequencies.spectrum.on_pick(*place(20))
    x = instrument.frequencies.spectrum.peaks.columns()["x"][0]
    wider = Spectrum(np.ones(SHAPE, np.float32), (0.02, 0.04), np.zeros((0, 2), int), 1.0)
    instrument.pipeline.publish("scan", summary(scan_shape=SHAPE))
    instrument.pipeline.publish("spectrum", wider)
    assert instrument.frequencies.spectrum.peaks.columns()["x"] == pytest.approx([2 * x])
    instrument.pipeline.publish("scan", summary(dataset="other", scan_shape=SHAPE))
    assert instrument.frequencies.spectrum.peaks.columns()["x"] == []
    assert feature.banner.text == "Click a peak of the lattice."


def test_before_there_is_a_spectrum_the_way_is_told(instrument):
    (feature,) = [f for f in instrument.features if isinstance(f, LatticeCalibration)]
    press(feature, "begin")
    assert not feature.on
    assert "Enter a rough scan step" in instrument.notices.items[-1][2]


def test_binned_positions_are_counted_as_the_files():
    """Peaks along the axes: 1/spacing = f / (n step)."""
    peaks = [Peak(12.0, 0.0, 0.01, 0.01, 100), Peak(0.0, 10.0, 0.01, 0.01, 100)]
    fit = fit_lattice(peaks, (2.0, 2.5), None, (48, 50), 2)
    assert fit.steps == pytest.approx((2.0 * 12 / 48 / 2, 2.5 * 10 / 50 / 2))
    assert fit.shear is None


def test_the_camera_is_told_of_the_files_own_detector_and_can_be_set(instrument, monkeypatch):
    """0.5 mrad for half a pixel of 100 µm: 100 µm / 1 mrad = 100 mm."""
    scale = CameraScale(0.5, 0.005, 24.0, 0.2, (1.0, 2.0), "")
    monkeypatch.setattr("recon.geometry.camera.measure_camera", lambda *arguments: scale)
    feature = begin(instrument, lattice())
    for turn in (20, 80):
        instrument.frequencies.spectrum.on_pick(*place(turn))
    feature.known.param.update(known="graphene 100", pixel_um=100.0)
    assert "use_camera" in feature.controls.hidden
    press(feature, "camera")
    prepared = SimpleNamespace(scan=SimpleNamespace(events=None, treatment=Treatment(refine=2)))
    g = SimpleNamespace(calibration=Calibration(80e3, 25.0, TRUE, (9, 9), 8.0))
    context = SimpleNamespace(g=g, prepared=prepared, request=Request(Reading("a")), meter=None)
    instrument.pipeline.answer.result = instrument.pipeline.performed[0].run(context)
    said = feature.controls.values["said"]
    assert "24 ± 0.2 mrad: the 25 mrad that are set are +1 mrad off" in said
    assert "A detector pixel is 1 ± 0.01 mrad, the camera length 100 ± 1 mm." in said
    press(feature, "use_camera")
    assert instrument.experiment.scan.semiangle_mrad == 24.0
    assert "use_camera" in feature.controls.hidden


def test_the_known_spacings_are_those_of_their_lattices():
    """d = a / √(h² + k² + l²) of cubic ones; a √3 / 2 of hexagonal ones."""
    cubic = {"silicon": 5.431, "gold": 4.078, "strontium": 3.905}
    hexagonal = {"graphene": 2.46, "molybdenum": 3.16}
    for name, (spacing, _) in KNOWN.items():
        kind, indices = name.split()[0], [int(n) for n in name.split()[-1]]
        if kind in cubic:
            expected = cubic[kind] / np.sqrt(sum(n * n for n in indices))
        else:
            expected = hexagonal[kind] * np.sqrt(3) / 2
        assert spacing == pytest.approx(expected, rel=2e-3)
