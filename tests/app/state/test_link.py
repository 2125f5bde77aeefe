import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.state.aberrations import AberrationState
from app.state.experiment import Experiment
from app.state.link import from_query, to_query


def test_a_fresh_page_has_an_empty_query():
    assert to_query(Experiment()) == {}


def test_keys_are_short_and_only_changes_are_said():
    experiment = Experiment()
    experiment.scan.param.update(
        dataset="virus.h5", energy_kev=300, scan_step_y=31.25, scan_step_x=31.25
    )
    experiment.aberrations.param.update(defocus=12.5, C12a=2)
    experiment.dpc.highpass = 1e-4
    assert to_query(experiment) == {
        "dataset": "virus.h5",
        "energy": "300",
        "step": "31.25",
        "defocus": "12.5",
        "C12a": "2",
        "dpc_highpass": "0.0001",
    }


@given(
    st.dictionaries(
        st.sampled_from(AberrationState.names()),
        st.integers(-(10**7), 10**7).map(lambda n: n / 100),
    ),
    st.lists(st.tuples(st.integers(-600, 600), st.integers(0, 600)), max_size=25),
    st.integers(4, 64),
    st.sampled_from(["both", "left", "right", "full"]),
    st.booleans(),
)
def test_a_link_shows_the_same(aberrations, frequencies, pixels, sideband, transpose):
    one = Experiment()
    one.aberrations.param.update(**aberrations)
    one.detector.param.update(bright_field_pixels=pixels, sideband=sideband)
    one.scan.param.update(transpose=transpose, scan_step_y=0.3, scan_step_x=0.25, crop_left=7)
    one.display.param.update(
        frequencies=frequencies, view=(0.0, 1.5, 2.0, 3.25), slot_left="com", theme="light"
    )
    other = Experiment()
    assert from_query(other, to_query(one)) == []
    assert other.request() == one.request()
    assert other.display.view == one.display.view
    assert other.display.slot_left == "com"
    assert to_query(other) == to_query(one)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("energy", "-3"),
        ("energy", "inf"),
        ("defocus", "nan"),
        ("defocus", "1e99"),
        ("pixels", "3"),
        ("pixels", "18.5"),
        ("sideband", "up"),
        ("main", "<script>"),
        ("transpose", "maybe"),
        ("frequencies", "1.2.3"),
        ("frequencies", "1.2_x"),
        ("frequencies", "_".join(["1.2"] * 26)),
        ("view", "1_2"),
        ("tiles", "9" * 600),
        ("step", "0"),
        ("name", "x"),
        ("unknown", "1"),
    ],
)
def test_an_entry_that_makes_no_sense_is_told_and_left_out(key, text):
    experiment = Experiment()
    notices = from_query(experiment, {key: text, "C12a": "2"})
    assert notices
    assert all(key in notice or "step" in notice for notice in notices)
    assert to_query(experiment) == {"C12a": "2"}


def test_entries_of_the_server_are_not_complained_about():
    assert from_query(Experiment(), {"bokeh-session-id": "x"}) == []


def test_what_a_link_leaves_out_goes_back_to_its_default():
    experiment = Experiment()
    experiment.aberrations.defocus = 4
    experiment.display.frequencies = [(1, 2)]
    from_query(experiment, {"C12b": "1"})
    assert to_query(experiment) == {"C12b": "1"}


def test_the_servers_own_scan_is_what_a_link_without_one_means():
    experiment = Experiment("scan.h5")
    assert to_query(experiment) == {}
    from_query(experiment, {"defocus": "1"})
    assert experiment.scan.dataset == "scan.h5"
    experiment.scan.dataset = "demo"
    assert to_query(experiment)["dataset"] == "demo"


def test_calibration_in_a_link_is_not_overwritten_by_the_file():
    experiment = Experiment()
    from_query(experiment, {"energy": "200", "auto_rotation": "1", "defocus": "3"})
    assert experiment.scan.pinned == {"energy_kev", "auto_orientation"}


def test_a_link_within_an_open_scan_pins_nothing():
    experiment = Experiment()
    experiment.scan.settled = True
    from_query(experiment, {"energy": "200"})
    assert experiment.scan.pinned == frozenset()
    from_query(experiment, {"energy": "200", "dataset": "other.h5"})
    assert experiment.scan.pinned == {"energy_kev"}


def test_fitted_values_are_not_said_but_a_known_rotation_is():
    experiment = Experiment()
    experiment.scan.param.update(centre_y=3, centre_x=4, radius=5)
    experiment.scan.settled = True
    assert to_query(experiment) == {"rotation": "0"}
    experiment.scan.param.update(auto_orientation=True, rotation_deg=30)
    assert to_query(experiment) == {"auto_rotation": "1"}
    experiment.scan.fit_disc = False
    assert to_query(experiment)["centre_y"] == "3"
