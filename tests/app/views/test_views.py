"""Views show the arrays they are given, drawn to Bokeh's models."""

from types import SimpleNamespace

import numpy as np
import panel as pn
import pytest
from bokeh.document import Document

from app.drawing.display import Extent
from app.pipeline.makers import EXTRAS, WITH_PHASE
from app.pipeline.results import DpcImage
from app.state.contrasts import CONTRASTS, EXACT, LIVE, REST, drawn_results
from app.state.display import DisplayState
from app.state.experiment import Experiment
from app.views.contrasts import scan_image
from app.views.controls import Controls
from app.views.curve import CurveView
from app.views.frame import Link
from app.views.image import ImageView, palette
from app.views.pacbed import PacbedView
from app.views.shell import Notices
from app.views.slot import Slot
from app.views.spectrum import SpectrumView
from app.views.tiles import TilesView
from tests.support.pages import Results, references


@pytest.fixture
def ramp():
    return np.arange(24, dtype=np.float32).reshape(4, 6)


def test_all_tiles_are_one_picture_with_their_labels():
    view = TilesView()
    view.show(np.ones((5, 8, 8), complex), [f"{n} Å" for n in range(5)])
    (image,) = view.source.data["image"]
    assert image.dtype == np.uint32
    assert view.labels.columns()["text"] == ["0 Å", "1 Å", "2 Å", "3 Å", "4 Å"]
    images = [r for r in view.figure.renderers if "image" in r.data_source.data]
    assert len(images) == 1


def test_the_spectrum_rings_the_tiles_and_reads_periods():
    view = SpectrumView()
    power = np.ones((64, 64), np.float32)
    view.show_power(power, (0.02, 0.01), [(3, 5), (-2, 8)], limit=10)
    assert np.array(view.rings.data) == pytest.approx(np.array([(0.5, 0.6), (0.8, -0.4)]))
    assert view.words.columns()["text"] == ["1", "2"]
    assert view.read(0.5, 0.0) == "0.5 1/nm = 20 Å"


def test_a_click_picks_the_frequency_under_it():
    view = SpectrumView()
    view.show_power(np.ones((64, 32), np.float32), (0.02, 0.01), [], limit=10)
    picked = []
    view.on_pick = lambda *pair: picked.append(pair)
    for row, column in ((0, 0), (-7, 11), (31, -16)):
        view._tapped(SimpleNamespace(x=column * 0.1, y=row * 0.2))
    view._tapped(SimpleNamespace(x=99.0, y=0.0))
    assert picked == [(0, 0), (-7, 11), (31, -16)]


def test_the_spectrum_is_cut_where_nothing_is_transferred():
    view = SpectrumView()
    view.show_power(np.ones((100, 100), np.float32), (0.1, 0.1), [], limit=1.0)
    assert view.whole.width == pytest.approx(21)


def test_the_disc_is_drawn_where_it_was_found():
    view = PacbedView()
    view.show_pattern(np.ones((20, 30)), (9.5, 12.0), 5.0, 2.0, (0.5, 1.0))
    for rings, radius in ((view.disc, 10), (view.edges, 5)):
        (path,) = rings.data
        np.testing.assert_allclose(np.hypot(*np.transpose(path)), radius)
    assert view.centre.data == [(0.0, 0.0)]
    # The disc's centre is the origin: pixel (9.5, 12) lies there, and its index is its middle.
    assert view.whole == Extent(-25.0, 35.0, -20.0, 20.0)


def test_counts_are_read_not_their_root():
    view = PacbedView()
    view.show_pattern(np.full((4, 4), 49), None, None)
    assert view.read(0.0, 0.0).endswith("49 e⁻")
    assert view.disc.data == view.edges.data == view.centre.data == []


def error_chart(errors):
    image = DpcImage(np.zeros((2, 2)), np.array(errors), None, "iterative", None)
    return CONTRASTS["dpc_error"].picture(image)


def test_the_error_curve_counts_from_one():
    view = CurveView()
    view.draw(error_chart([1.0, 0.1, 0.0]))
    source = view.lines["error"].source.data
    np.testing.assert_array_equal(source["x"], [1, 2, 3])
    assert np.isnan(source["y"][2])
    assert view.figure.y_range.start == pytest.approx(0.1 / 10**0.05)
    assert error_chart([1.0]) is None


def test_a_curve_keeps_its_figure_until_its_axes_change_and_marks_within_it():
    view = CurveView()
    more = {"x_label": "spatial frequency (1/nm)", "periods": True, "guides": ("1/7",)}
    view.call("here")
    lines = {"FRC": [1.0, 0.5, 0.0], "1/7": [1 / 7] * 3}
    view.show([0.0, 2.0, 4.0], lines, marks=[(1.0, "a"), (3.0, "b")], **more)
    figure = view.figure
    view.show([0.0, 2.0, 8.0], lines, y_range=(-0.1, 1.1), **more)
    assert view.figure is figure
    assert (figure.x_range.end, figure.y_range.start) == (8, -0.1)
    view.mark([(1.0, "a"), (7.0, "b")])
    # Words within the figure, each a line below the last.
    assert [said[2:] for said in view.words.data] == [("\nb ", "right"), (" a", "left")]
    # 2 1/nm are a period of 5 Å, on the upper axis too.
    assert view.read(2.4, 0.0) == "2 1/nm = 5 Å   FRC 0.5   1/7 0.143"
    assert view.read(8.1, 0.0) == ""
    assert figure.above[0].major_label_overrides[2.0] == "5"
    view.show([0.0, 1.0], {"other": [0.0, 1.0]})
    assert view.figure is not figure
    assert view.figure.name == view.pane.object.name == "here"
    assert len(view.figure.legend) == 0
    with pytest.raises(ValueError, match="3 points, x 2"):
        view.show([0.0, 1.0], {"other": [0.0, 1.0, 2.0]})


