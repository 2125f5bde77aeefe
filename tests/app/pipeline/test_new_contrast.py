"""One entry and one function make a new contrast."""

import subprocess
import sys

from tests.support.paths import ROOT

TABLE = """
import numpy as np
from app.state.contrasts import CONTRASTS, Contrast
"""

ENTRY = """
CONTRASTS["{name}"] = Contrast("Cosine, {made}", "{name}", unit="1", made={made!r})
"""

TOOLS = """
from app.pipeline.on_show import at_rest, phase_key, with_phase
from app.pipeline.results import LabelledImage
"""

FUNCTION = """
@{mark}
def {name}(context):
    request = context.request
    how = request.aberrations, "exact", context.sideband, request.band_limit
    phase = context.engine.phase(context.g, *how)
    return LabelledImage(np.cos(phase), "", context.prepared.scan_sampling, "made here")
"""

SEEN = """
from app.pipeline.lanes import ComputeService
from app.state.experiment import Experiment
from app.state.link import from_query, to_query
from app.views.frame import Link
from app.views.slot import Slot
from tests.support.sessions import CALIBRATED, FakeEngine, Session


def see(name):
    experiment = Experiment("scan")
    assert from_query(experiment, {"left": name}) == []
    service = ComputeService()
    session = Session(FakeEngine({"scan": CALIBRATED}), service, experiment)
    slot = Slot(experiment.display, "slot_left", Link(), session.pipeline.results)
    assert (name, CONTRASTS[name].title) in slot.controls.specs[0]["options"]
    experiment.aberrations.defocus = 2
    session.start().until(lambda: slot.view.image is not None and not slot.empty.text)
    session.until(lambda: session.all("phase")[-1].mode == "exact" and session.all("dpc"))
    np.testing.assert_allclose(slot.view.image, np.cos(2), rtol=1e-6)
    assert slot.mode.text == "made here"
    assert slot.named == name

    # It follows the defocus; shown no more, it is made no more.
    experiment.aberrations.defocus = 3
    session.until(lambda: np.allclose(slot.view.image, np.cos(3)))
    session.until(lambda: service.idle(session.pipeline.session.key))
    experiment.display.slot_left = "dpc"
    seen = len(session.all(name))
    experiment.aberrations.defocus = 1
    session.until(lambda: session.all("phase")[-1].array[0, 0] == 1)
    session.until(lambda: service.idle(session.pipeline.session.key))
    assert len(session.all(name)) == seen
    assert session.all("error") == []
    session.pipeline.close()
    service.close()
"""


MARKS = {
    "live": "with_phase",
    "exact": "with_phase",
    "rest": 'at_rest("Taking the cosine", phase_key)',
}


def test_one_entry_and_one_function_are_seen_in_a_slot():
    # In a process of its own: the choices of a slot are those of the table when it is imported.
    made = {f"cosine_{made}": (made, mark) for made, mark in MARKS.items()}
    entries = [ENTRY.format(name=name, made=how) for name, (how, _) in made.items()]
    functions = [FUNCTION.format(name=name, mark=mark) for name, (_, mark) in made.items()]
    seen = [f"see({name!r})\n" for name in made]
    script = "".join([TABLE, *entries, TOOLS, *functions, SEEN, *seen])
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
