import param
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.state.aberrations import UNITS, AberrationState, reaches
from app.state.experiment import Experiment
from recon.optics import COEFFICIENTS, TERMS, Aberrations, electron_wavelength


def test_defocus_in_nanometres_is_minus_c10_in_angstrom():
    assert AberrationState(defocus=12).value() == Aberrations(C10=-120)


@pytest.mark.parametrize(
    ("name", "shown", "angstrom"),
    [
        ("C12a", 3, 30),
        ("C21b", -2, -20),
        ("C30", 1.5, 15_000),
        ("C45a", 2, 20_000),
        ("C50", 1, 1e7),
    ],
)
def test_coefficients_have_the_units_people_think_in(name, shown, angstrom):
    assert AberrationState(**{name: shown}).value() == Aberrations(**{name: angstrom})


def test_every_coefficient_has_one_parameter():
    assert {*AberrationState.names()} == {*COEFFICIENTS} - {"C10"} | {"defocus"}
    assert {*AberrationState.names()} | {"name"} == {*AberrationState.param}
    assert AberrationState.names(2) == ("C21a", "C21b", "C23a", "C23b")


def test_labels_say_the_unit():
    for name in AberrationState.names():
        assert f"({AberrationState.unit(name)[0]})" in AberrationState.param[name].label


def test_defocus_of_a_cryo_scan_can_be_typed():
    assert AberrationState(defocus=-13_500).value().defocus == -135_000
    with pytest.raises(ValueError, match="defocus"):
        AberrationState(defocus=1e9)


def test_defaults_and_steps_lie_within_their_bounds():
    for state in Experiment().parts().values():
        for name in state.param:
            p = state.param[name]
            if isinstance(p, param.Number) and getattr(p, "softbounds", None):
                assert p.bounds[0] <= p.softbounds[0] < p.softbounds[1] <= p.bounds[1], name
                assert not p.step or p.step <= (p.softbounds[1] - p.softbounds[0]) / 10, name
            if name != "name":
                assert p.label, name


@given(st.dictionaries(st.sampled_from(COEFFICIENTS), st.floats(-5e5, 5e5), max_size=6))
def test_aberrations_survive_the_change_of_units(values):
    aberrations = Aberrations(**values)
    state = AberrationState()
    state.set_from(aberrations)
    for name in COEFFICIENTS:
        assert getattr(state.value(), name) == pytest.approx(getattr(aberrations, name), rel=1e-10)


def test_coefficients_beyond_the_bounds_are_clipped():
    state = AberrationState()
    state.set_from(Aberrations(C10=1e12))
    assert state.defocus == state.param.defocus.bounds[0]


@given(
    st.sampled_from([term for term in TERMS if term.m]), st.floats(0.1, 50), st.floats(-175, 175)
)
def test_polar_form_is_that_of_the_library(term, size, angle):
    state = AberrationState()
    azimuth = angle / term.m
    state.set_polar(term.name, size, azimuth)
    scale = UNITS[term.n][1]
    library = state.value().polar()
    assert library[term.name] == pytest.approx(size * scale)
    assert state.polar(term.name) == pytest.approx((size, azimuth))


def test_round_terms_have_no_azimuth():
    state = AberrationState()
    state.set_polar("C30", -4)
    state.set_polar("C10", 12)
    assert (state.C30, state.defocus) == (-4, 12)
    assert state.polar("C10") == (12, 0)


def test_reset_of_an_order_leaves_the_others():
    state = AberrationState(defocus=3, C12a=1, C21a=4, C30=2)
    state.reset(2)
    assert (state.defocus, state.C12a, state.C21a, state.C30) == (3, 1, 0, 2)
    state.reset()
    assert state.value() == Aberrations()


def test_sessions_do_not_share_state():
    one, other = Experiment(), Experiment()
    one.aberrations.defocus = 7
    one.display.frequencies = [(1, 2)]
    one.scan.param.dataset.default = "x.h5"
    assert other.aberrations.defocus == 0
    assert other.display.frequencies == []
    assert other.scan.param.dataset.default == "demo"


def test_requests_are_equal_exactly_when_nothing_computed_changes():
    experiment = Experiment()
    before = experiment.request()
    experiment.display.colour_map = "viridis"
    experiment.display.freeze = True
    assert experiment.request() == before
    assert hash(experiment.request()) == hash(before)
    experiment.aberrations.C56b = 0.1
    after = experiment.request()
    assert after != before
    assert (after.reading, after.region, after.geometry) == (
        before.reading,
        before.region,
        before.geometry,
    )


def test_values_found_again_do_not_enter_the_request():
    experiment = Experiment()
    experiment.scan.auto_orientation = True
    before = experiment.request()
    experiment.scan.param.update(rotation_deg=33, transpose=True, centre_y=3, radius=7)
    assert experiment.request() == before
    experiment.scan.param.update(auto_orientation=False, fit_disc=False, centre_x=4)
    geometry = experiment.request().geometry
    assert (geometry.rotation_deg, geometry.transpose) == (33, True)
    assert (geometry.centre, geometry.radius) == ((3, 4), 7)


def test_what_is_missing_is_named():
    experiment = Experiment()
    experiment.scan.param.update(energy_kev=80, scan_step_y=0.3)
    assert experiment.request().geometry.missing() == (
        "convergence semi-angle",
        "scan step along x",
    )
    assert experiment.request().geometry.energy == 80e3


def test_sliders_reach_what_the_aperture_lets_matter():
    """At 80 kV and 25 mrad a depth of focus is 66.8 Å: 15 of them are 100 nm."""
    atomic = reaches(electron_wavelength(80e3), 25.0)
    assert atomic["defocus"] == (100.0, 0.5)
    assert atomic["C12a"] == atomic["C12b"] == (50.0, 0.25)
    assert atomic["C30"] == (100.0, 0.5)
    cryo = reaches(electron_wavelength(300e3), 1.03)
    # 15 depths of 1.856 µm: the virus scan's 13.5 µm lie well inside.
    assert cryo["defocus"] == (50_000.0, 250.0)
    assert set(cryo) == set(AberrationState.names())
