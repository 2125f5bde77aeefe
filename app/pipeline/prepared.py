"""What a redraw starts from: a scan with its geometry, and G."""

from dataclasses import dataclass, field, replace
from threading import Lock

import numpy as np

from app.engine.engine import Scan
from app.pipeline.wiener import Weighting
from app.state.request import Request
from recon.batch.geometry import Found


@dataclass(frozen=True, eq=False)
class Prepared:
    """All that a redraw needs besides the aberrations."""

    request: Request
    """What it was prepared for."""
    scan: Scan
    found: Found
    sidebands: object | None
    """G, None while the calibration has gaps."""
    scan_sampling: tuple[float, float] | None
    """(y, x) [Å]"""
    picks: "Picks"
    weighting: Weighting = field(default_factory=Weighting)

    def g_of(self, request: Request):
        """G, taken through the request's specimen."""
        return self.sidebands.through(request.specimen)

    def with_(self, request: Request) -> Request:
        """`request` as far as it can be met with what is prepared."""
        mine = self.request
        return replace(
            request,
            reading=mine.reading,
            region=mine.region,
            treatment=mine.treatment,
            geometry=mine.geometry,
            bright_field_pixels=mine.bright_field_pixels,
        )


@dataclass(frozen=True, eq=False)
class Redraw:
    """All that a redraw works on."""

    prepared: Prepared
    request: Request
    shown: tuple[str, ...]
    """Results that the slots show."""
    changed_at: float
    """When the state was changed last [s]."""


class Picks:
    """Power spectrum and tiles' frequencies of one G, made again only when they change.

    Lanes share it. Its lock is held to look and to note, never while the device works: two lanes
    may make the same at once, and the first to be there counts.
    """

    def __init__(self):
        self._lock = Lock()
        self.rows = 0
        """Of a scan that grows, when they were made."""
        self._choice, self._found, self._told, self._power = None, None, None, None

    def of(self, engine, g, choice) -> np.ndarray:
        """(n, 2) int frequencies for a `TileChoice`; the same array while it stays the same."""
        with self._lock:
            if choice == self._choice:
                return self._found
        found = engine.frequencies(g, choice)
        with self._lock:
            if choice != self._choice:
                self._choice, self._found = choice, found
            return self._found

    def news(self, engine, g, frequencies) -> np.ndarray | None:
        """(Sy, Sx) power spectrum if it was not told with these frequencies yet."""
        with self._lock:
            if self._told is frequencies:
                return None
            power = self._power
        if power is None:
            power = engine.spectrum(g)
        with self._lock:
            if self._told is frequencies:
                return None
            self._power, self._told = power, frequencies
            return power


def preparation(request: Request) -> tuple:
    """The parts of a request that the slow work depends on."""
    full = request.sideband == "full"
    what = request.reading, request.region, request.treatment
    return *what, request.geometry, request.bright_field_pixels, full


def drawing(request: Request, beside: frozenset[str]) -> tuple:
    """The parts of a request that a redraw depends on besides G, and what it makes `beside`."""
    return (
        request.aberrations,
        request.specimen,
        request.sideband,
        request.band_limit,
        request.tiles,
        request.noise.wiener,
        beside,
    )


def only_dose_differs(one: Request, other: Request) -> bool:
    """Whether what is prepared differs in nothing but which electrons are kept."""
    if one.treatment == other.treatment:
        return False
    whole = (replace(each, treatment=each.treatment.at_full_dose()) for each in (one, other))
    return len({preparation(each) for each in whole}) == 1


def usable_sideband(g, wanted: str) -> str:
    """The sidebands to sum: "full" only once G holds the triple overlap too."""
    return wanted if g.full or wanted != "full" else "both"
