"""What the card of dose and noise says, and what stands beside its pictures."""

from types import SimpleNamespace

import numpy as np

from app.features.dose_and_noise import PLAIN, NoiseCard
from app.page.saving import Saving
from app.pipeline.chart import Chart
from app.pipeline.results import PhaseImage, Refused, ScanSummary
from app.state.experiment import Experiment
from app.views.frame import Link
from app.views.slot import Slot
from tests.support.pages import Results, references

FACTS = {
    **dict.fromkeys(("dataset", "title", "format"), "demo"),
    **dict.fromkeys(("scan_shape", "full_scan_shape", "frame_shape"), (4, 4)),
    "flyback": "none",
    "frames_per_position": 1,
    "electrons": 50_000_000,
    "dose": 2000.0,
}
LOWER = {"electrons": 5_000_000, "dose": 200.0, "dose_share": 0.1}


def test_the_label_stands_beside_the_picture():
    state, results = Experiment().display, Results()
    slot = Slot(state, "slot_main", Link(), references(results), large=True)
    image = np.zeros((4, 6), np.float32)
    results.phase = PhaseImage(image, "draft", 1.0, (2.0, 2.0))
    assert (slot.mode.text, slot.mode.tone, slot.view.unit) == ("draft", "", "rad")
    weighted = PhaseImage(image, "draft", 1.0, (2.0, 2.0), weighting="Wiener")
    results.phase = weighted
    assert (slot.mode.text, slot.mode.tone) == ("Wiener · draft", "warm")
    assert slot.named == "phase-wiener"
    # On the colour bar too, which a saved picture shows.
    assert slot.view.bar.title == "rad, Wiener"
    results.frc = Refused("Why.")
    state.slot_main = "frc"
    assert "Could not be computed" in slot.empty.text
    slot.close()


def test_beside_a_small_curve_the_pointer_reads_in_the_place_of_the_label():
    state, results = Experiment().display, Results()
    slot = Slot(state, "slot_left", Link(), references(results))
    state.slot_left = "frc"
    chart = Chart([1.0, 2.0], {"correlation": [1.0, 0.5]}, "q (1/nm)", periods=True, statement="s")
    results.frc = chart
    assert (slot.mode.text, slot.mode.visible) == ("s", True)
    slot.view.on_pointer(1.9, 0.0)
    assert slot.readout.text == "2 1/nm = 5 Å   correlation 0.5"
    assert not slot.mode.visible
    slot.view.on_pointer(None, None)
    assert (slot.readout.text, slot.mode.visible) == ("", True)
    slot.close()


def test_the_card_says_how_many_electrons_before_they_are_drawn():
    experiment = Experiment()
    results = Results()
    stages = SimpleNamespace(preparing=results, drawing=results)
    card = NoiseCard(SimpleNamespace(experiment=experiment, pipeline=stages))
    results.scan = ScanSummary(**FACTS)
    assert card.counted.text == "2\u202f000 e/Å² · 50 M electrons"
    assert card.dose.hidden == ["dose_draw"]
    experiment.treatment.dose_percent = 10
    assert card.counted.text == "200 e/Å² · 5 M electrons"
    assert card.dose.hidden == []
    # What arrives is of the lower dose already.
    results.scan = ScanSummary(**FACTS | LOWER)
    assert card.counted.text == "200 e/Å² · 5 M electrons"
    results.scan = ScanSummary(**FACTS | {"electrons": None, "dose": None})
    assert "livestem count" in card.counted.text
    assert card.dose.disabled == ["dose_percent", "dose_draw"]
    assert card.prior.text == PLAIN
    experiment.noise.wiener = True
    image = PhaseImage(np.zeros((2, 2)), "exact", 1.0, None, weighting="Wiener", prior="Expected.")
    results.phase = image
    assert card.prior.text == "Expected."
    experiment.noise.wiener = False
    assert card.prior.text == PLAIN
    card.close()


def test_a_picture_of_fewer_electrons_has_them_in_its_name():
    handed = []
    for share, name in ((1.0, "demo-phase.png"), (0.125, "demo-12.5-percent-dose-phase.png")):
        results = Results(scan=ScanSummary(**FACTS, dose_share=share))
        saving = Saving(SimpleNamespace(preparing=results), None, None, dict)
        saving.saver.hand_over_figure = lambda filename, figure, session: handed.append(filename)
        saving.save("png", None, "phase")
        assert handed.pop() == name
