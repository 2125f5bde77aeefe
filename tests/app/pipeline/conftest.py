"""A session whose engine is a stand-in, with threads."""

import pytest

from app.pipeline.lanes import ComputeService
from tests.support.sessions import CALIBRATED, FakeEngine, Session


@pytest.fixture
def service():
    service = ComputeService()
    yield service
    service.close()


@pytest.fixture
def engine():
    return FakeEngine({"demo": {**CALIBRATED, "rotation_deg": 12.0}, "bare": {}})


@pytest.fixture
def session(engine, service):
    session = Session(engine, service).start()
    session.rest()
    yield session
    session.pipeline.close()
