"""What is to be done to the electrons, as the user sets it."""

from app.state.experiment import Experiment


def test_a_disc_entered_by_hand_is_what_distortions_are_measured_by_and_nothing_else():
    experiment = Experiment()
    experiment.scan.param.update(fit_disc=False, centre_y=14.0, centre_x=12.0, radius=9.0)
    assert experiment.request().treatment.disc is None
    experiment.treatment.descan = True
    assert experiment.request().treatment.disc == ((14.0, 12.0), 9.0)
    experiment.scan.fit_disc = True
    assert experiment.request().treatment.disc is None
