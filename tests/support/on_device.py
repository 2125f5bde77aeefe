"""A session on a stand-in for a GPU."""

import gc

import pytest

from app.pipeline.lanes import ComputeService
from app.state.experiment import Experiment
from tests.support.sessions import Session


@pytest.fixture
def service():
    service = ComputeService()
    yield service
    service.close()


def opened(engine, service, part=0):
    """A session that shows everything of a part of the scan; each of 1296 parts is another."""
    experiment = Experiment("scan.npz")
    margins = {}
    for side in ("left", "top", "right", "bottom"):
        part, margins[f"crop_{side}"] = divmod(part, 6)
    experiment.scan.param.update(**margins)
    experiment.detector.bright_field_pixels = 12
    session = Session(engine, service, experiment).start()
    session.until(lambda: (exact(session) and session.all("dpc")) or session.all("error"))
    return session


def exact(session):
    """The phase that is shown, if it is exact."""
    phases = session.all("phase")
    return phases[-1] if phases and phases[-1].mode == "exact" else None


def close(engine, *sessions):
    for session in sessions:
        session.pipeline.close()
        session.seen.clear()
        session.turn()
    engine.store.clear_device()
    gc.collect()
