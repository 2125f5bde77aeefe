"""Thickness, tilt and focal spread as they are dialled, in a link, and in a request."""

from app.state.experiment import Experiment
from app.state.link import from_query, to_query
from recon.specimen import Specimen


def filled():
    experiment = Experiment()
    experiment.specimen.param.update(
        thickness_nm=12.3, tilt_y=4.1, tilt_x=-2.5, focal_spread_nm=0.7
    )
    return experiment


def test_nanometres_are_ten_angstrom():
    assert filled().request().specimen == Specimen(123, (4.1, -2.5), 7)


def test_a_link_carries_the_specimen():
    query = to_query(filled())
    assert query == {
        "thickness": "12.3",
        "tilt_y": "4.1",
        "tilt_x": "-2.5",
        "focal_spread": "0.7",
    }
    other = Experiment()
    assert from_query(other, query) == []
    assert other.request() == filled().request()


def test_a_link_refuses_what_is_no_thickness():
    experiment = Experiment()
    (said,) = from_query(experiment, {"thickness": "-3"})
    assert "thickness=-3 cannot be used" in said
    assert experiment.specimen.thickness_nm == 0


def test_a_specimen_survives_the_change_of_units():
    experiment = Experiment()
    experiment.specimen.set_from(Specimen(123, (4.1, -2.5), 7))
    assert experiment.specimen.value() == Specimen(123, (4.1, -2.5), 7)
    experiment.specimen.reset()
    assert experiment.specimen.value() == Specimen()
