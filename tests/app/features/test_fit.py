"""The fit in the page's terms: units, locks, the hand that wins, and one step to undo."""

from dataclasses import replace
from threading import Event
from types import SimpleNamespace

import pytest

from app.features.fit import FitFound, adopt, fit_job
from app.pipeline.lanes import ComputeService
from app.recall.history import History
from app.state.experiment import Experiment
from app.state.link import from_query, to_query
from recon.errors import Unfitted
from recon.optics import Aberrations
from recon.specimen import Specimen
from tests.support.sessions import CALIBRATED, FakeEngine, Session
from tests.support.waiting import PATIENCE_S

FIT = SimpleNamespace(
    aberrations=Aberrations(C10=-123.456, C12a=35.04, C30=2.345e4, C50=-3.21e7),
    errors={"C10": 0.234, "C12a": 5.6, "C30": 1.23e3, "C50": 4.5e6},
    undetermined=("C21a",),
    misfit=1.15,
    frequencies=300,
    rotation_deg=None,
    rotation_error=None,
    remarks=(),
)


def found(full=0.99, **more):
    return FitFound.of(SimpleNamespace(**{**vars(FIT), **more}), Aberrations(), (0.06, 0.98, full))


def test_values_and_errors_have_the_units_of_the_sliders():
    assert found().values == {"defocus": 12.346, "C12a": 3.5, "C30": 2.35, "C50": -3.21}
    assert found().errors == pytest.approx(
        {"defocus": 0.0234, "C12a": 0.56, "C30": 0.123, "C50": 0.45}
    )
    assert found().rows == [
        ("Defocus", "12.346 ± 0.023", "nm"),
        ("C12a", "3.50 ± 0.56", "nm"),
        ("C30", "2.35 ± 0.12", "µm"),
        ("C50", "−3.21 ± 0.45", "mm"),
    ]
    assert found().summary == "Tiles 6 → 98 % flat · misfit 1.15"
    assert "C21a" in found().remark
    assert not found().better_full
    # The figure beside the coefficients is that of the tiles that are shown, as in the status line.
    far = FitFound.of(FIT, Aberrations(), (0.02, 0.07, 0.53))
    assert far.better_full
    assert far.summary.startswith("Tiles 2 → 7 % flat")
    assert "53 % of the tiles' signal is flat instead of 7 %" in far.remark
    assert found(remarks=("Too thick.",)).remark.startswith("Too thick. ")
    large = found(errors={"C21a": 1454750.0}, aberrations=Aberrations(C21a=4.912e6))
    assert large.rows == [("C21a", "490 ± 150", "µm")]


def test_only_what_was_fitted_is_set():
    experiment = Experiment()
    experiment.aberrations.param.update(C12b=7.0, C21a=50.0)
    adopt(experiment, found())
    state = experiment.aberrations
    assert (state.defocus, state.C12b, state.C21a) == (12.346, 7.0, 50.0)
    assert found().is_set(experiment)
    state.C30 += 0.01
    assert not found().is_set(experiment)


THICK = SimpleNamespace(
    specimen=Specimen(123.4, (4.04, -2.21)),
    errors={"thickness": 3.2, "tilt_y": 0.15, "tilt_x": 0.25},
    undetermined=(),
)


def test_a_fitted_specimen_is_shown_and_set_with_the_aberrations():
    both = FitFound.of(FIT, Aberrations(), (0.06, 0.98, 0.99), THICK)
    assert both.rows[-3:] == [
        ("Thickness", "12.34 ± 0.32", "nm"),
        ("Tilt y", "4.04 ± 0.15", "mrad"),
        ("Tilt x", "−2.21 ± 0.25", "mrad"),
    ]
    experiment = Experiment()
    adopt(experiment, both)
    assert experiment.specimen.value() == Specimen(123.4, (4.04, -2.21))
    assert both.is_set(experiment)
    experiment.specimen.tilt_y = 0.0
    assert not both.is_set(experiment)


def test_what_the_scan_does_not_say_of_the_specimen_is_told_and_left():
    thin = SimpleNamespace(
        specimen=Specimen(), errors={}, undetermined=("thickness", "tilt_y", "tilt_x")
    )
    found = FitFound.of(FIT, Aberrations(), (0.06, 0.98, 0.99), thin)
    assert "left as set: thickness, tilt." in found.remark
    experiment = Experiment()
    experiment.specimen.thickness_nm = 3.0
    adopt(experiment, found)
    assert experiment.specimen.thickness_nm == 3.0


