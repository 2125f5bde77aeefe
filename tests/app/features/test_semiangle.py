"""The semi-angle found from the sidebands, in the page."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from app.features.semiangle import semiangle_job
from app.pipeline.meter import Meter
from app.state.experiment import Experiment
from app.state.origin import FIT
from app.state.request import Geometry, Reading, Request
from tests.support.focus_scans import LOW, g_told


def test_a_job_finds_the_semiangle_and_sets_it_as_fitted():
    job, g = semiangle_job(), g_told(semiangle_cutoff=27.0)
    request = Request(Reading("a"), aberrations=replace(LOW, C10=LOW.C10 * 25 / 27))
    meter = Meter(lambda progress: None)
    found = job.run(SimpleNamespace(g=g, request=request, meter=meter, prepared=None))
    assert found.semiangle_cutoff == pytest.approx(25.0, abs=3 * found.error)
    experiment, sources = Experiment(), []
    scan = experiment.scan
    scan.param.watch(lambda *events: sources.append(scan.source), ["semiangle_mrad"])
    job.adopt(experiment, found)
    assert scan.semiangle_mrad == pytest.approx(found.semiangle_cutoff, rel=1e-3)
    assert sources == [FIT]
    # A slider or a calibration that was moved meanwhile wins.
    made_for = job.made_for(request)
    assert made_for != job.made_for(replace(request, aberrations=LOW))
    assert made_for != job.made_for(replace(request, geometry=Geometry(energy=1e5)))
