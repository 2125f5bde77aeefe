"""Pictures stand on their own: HoloViews objects that follow what they refer to."""

import re

import holoviews as hv
import numpy as np
import panel as pn
import param
import pytest
from bokeh.document import Document
from bokeh.models import Span

import app.views
import recon
from app.drawing.aggregate import aggregate
from app.drawing.display import com_rgba, phase_rgba
from app.drawing.raster import MOVING_PX, RESTING_PX
from app.pipeline.chart import Chart
from app.views import (
    CenterOfMass,
    Curve,
    DPCImage,
    Pattern,
    ScanImage,
    Spectrum,
    SSBImage,
    Tiles,
)
from recon.calibration import Calibration
from recon.scan.events import from_frames
from tests.support.paths import ROOT

CALIBRATION = Calibration(80e3, 25.0, (2.0, 4.0), (9.5, 12.0), 5.0)


class Results(param.Parameterized):
    """What somebody else's program computes."""

    phase = param.Array()
    scale = param.Number(1.0)


@pytest.fixture
def phase():
    return np.random.default_rng(0).normal(size=(40, 60)).astype(np.float32)


def drawn(picture):
    """The first element that is drawn, and its values with row 0 on top of the scan."""
    element = picture.plot[()]
    element = element.get(0) if isinstance(element, hv.Overlay) else element
    values = [element.dimension_values(n, flat=False) for n in range(2, 2 + len(element.vdims))]
    return element, values[0] if len(values) == 1 else np.stack(values, -1)


def test_an_image_lies_where_the_calibration_says(phase):
    picture = SSBImage(phase, CALIBRATION)
    element, values = drawn(picture)
    assert isinstance(element, hv.Image)
    assert element.bounds.lbrt() == pytest.approx((0, 0, 60 * 0.4, 40 * 0.2))
    assert [str(axis.unit) for axis in element.kdims] == ["nm", "nm"]
    assert (element.vdims[0].label, element.vdims[0].unit) == ("SSB phase", "rad")
    np.testing.assert_array_equal(values, phase)
    assert element.vdims[0].range == pytest.approx(np.percentile(phase, (0.1, 99.9)), abs=1e-5)


def test_without_a_calibration_axes_count_positions(phase):
    element, _ = drawn(DPCImage(phase))
    assert element.bounds.lbrt() == (0, 0, 60, 40)
    assert {axis.unit for axis in element.kdims} == {"px"}


def test_a_picture_follows_what_it_refers_to(phase):
    results = Results(phase=phase)
    picture = ScanImage(results.param.phase, title="Mine", unit="e⁻")
    results.phase = phase[:, ::-1].copy()
    np.testing.assert_array_equal(drawn(picture)[1], phase[:, ::-1])
    bound = SSBImage(
        pn.bind(lambda image, by: by * image, results.param.phase, results.param.scale)
    )
    results.scale = 2.0
    np.testing.assert_array_equal(drawn(bound)[1], 2 * phase[:, ::-1])


def test_zoom_and_size_say_what_datashader_aggregates():
    image = np.random.default_rng(0).random((2000, 2000), np.float32)
    picture = SSBImage(image)
    _, zoom, size = picture.plot.streams
    assert isinstance(zoom, hv.streams.RangeXY)
    assert isinstance(size, hv.streams.PlotSize)
    np.testing.assert_array_equal(drawn(picture)[1], aggregate(image, (MOVING_PX, MOVING_PX)))
    size.event(width=300, height=300)
    zoom.event(x_range=(0, 2000), y_range=(2000, 0))
    np.testing.assert_array_equal(drawn(picture)[1], aggregate(image, (300, 300)))
    zoom.event(x_range=(100, 140), y_range=(540, 500))
    element, values = drawn(picture)
    assert element.bounds.lbrt() == (94, 494, 146, 546)
    np.testing.assert_array_equal(values, image[494:546, 94:146])
    size.event(width=4000, height=4000)
    zoom.event(x_range=(0, 2000), y_range=(2000, 0))
    assert drawn(picture)[1].shape == (RESTING_PX, RESTING_PX)