def test_a_small_aperture_has_large_coefficients():
    """At 1 mrad and 300 kV a coma of 1.4 mm moves the phase at the rim by less than a turn."""
    experiment = Experiment()
    adopt(experiment, found(errors={"C21a": 1.6e6}, aberrations=Aberrations(C21a=1.39e7)))
    assert experiment.aberrations.C21a == 1.39e6
    assert experiment.aberrations.value().C21a == 1.39e7


@pytest.mark.parametrize(("fitted", "shown"), [(-12.3456, -12.35), (190.0, -170.0)])
def test_a_fitted_rotation_is_set_and_no_longer_searched_for(fitted, shown):
    experiment = Experiment()
    adopt(experiment, found(rotation_deg=fitted, rotation_error=0.3))
    assert experiment.scan.rotation_deg == shown


@pytest.fixture
def session(monkeypatch):
    """A session whose fit is FIT, called with what `calls` then holds, once `go` is set."""
    service = ComputeService()
    made = Session(FakeEngine({"demo": CALIBRATED}), service).start()
    made.calls, made.go = [], Event()
    made.go.set()

    def fit(g, start, orders, *, locked, rotation, progress):
        made.calls.append((g, start, orders, locked, rotation))
        assert made.go.wait(PATIENCE_S)
        return FIT

    monkeypatch.setattr("recon.focus.fit.fit_aberrations", fit)
    monkeypatch.setattr("recon.focus.flatness.flatness", lambda *which: 0.5)
    made.rest()
    yield made
    made.pipeline.close()
    service.close()


def focus(session):
    session.perform(fit_job(session.experiment.fit))


def test_the_fit_gets_a_g_of_its_own_and_what_it_may_change(session):
    state = session.experiment.fit
    state.param.update(orders=3, rotation=True, locked=["C12a", "C30"])
    focus(session)
    state.locked = []  # no longer of interest to it
    session.until(lambda: session.all("result"))
    g, _, *asked = session.calls[0]
    assert g.full
    assert not session.pipeline.preparing.prepared.sidebands.full
    assert asked == [3, ("C12a", "C30"), True]
    assert session.experiment.aberrations.defocus == 12.346


def test_a_hand_that_moved_meanwhile_wins(session):
    session.go.clear()
    focus(session)
    session.experiment.aberrations.C12b = 3.0
    session.go.set()
    session.until(lambda: any("the aberrations" in said for said in session.all("notice")))
    assert session.experiment.aberrations.value() == replace(Aberrations(), C12b=30.0)


def test_a_refusal_changes_nothing(session, monkeypatch):
    def refuse(*args, **more):
        raise Unfitted("Too few electrons: nothing was changed.")

    monkeypatch.setattr("recon.focus.fit.fit_aberrations", refuse)
    session.experiment.aberrations.defocus = 5
    session.rest()
    focus(session)
    session.until(lambda: session.all("error"))
    assert session.all("error") == ["Too few electrons: nothing was changed."]
    assert session.experiment.aberrations.value() == Aberrations(C10=-50)


def test_all_of_it_is_one_step_to_undo(session):
    timers = []
    history = History(
        session.experiment, session.pipeline, lambda ms, action: timers.append(action)
    )
    session.experiment.aberrations.C21a = 40.0
    history.settle()
    session.rest()
    focus(session)
    session.until(lambda: session.all("result"))
    history.settle()
    history.undo()
    assert session.experiment.aberrations.value() == Aberrations(C21a=400)
    history.redo()
    assert session.experiment.aberrations.C50 == -3.21
    history.close()


def test_a_link_carries_orders_and_locks():
    experiment = Experiment()
    experiment.fit.param.update(orders=5, locked=["C10", "C34a"], on_opening=True)
    query = to_query(experiment)
    other = Experiment()
    assert from_query(other, query) == []
    assert (other.fit.orders, other.fit.locked) == (5, ["C10", "C34a"])
    assert other.fit.on_opening
    (said,) = from_query(other, {"fit_locked": "C10_C99", "fit_orders": "3"})
    assert "fit_locked" in said
    assert (other.fit.orders, other.fit.locked) == (3, [])