def test_linked_views_show_the_part_with_the_scans_shape():
    extent, link = Extent(0, 40, 0, 20), Link()
    assert link.visible(extent) is None
    link.show(extent, (10, 20, 5, 10))
    assert link.visible(extent) == pytest.approx((10, 20, 5, 10))
    link.show(extent, (0, 40, 0, 20))
    assert link.visible(extent) is None
    link.show(extent, None)
    assert link.visible(extent) is None


def test_themes_dress_axes():
    view = ImageView()
    view.set_theme("dark")
    dark = view.figure.xaxis[0].major_label_text_color
    view.set_theme("light")
    assert view.figure.xaxis[0].major_label_text_color != dark


# ---- controls ----


class Result:
    """A result over the scan."""

    mode = label = "exact"
    unit, method = "mrad", "iterative"
    scan_sampling = (2.0, 3.0)

    def __init__(self, array, **more):
        self.array = array
        self.__dict__.update(more)


def test_every_contrast_has_a_view():
    assert list(CONTRASTS) == list(DisplayState.param.slot_main.objects)
    kinds = {entry.kind for entry in CONTRASTS.values()}
    assert kinds == {"image", "field", "pattern", "power", "curve"}


def test_what_is_made_where_it_is_shown_has_what_makes_it():
    assert drawn_results(REST) <= EXTRAS.keys()
    assert drawn_results(LIVE) | drawn_results(EXACT) == {"phase", *WITH_PHASE}


def test_scan_images_are_in_nanometres_or_in_positions():
    image = scan_image(CONTRASTS["phase"], Result(np.zeros((4, 6))))
    assert image.extent == Extent(0, pytest.approx(1.8), 0, pytest.approx(0.8))
    assert image.axis_unit == "nm"
    image = scan_image(CONTRASTS["phase"], Result(np.zeros((4, 6)), scan_sampling=None))
    assert (image.axis_unit, image.extent) == ("px", Extent(0, 6, 0, 4))


def test_a_slot_draws_what_is_chosen_and_says_what_is_missing(ramp):
    state, made = DisplayState(), Results()
    slot = Slot(state, "slot_left", Link(), references(made))
    assert slot.contrast == "dpc"
    assert slot.empty.text
    made.phase = Result(ramp)
    assert slot.view.image is None
    made.dpc = DpcImage(ramp, np.ones(1), None, "direct", (2.0, 3.0))
    assert slot.empty.text == ""
    state.slot_left = "phase"
    assert slot.mode.text == "exact"
    np.testing.assert_array_equal(slot.view.image, ramp)
    state.slot_left = "dpc_error"
    assert "error curve" in slot.empty.text
    slot.close()
    state.slot_left = "phase"
    assert slot.view is not None


def test_the_power_of_the_dpc_phase_is_drawn_over_its_frequencies():
    state, made = DisplayState(slot_right="dpc_power"), Results()
    slot = Slot(state, "slot_right", Link(), references(made))
    assert slot.empty.text == "Waiting for the DPC phase."
    power = np.array([[1.0, 10.0, 100.0, 0.0]] * 5, np.float32)
    made.dpc = Result(np.zeros((5, 4)), spectrum=power, scan_sampling=(2.0, 5.0))
    np.testing.assert_allclose(slot.view.image[0], [0, 1, 2, np.nan], atol=1e-6)
    # Pixels of 1 / (5 × 2 Å) and 1 / (4 × 5 Å), DC in the middle of the third column and row.
    assert slot.view.whole == Extent(*map(pytest.approx, (-1.25, 0.75, -2.5, 2.5)))
    assert slot.scan_extent is None
    made.dpc = Result(np.zeros((5, 4)), spectrum=None)
    assert slot.empty.text
    slot.close()


def test_slots_of_one_scan_share_their_zoom():
    state, link = DisplayState(), Link()
    one, other = (Slot(state, name, link) for name in ("slot_main", "slot_left"))
    assert one.view.figure.js_property_callbacks
    assert one.link is other.link is link


def test_colours_and_theme_reach_every_view(ramp):
    state = DisplayState()
    made = Results(phase=Result(ramp))
    slot = Slot(state, "slot_main", Link(), references(made), large=True)
    state.param.update(colour_map="viridis", theme="light", freeze=True)
    assert slot.view.mapper.palette == palette("viridis")
    assert slot.view.scale.palette == palette("viridis")
    assert slot.view.theme == "light"
    assert slot.view.limits.frozen


# ---- shell ----


def test_views_become_models():
    experiment, document = Experiment(), Document()
    for part in (
        Slot(experiment.display, "slot_main", Link()),
        TilesView(),
        Controls.of(experiment.detector, ["sideband", "scan_bin"]),
        Notices(),
    ):
        assert pn.panel(part).get_root(document) is not None
