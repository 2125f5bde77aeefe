"""One entry and one function make a new contrast."""

import subprocess
import sys

import pytest

from tests.support.paths import ROOT

ENTRY = """
import numpy as np
from app.state.contrasts import CONTRASTS, Contrast

CONTRASTS["cosine"] = Contrast("Cosine of the phase", "cosine", unit="1", made={made!r})
"""

FUNCTION = """
from app.pipeline.on_show import at_rest, phase_key, with_phase
from app.pipeline.results import LabelledImage

@{mark}
def cosine(context):
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

experiment = Experiment("scan")
assert from_query(experiment, {"left": "cosine"}) == []
service = ComputeService()
session = Session(FakeEngine({"scan": CALIBRATED}), service, experiment)
slot = Slot(experiment.display, "slot_left", Link(), session.pipeline.results)
assert ("cosine", "Cosine of the phase") in slot.controls.specs[0]["options"]
experiment.aberrations.defocus = 2
session.start().until(lambda: slot.view.image is not None and not slot.empty.text)
session.until(lambda: session.all("phase")[-1].mode == "exact" and session.all("dpc"))
np.testing.assert_allclose(slot.view.image, np.cos(2), rtol=1e-6)
assert slot.mode.text == "made here"
assert slot.named == "cosine"

# It follows the defocus; shown no more, it is made no more.
experiment.aberrations.defocus = 3
session.until(lambda: np.allclose(slot.view.image, np.cos(3)))
experiment.display.slot_left = "dpc"
seen = len(session.all("cosine"))
experiment.aberrations.defocus = 1
session.until(lambda: session.all("phase")[-1].array[0, 0] == 1)
session.until(lambda: service.idle(session.pipeline.session.key))
assert len(session.all("cosine")) == seen
assert session.all("error") == []
session.pipeline.close()
service.close()
"""


@pytest.mark.parametrize(
    ("made", "mark"),
    [
        ("live", "with_phase"),
        ("exact", "with_phase"),
        ("rest", 'at_rest("Taking the cosine", phase_key)'),
    ],
)
def test_one_entry_and_one_function_are_seen_in_a_slot(made, mark):
    # In a process of its own: the choices of a slot are those of the table when it is imported.
    script = ENTRY.format(made=made) + FUNCTION.format(mark=mark) + SEEN
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
