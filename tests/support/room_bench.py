"""Pages without a browser, of one server whose thread is the test's."""

from queue import Empty, Queue
from time import monotonic

from bokeh.document import Document

from app.page.page import Page
from app.pipeline.lanes import ComputeService
from app.rooms import joining
from app.rooms.doors import Doors
from app.rooms.joining import Joining
from tests.support.sessions import CALIBRATED, FakeEngine
from tests.support.waiting import wait_until


class Bench:
    """Pages of one server; its thread is the test's."""

    def __init__(self, monkeypatch, engine=None):
        self.engine = engine or FakeEngine({"demo": CALIBRATED})
        self.service = ComputeService()
        self.posted, self.doors, self.pages = Queue(), Doors(), []
        self._later = []  # when, and what a room has waiting
        threads = self.posted.put, self._after
        monkeypatch.setattr(joining, "on_this_thread", lambda: threads)
        monkeypatch.setattr("app.rooms.holds.HOLD_S", 1e6)  # however slow the test is
        monkeypatch.setattr("app.page.page.when_ready", lambda action: None)
        monkeypatch.setattr(Page, "post", lambda page, function: self.posted.put(function))
        monkeypatch.setattr(Page, "after", lambda page, milliseconds, action: None)

    def _after(self, milliseconds, action):
        self._later.append((monotonic() + milliseconds / 1e3, action))

    def open(self, token="", **query):
        how = {"doors": self.doors, "through": self.doors.find(token) if token else None}

        def make_pipeline(experiment, post):
            return Joining(experiment, self.engine, self.service, post, **how)

        page = Page(make_pipeline, self.engine.catalogue, query, Document())
        self.pages.append(page)
        page.start()
        self.until(lambda: page.pipeline.drawing.phase and page.status.mode.startswith("exact"))
        return page

    def until(self, condition):
        def turned():
            due = [each for each in self._later if each[0] <= monotonic()]
            self._later = [each for each in self._later if each not in due]
            for _, action in due:
                action()
            try:
                while True:
                    self.posted.get_nowait()()
            except Empty:
                return condition()

        wait_until(turned)

    def close(self):
        for page in self.pages:
            page.close()
        self.service.close()
