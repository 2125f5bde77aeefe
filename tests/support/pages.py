"""A page without a server, and results to publish to it."""

from types import SimpleNamespace

import numpy as np
import param
import pytest
from bokeh.document import Document

from app.engine.catalogue import Catalogue
from app.engine.gauge import DeviceState
from app.page.page import Page
from app.pipeline.pipeline import Pipeline
from app.pipeline.results import (
    ComField,
    DpcImage,
    Pacbed,
    PhaseImage,
    ScanSummary,
    Spectrum,
    Status,
    Tiles,
    VirtualImages,
)

SHAPE, STEP = (12, 16), (2.0, 2.0)


class Results(param.Parameterized):
    """In place of stages: results that a test sets."""

    scan, phase, dpc, frc = (param.Parameter() for _ in range(4))


def references(results):
    """The same as views take them."""
    return {name: results.param[name] for name in results.param if name != "name"}


class StandIn(Pipeline):
    """Stages that compute nothing, and remember what they were asked."""

    def __init__(self, experiment, post):
        service = SimpleNamespace(
            gate=lambda *told: None, discard=lambda *told: None, wake=lambda: None
        )
        super().__init__(experiment, None, service, post)
        self.acknowledged, self.performed = [], []
        self.cancelled = self.retried = 0
        self.drawing.acknowledge = self.acknowledged.append
        self.aside.perform = self._perform
        self.opening.read = self._retry

    origin = ("demo", {})

    def start(self):
        pass

    def publish(self, name, value):
        """Set a result, or say something once."""
        stage = next(each for each in (self.told, *self.stages[::-1]) if name in each.param)
        stage.param.update(**{name: value})

    def _perform(self, job, answer):
        self.performed.append(job)
        self.answer = answer

    def cancel(self):
        self.cancelled += 1

    def _retry(self):
        self.retried += 1

    def to_save(self, kind, session="", fit=None, address=""):
        if kind == "tiff":
            raise ValueError("There is nothing to save yet.")
        return lambda: SimpleNamespace(filename="a.h5", data=b"all", media_type="", warning="")

    @property
    def closed(self):
        return self.session.closed


@pytest.fixture
def instrument(monkeypatch):
    monkeypatch.setattr("app.page.page.when_ready", lambda action: None)
    made = Page(StandIn, Catalogue(), {}, Document())
    made.start()
    yield made
    made.close()


@pytest.fixture
def image():
    return np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


def summary(**more):
    values = {
        "dataset": "demo",
        "title": "demonstration",
        "format": "simulation",
        "scan_shape": SHAPE,
        "full_scan_shape": SHAPE,
        "frame_shape": (20, 20),
        "electrons": 12345,
        "flyback": "none",
        "frames_per_position": 1,
        "dose": None,
    }
    return ScanSummary(**(values | more))


def publish_all(page, image):
    page.pipeline.publish("scan", summary())
    page.pipeline.publish(
        "pacbed", Pacbed(np.ones((20, 20)), (9.5, 9.5), 5.0, True, "A disc.", None)
    )
    page.pipeline.publish("phase", PhaseImage(image, "exact", 3.0, STEP, 1))
    page.pipeline.publish("dpc", DpcImage(image, np.ones(3), None, "iterative", STEP))
    field = np.stack([image, image])
    page.pipeline.publish("com", ComField(field, "mrad", image, image, STEP))
    page.pipeline.publish("virtual", VirtualImages({"bf": image, "adf": image}, STEP))
    page.pipeline.publish(
        "tiles", Tiles(np.ones((2, 6, 6), complex), np.array([[1, 2], [3, 4]]), ("a", "b"), True)
    )
    page.pipeline.publish(
        "spectrum", Spectrum(image**2, (0.01, 0.01), np.array([[1, 2], [3, 4]]), 1.0)
    )
    page.pipeline.publish("status", Status("exact", 3.0, 1000))
    page.pipeline.publish(
        "device", DeviceState("NVIDIA H200", 12 * 10**9, 139 * 10**9, ("G: 1 GB",))
    )
