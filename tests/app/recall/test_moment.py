"""What differs between two moments, and how that is said."""

from app.recall.moment import Moment, differences, in_words
from app.state.experiment import Experiment


def test_differences_are_told_in_words():
    experiment = Experiment()
    before = Moment.of(experiment, {})
    experiment.aberrations.param.update(defocus=-1.5, C30=2)
    experiment.scan.param.update(transpose=True, energy_kev=80)
    experiment.dpc.iterations = 7
    found = differences(before, Moment.of(experiment, {}))
    assert in_words(found, 9) == (
        "beam energy – → 80 keV, transpose the detector: on, defocus 0 → −1.5 nm, "
        "C30 0 → 2 µm, DPC iterations 20 → 7"
    )
    assert in_words(found, 1) == "beam energy – → 80 keV and 4 more"
    experiment.scan.dataset = "a/b.h5"
    assert in_words(differences(before, Moment.of(experiment, {}))) == "scan demonstration → b.h5"


def test_neither_what_is_found_nor_where_one_looks_is_a_difference():
    experiment = Experiment()
    before = Moment.of(experiment, {})
    experiment.display.param.update(theme="light", slot_left="com", view=(0, 1, 0, 1))
    experiment.scan.radius = 9.0
    assert differences(before, Moment.of(experiment, {})) == []
    experiment.scan.fit_disc = False
    words = [each.words for each in differences(before, Moment.of(experiment, {}))]
    assert words == ["fit the disc: off", "disc radius – → 9 px"]
