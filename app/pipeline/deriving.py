"""What is summed and integrated from a scan: virtual images, centre of mass, DPC."""

import param

from app.engine.health import Faults
from app.pipeline import work
from app.pipeline.lanes import DERIVED
from app.pipeline.preparing import Made
from app.pipeline.results import ComField, DpcImage, VirtualImages

PAUSE = 4
"""While the scan grows they rest this many times as long as they took to make.

DPC of 1024² positions, integrated without a pause, took two fifths of a core from the rows that
came and the hand that moved.
"""


class Deriving(Made):
    """Made one after the other, each again only when what it is made of has changed."""

    STAYS = "virtual", "faults", "current", "com"

    virtual = param.ClassSelector(class_=VirtualImages)
    faults = param.ClassSelector(class_=Faults, doc="Once for a scan.")
    current = param.String(None, allow_None=True, doc="On empty frames and the beam's current.")
    com = param.ClassSelector(class_=ComField)
    dpc = param.ClassSelector(class_=DpcImage)

    def __init__(self, session, **before):
        self._wanted: object = None
        self._under_way: object = None
        self._pause = 0.0
        # What each was made of; belongs to the lane, which runs one job at a time.
        self._made: dict[str, object] = {}
        super().__init__(session, **before)

    @param.depends("preparing.prepared", watch=True)
    def _begin(self) -> None:
        prepared = self.preparing.prepared
        growing = prepared is not None and prepared.scan.growing
        if growing and self._under_way:
            return  # looked at again when this is done
        self._wanted = None
        self._follow(self._pause if growing else 0.0)

    @param.depends("asked.request", watch=True)
    def _follow(self, delay: float = 0.0) -> None:
        request = self.asked.request
        prepared, wanted = self.preparing.current(request), (request.annulus, request.dpc)
        if prepared is not None and wanted != self._wanted:
            self._wanted = wanted
            self._derive(prepared, request, delay)

    def _derive(self, prepared, request, delay) -> None:
        session = self._session
        meter = session.begin(DERIVED)
        self._under_way = prepared

        def derive():
            work.derive(session.engine, prepared, request, self._made, meter, self.publish)

        def done(result, error, seconds):
            meter.end()
            if error is not None:
                session.fail(error)
            session.later(lambda: self._done(prepared, error, seconds))

        session.submit(DERIVED, derive, done, delay=delay)

    def _done(self, prepared, error, seconds) -> None:
        self._pause = PAUSE * seconds
        if error is None:
            self.preparing.advise(prepared)
        if self._under_way is not prepared:
            return
        self._under_way = None
        if prepared.scan.growing and self.preparing.prepared is not prepared:
            self._begin()
