"""What focuses and proves it, the same on the stand-in for a GPU."""

import numpy as np
import pytest

from app.engine.catalogue import Catalogue
from app.engine.engine import Engine
from app.features.fit import fit_job
from app.features.orientations import orientation_job
from app.features.tile_proof import earlier_job
from app.pipeline.jobs import Job
from app.pipeline.proof import focus_series
from recon.io import write_events
from recon.simulate.scan import truth
from tests.support.fake_gpu import fake_gpu
from tests.support.on_device import (
    close,
    opened,
    service,  # noqa: F401 - a fixture
)
from tests.support.scans import ABERRATIONS, CALIBRATION, weak_events

pytestmark = pytest.mark.usefixtures("few_frequencies")


def proofs(engine, service):
    """All of it by name, asked for in one session."""
    session = opened(engine, service)
    session.experiment.fit.orders = 1
    session.pipeline.resting.also |= {"flatness"}
    session.experiment.display.slot_left = "focus_curve"
    found = {}
    for name in ("flatness", "focus_curve"):
        session.until(lambda name=name: session.all(name) or session.all("error"))
        found[name] = session.all(name)[-1]
    jobs = fit_job(session.experiment.fit), earlier_job(ABERRATIONS), orientation_job()
    names = "fit", "tiles_before", "orientations", "series"
    for name, job in zip(names, (*jobs, Job("", focus_series)), strict=True):
        answer = session.perform(job)
        session.until(lambda answer=answer: answer.result is not None or session.all("error"))
        assert session.all("error") == []
        found[name] = answer.result
    close(engine, session)
    return found


def test_a_device_proves_the_same_and_keeps_nothing(tmp_path, service, monkeypatch):
    events = weak_events(40_000, metadata=truth(CALIBRATION, ABERRATIONS))
    write_events(tmp_path / "scan.npz", events)
    fake = fake_gpu("cpu", monkeypatch)
    here = proofs(Engine(Catalogue(tmp_path)), service)
    there = proofs(Engine(Catalogue(tmp_path), device=fake.device, strict=True), service)
    assert there["flatness"].value == pytest.approx(here["flatness"].value, abs=1e-3)
    np.testing.assert_allclose(
        there["flatness"].residual, here["flatness"].residual, atol=1e-2, equal_nan=True
    )
    for name, line in here["focus_curve"].lines.items():
        np.testing.assert_allclose(there["focus_curve"].lines[name], line, atol=1e-3)
    for name, value in here["fit"].values.items():
        assert abs(there["fit"].values[name] - value) < here["fit"].errors[name] / 4
    assert there["tiles_before"].labels == here["tiles_before"].labels
    np.testing.assert_allclose(there["series"].images, here["series"].images, atol=1e-4)
    one, other = (found["orientations"] for found in (here, there))
    for mine, its in zip(one.images, other.images, strict=True):
        np.testing.assert_allclose(mine, its, atol=1e-3 * np.abs(mine).max())
    assert fake.problems == []
    assert fake.live == 0
