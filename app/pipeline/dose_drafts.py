"""Drafts of the phase while the dose is being set, before G of the electrons that stay is there.

G of a coarser detector takes a fraction of the time, and its exact phase differs little from that
of the fine one. A draft is never stopped by the next value, which waits its turn: so something
follows a slider that keeps moving. The fine G is made once the hand rests.
"""

from dataclasses import replace
from math import ceil, pi
from threading import Event
from time import monotonic

import numpy as np
import param

from app.engine.building_g import g_key
from app.engine.placement import kept_under
from app.pipeline import work
from app.pipeline.lanes import DOSE
from app.pipeline.meter import Meter
from app.pipeline.prepared import Prepared, only_dose_differs
from app.pipeline.stage import Stage
from app.pipeline.wiener import Weighting
from app.state.request import Request

LEAST = 8
"""Pixels across the disc of a draft."""

LONGEST_S = 3.0
"""Most that the fine G waits for a draft."""

TURN = 1.5 * pi
"""Most that χ's slope may turn G's phase within one of them at the highest frequency [rad]."""


class Dosing(Stage):
    """Draws what another dose would show."""

    draft = param.ClassSelector(class_=dict, doc="Phase and status, as `Drawing` takes them over.")

    def __init__(self, session, **before):
        self._meter = Meter(session.progress)
        self._meter.cancel()
        # Keys of what the last draft was made of; belongs to the lane, which runs one at a time.
        self._drawn: tuple = ()
        self._idle = Event()
        self._idle.set()
        super().__init__(session, **before)

    def wait(self, meter: Meter) -> None:
        """Wait for the draft under way: the fine G would only take the processor from it.

        Raises
        ------
        Cancelled
            If `meter` is.
        """
        end = monotonic() + LONGEST_S
        while not self._idle.wait(0.02) and monotonic() < end:  # another draft may have begun
            meter.check()

    def follow(self, request: Request, last: Prepared | None, shown: bool) -> Weighting | None:
        """Draft what is to be prepared, if it differs in its dose alone and the phase is `shown`.

        Returns the weighting of `last`, what was prepared before, if it goes on then; else None.
        """
        if last is None or not only_dose_differs(last.request, request):
            self.stop()
            return None
        # What "auto" stands for is that of the scan that is shown.
        treatment = replace(request.treatment, refine=last.scan.treatment.refine)
        request = replace(request, treatment=treatment)
        if last.sidebands is None or not shown or self._there(request, last.found.calibration):
            self.stop()
            return last.weighting
        session = self._session
        if self._meter.cancelled:
            self._meter = Meter(session.progress)
        meter = self._meter
        idle = self._idle = Event()
        # Not `last` itself: its G must not stay beside the next one.
        known = last.found.calibration, last.weighting, last.scan_sampling, last.scan.key

        def draw():
            return self._draw(request, meter, *known)

        def done(draft, error, seconds):
            meter.end()
            idle.set()
            if error is not None:
                session.fail(error)
            else:
                session.later(lambda: meter.cancelled or self.param.update(draft=draft))

        session.submit(DOSE, draw, done)
        return last.weighting

    def stop(self) -> None:
        """End what is under way, and show no more of it."""
        self._meter.cancel()
        self._session.stop(DOSE)
        self._idle.set()

    def _there(self, request, calibration) -> bool:
        """Whether the fine G is there already, and needs no draft."""
        engine, full = self._session.engine, request.sideband == "full"
        scan = engine.scan_key(request.reading, request.region, request.treatment)
        return engine.holds_g(scan, calibration, request.bright_field_pixels, full)

    def _draw(self, request, meter, calibration, weighting, sampling, shown) -> work.Results:
        engine = self._session.engine
        share = f"{100 * request.treatment.dose_share:g} %"
        task = f"Drawing {share} of the electrons"
        scan = engine.scan(request.reading, request.region, request.treatment, meter.begin(task))
        pixels = coarse(request, calibration)
        full = request.sideband == "full"
        g = engine.sidebands(scan, calibration, pixels, full, meter.begin(f"Drafting {share}"))
        g = g.through(request.specimen)
        image = work.phase_image(engine, g, request, "exact", weighting, sampling, moving=True)
        # What a slider has passed by is not kept: a scan is large.
        key = g_key(scan.key, calibration, pixels, full)
        drawn = scan.key, kept_under(key, g.device.name)
        for passed in set(self._drawn) - {*drawn, shown}:
            engine.store.let_go(passed)
        self._drawn = drawn
        return work.as_draft(image, g)


def coarse(request: Request, calibration) -> int:
    """Pixels across the disc that a draft of the dose needs, at most those of the request."""
    angles = np.linspace(0, 2 * pi, 64, endpoint=False)
    k0, inner = calibration.k0, 0.99 * calibration.k0
    rim, within = (
        request.aberrations.chi(k * np.sin(angles), k * np.cos(angles), calibration.wavelength)
        for k in (k0, inner)
    )
    slope = np.abs(rim - within).max() / (k0 - inner)
    wanted = max(LEAST, ceil(2 * k0 * slope / TURN))
    return min(wanted, request.bright_field_pixels)