def test_the_centre_of_mass_is_coloured_and_has_arrows():
    rng = np.random.default_rng(0)
    field = rng.normal(size=(2, 30, 40)).astype(np.float32)
    picture = CenterOfMass(field, CALIBRATION)
    overlay = picture.plot[()]
    colours, arrows = overlay
    assert isinstance(colours, hv.RGB)
    assert isinstance(arrows, hv.VectorField)
    longest = picture._field.limits.of(np.hypot(*field))[1]
    np.testing.assert_array_equal(drawn(picture)[1], com_rgba(field, longest))
    picture.field = np.stack([np.ones((30, 40)), np.zeros((30, 40))])
    angles = picture.plot[()].get(1).dimension_values("Angle")
    np.testing.assert_allclose(angles, np.pi / 2)  # y runs downwards


def test_tiles_lie_side_by_side_with_their_labels_below():
    tiles = np.exp(1j * np.arange(4))[:, None, None] * np.ones((4, 20, 30))
    picture = Tiles(tiles, ["a", "b", "c", "d"])
    image, labels = picture.plot[()]
    assert isinstance(image, hv.RGB)
    assert isinstance(labels, hv.Labels)
    _, colours = drawn(picture)
    height = colours.shape[0]
    for x, y, text in labels.array():
        row, column = round(float(y)) - 1, round(float(x))
        number = "abcd".index(text)
        np.testing.assert_array_equal(colours[row, column], phase_rgba(tiles[number, :1, :1])[0, 0])
        assert row < height
        assert not colours[row + 1, column].any()
    assert pn.panel(picture).get_root(Document()) is not None


def test_a_pattern_has_the_disc_in_its_middle():
    counts = np.random.default_rng(0).poisson(4.0, (20, 25))
    picture = Pattern(counts, CALIBRATION)
    image, disc = picture.plot[()]
    assert isinstance(disc, hv.Ellipse)
    # 25 mrad on 5 pixels: 5 mrad each, with the disc's centre at the origin.
    assert (disc.x, disc.y, disc.width) == (0, 0, pytest.approx(50, rel=1e-3))
    assert image.bounds.lbrt() == pytest.approx((-62.5, -50, 62.5, 50), rel=1e-3)
    np.testing.assert_allclose(drawn(picture)[1] ** 2, counts, rtol=1e-5)
    assert Pattern(counts).plot[()].get(1).width == 0


def test_a_spectrum_rings_the_frequencies_that_were_picked():
    power = np.full((6, 8), 100.0)
    picture = Spectrum(power, (0.02, 0.01), [(3, 5), (-2, 8)])
    image, rings = picture.plot[()]
    assert isinstance(rings, hv.Points)
    np.testing.assert_allclose(rings.array(), [[0.5, 0.6], [0.8, -0.4]])
    assert image.bounds.lbrt() == pytest.approx((-0.45, -0.7, 0.35, 0.5))
    np.testing.assert_allclose(drawn(picture)[1], 2, rtol=1e-6)


def test_a_curve_has_a_line_each_and_one_at_each_marked_place():
    x = np.arange(1.0, 5.0)
    chart = Chart(x, {"error": 1 / x, "limit": 0 * x + 0.5}, "iteration", marks=((2.0, "here"),))
    picture = Curve(chart)
    first, second, mark = picture.plot[()]
    assert (first.label, second.label) == ("error", "limit")
    np.testing.assert_allclose(first.array(), np.stack([x, 1 / x], 1))
    assert isinstance(mark, hv.VLine)
    figure = pn.panel(picture).get_root(Document())
    assert [span.location for span in figure.select({"type": Span})] == [2.0]


def test_pictures_become_figures_and_can_be_laid_over_others(phase):
    document = Document()
    marked = SSBImage(phase, CALIBRATION).plot * hv.Points([(1.0, 1.0)])
    parts = [SSBImage(phase), Pattern(phase**2, CALIBRATION), Spectrum(phase**2), marked]
    assert pn.Column(*parts).get_root(document) is not None
    picture = parts[0]
    assert (picture.pointer.source, picture.tap.source) == (picture.plot, picture.plot)


def test_the_guides_block_makes_pictures(phase):
    page = (ROOT / "assets/guide/python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    (block,) = (each for each in blocks if "app.views" in each)
    rng = np.random.default_rng(1)
    scan = from_frames([rng.integers(0, 500, 9) for _ in range(2400)], (40, 60), (20, 25))
    names = {"phase": phase, "scan": scan, "calibration": CALIBRATION, "recon": recon}
    exec(compile(block, "python.md", "exec"), names)
    assert names["frames"].sum() == 900
    assert names["page"].get_root(Document()) is not None


def test_another_name_is_refused_with_those_there_are():
    with pytest.raises(AttributeError, match=r"no 'Image': it offers .*SSBImage"):
        app.views.Image  # noqa: B018
