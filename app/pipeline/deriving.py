"""What is summed and integrated from a scan: virtual images, centre of mass, DPC."""

import param

from app.engine.health import Faults
from app.pipeline import work
from app.pipeline.asked import Asked
from app.pipeline.lanes import DERIVED
from app.pipeline.preparing import Preparing
from app.pipeline.results import ComField, DpcImage, VirtualImages
from app.pipeline.stage import Stage


class Deriving(Stage):
    """Made one after the other, each again only when what it is made of has changed."""

    asked = param.ClassSelector(class_=Asked, constant=True)
    preparing = param.ClassSelector(class_=Preparing, constant=True)

    virtual = param.ClassSelector(class_=VirtualImages)
    faults = param.ClassSelector(class_=Faults, doc="Once for a scan.")
    current = param.String(
        None, allow_None=True, doc="Sentences on empty frames and the beam's current, or empty."
    )
    com = param.ClassSelector(class_=ComField)
    dpc = param.ClassSelector(class_=DpcImage)

    def __init__(self, session, **before):
        self._wanted: object = None
        # What each was made of; belongs to the lane, which runs one job at a time.
        self._made: dict[str, object] = {}
        super().__init__(session, **before)

    @param.depends("preparing.scan", watch=True)
    def _forget(self) -> None:
        """Show no DPC of other values, or of another scan, while the calibration has gaps."""
        if self.preparing.scan.missing:
            self.dpc = None

    @param.depends("preparing.prepared", watch=True)
    def _begin(self) -> None:
        self._wanted = None
        self._follow()

    @param.depends("asked.request", watch=True)
    def _follow(self) -> None:
        prepared, request = self.preparing.prepared, self.asked.request
        if prepared is None or not prepared.is_of(request):
            return
        wanted = request.annulus, request.dpc
        if wanted != self._wanted:
            self._wanted = wanted
            self._derive(prepared, request)

    def _derive(self, prepared, request) -> None:
        session = self._session
        meter = session.begin(DERIVED)

        def derive():
            work.derive(session.engine, prepared, request, self._made, meter, self.publish)

        def done(result, error, seconds):
            meter.end()
            if error is not None:
                session.fail(error)
            else:
                session.later(lambda: self.preparing.advise(prepared))

        session.submit(DERIVED, derive, done)
