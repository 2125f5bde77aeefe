"""What is taken over from a file, the window of frames, and the progress meter."""

from types import SimpleNamespace

import pytest

from app.pipeline import summary as opening
from app.pipeline.meter import Meter
from app.pipeline.pacing import FrameWindow
from app.state import following, origin
from app.state.dpc import DpcState
from app.state.experiment import Experiment
from app.state.request import Reading, Region, Request, Treatment
from app.state.scan import ScanState
from recon.batch.geometry import Found, onto_detector_in_use
from recon.errors import Cancelled
from tests.support.sessions import CALIBRATED


def test_a_frame_window_counts(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("app.pipeline.pacing.monotonic", lambda: now[0])
    window = FrameWindow(2, 60)
    for _ in range(5):
        window.number()
    assert window.ready_in() == 0
    window.acknowledge(4)
    assert window.ready_in() == 0
    window.number()
    now[0] += 15
    assert window.ready_in() == 45
    window.acknowledge(None)
    assert window.ready_in() == 0


def test_a_meter_is_quiet_at_first_and_estimates_the_rest():
    now, told = [0.0], []
    meter = Meter(told.append, clock=lambda: now[0]).begin("Reading")
    now[0] = 0.2
    meter(0.05)
    assert told == []
    now[0] = 0.5
    meter(0.1)
    assert told[-1].remaining_s is None
    now[0] = 2.0
    meter(0.25)
    assert told[-1].remaining_s == pytest.approx(6)
    assert (told[-1].task, told[-1].fraction, told[-1].running) == ("Reading", 0.25, True)
    meter(0.26)
    assert len(told) == 2
    meter.end()
    assert not told[-1].running
    meter.cancel()
    with pytest.raises(Cancelled):
        meter(0.3)


def test_a_meter_lets_short_work_finish():
    now = [0.0]
    meter = Meter(lambda progress: None, clock=lambda: now[0]).begin("Integrating")
    meter.hurry(0.4)
    now[0] = 0.3
    meter(0.5)
    now[0] = 0.5
    with pytest.raises(Cancelled):
        meter(0.9)


def test_values_of_the_scan_before_stay_only_if_entered():
    scan = ScanState()
    sources = origin.fill(scan, {**CALIBRATED, "rotation_deg": -200.0}, {})
    assert scan.rotation_deg == 160
    scan.semiangle_mrad = 20
    sources["semiangle_mrad"] = "entered"
    sources = origin.fill(scan, {"energy": float("nan")}, sources)
    assert (scan.energy_kev, scan.semiangle_mrad, scan.scan_step_x) == (None, 20, None)
    assert sources["energy_kev"] == "unknown"
    assert scan.auto_orientation


def react(experiment, **before):
    events = [
        SimpleNamespace(obj=experiment.dpc, name=name, old=old) for name, old in before.items()
    ]
    following.react(experiment, events)
    return {"highpass": experiment.dpc.highpass, "lowpass": experiment.dpc.lowpass}


def test_each_dpc_method_has_its_usual_regularisation_unless_it_was_set():
    experiment = Experiment()
    experiment.dpc.method = "direct"
    assert react(experiment, method="iterative", lowpass=3) == DpcState.USUAL["iterative"]
    assert react(experiment, step=0.5) == DpcState.USUAL["iterative"]
    assert react(experiment, method="iterative") == DpcState.USUAL["direct"]
    experiment.dpc.param.update(method="iterative", highpass=0.5)
    assert react(experiment, method="direct")["highpass"] == 0.5


def test_region_of_the_found_disc_is_that_of_the_whole_detector():
    scan = ScanState()
    region = Region(detector=(10, 0, 20, 0))
    request = Request(Reading("a"), region)
    opening.take_over(scan, request, Found((1.5, 2.5), 3.0, True, "", 0.0, False, "", (), None))
    assert (scan.centre_y, scan.centre_x, scan.radius) == (11.5, 22.5, 3)


def test_the_disc_on_a_finer_detector_is_shown_on_the_files_own():
    scan = ScanState()
    region, treatment = Region(detector=(10, 0, 20, 0)), Treatment(refine=4)
    request = Request(Reading("a"), region, treatment)
    # A pixel's middle lies in the middle of its four finer ones: 1.5 of 0 to 3.
    opening.take_over(scan, request, Found((1.5, 5.5), 12.0, True, "", 0.0, False, "", (), None))
    assert (scan.centre_y, scan.centre_x, scan.radius) == (10, 21, 3)
    assert onto_detector_in_use(region, treatment, (10.0, 21.0), 3.0) == ((1.5, 5.5), 12.0)


def test_the_next_scan_of_a_microscope_goes_on_with_what_was_set_and_found():
    scan = ScanState()
    scan.param.update(
        energy_kev=80.0, scan_step_y=0.5, rotation_deg=-12.0, transpose=True, auto_orientation=True
    )
    before = {
        "energy_kev": "entered",
        "scan_step_y": "file",
        "rotation_deg": "estimated from the data",
        "transpose": "estimated from the data",
    }
    values, found = origin.carried(scan, {"scan_sampling": (0.7, 0.7)}, before)
    scan.param.update(**values)
    assert (scan.energy_kev, scan.scan_step_y, scan.rotation_deg) == (80.0, 0.7, -12.0)
    assert (scan.transpose, scan.auto_orientation) == (True, False)
    assert found["rotation_deg"] == found["transpose"] == "the scan before"
    assert (found["energy_kev"], found["scan_step_y"]) == ("entered", "file")
    scan.param.update(**origin.carried(scan, {"rotation_deg": 5.0}, found)[0])
    assert (scan.rotation_deg, scan.auto_orientation) == (5.0, False)
