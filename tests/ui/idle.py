"""One more address of the tests' server: whether it has nothing left to do."""

from tornado.web import RequestHandler

from app.server.process import shared


class Idle(RequestHandler):
    def get(self):
        service = shared().service
        with service._lock:
            works = any(service._pending.values()) or any(service._busy.values())
        self.write("works" if works else "idle")


ROUTES = [("/idle", Idle)]
"""As `panel serve --plugins tests.ui.idle` takes it."""
