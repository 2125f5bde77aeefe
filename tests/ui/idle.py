"""One more address of the tests' servers, /idle: whether there is nothing left to do.

As `panel serve --plugins tests.ui.idle` takes it; `python -m tests.ui.idle serve …` is `livestem
serve …` with it.
"""

from tornado.web import RequestHandler


class Idle(RequestHandler):
    def get(self):
        # Late: what the command line sets up comes before the page's modules are imported.
        from app.server.process import shared

        service = shared().service
        with service._lock:
            works = any(service._pending.values()) or any(service._busy.values())
        self.write("works" if works else "idle")


ROUTES = [("/idle", Idle)]
PROGRAM = "-m", "tests.ui.idle"


def main():
    """`livestem`, whose server has the address too."""
    from app import cli
    from app.server import serving

    plain = serving._arguments
    serving._arguments = lambda served: [*plain(served), f"--plugins={Idle.__module__}"]
    cli.run()


if __name__ == "__main__":
    from tests.ui import idle

    idle.main()
