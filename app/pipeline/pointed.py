"""The pattern of what is pointed at: one position of the scan, or a rectangle of them."""

from dataclasses import dataclass

import numpy as np
import param

from app.pipeline.lanes import POINT
from app.pipeline.preparing import Preparing
from app.pipeline.stage import Stage
from recon.calibration import Calibration
from recon.scan.kinds import by_kind

FRAMES = "frames"
"""The contrast, and the result, that it gives."""


@dataclass(frozen=True)
class Place:
    """Positions of the scan in use: rows and columns, each the first and the one after the last."""

    rows: tuple[int, int]
    columns: tuple[int, int]

    @classmethod
    def of(cls, row: int, column: int) -> "Place":
        """One position."""
        return cls((row, row + 1), (column, column + 1))

    def with_(self, other: "Place") -> "Place":
        """The rectangle that holds both."""
        pairs = zip((self.rows, self.columns), (other.rows, other.columns), strict=True)
        return Place(*((min(a[0], b[0]), max(a[1], b[1])) for a, b in pairs))

    @property
    def alone(self) -> bool:
        """Whether it is one position."""
        return self == Place.of(self.rows[0], self.columns[0])

    def within(self, shape) -> bool:
        """Whether a scan of `shape` has all of it."""
        return self.rows[1] <= shape[0] and self.columns[1] <= shape[1]

    def __str__(self):
        if self.alone:
            return f"at ({self.rows[0]}, {self.columns[0]})"
        return "of {} × {}".format(*(last - first for first, last in (self.rows, self.columns)))


@dataclass(frozen=True, eq=False)
class FramePattern:
    """What the detector saw at some positions; drawn as `app.pipeline.results.Pacbed` is."""

    array: np.ndarray
    """(Ky, Kx) electrons, or the sum of frames in their own unit."""
    place: Place
    counted: bool
    """Whether electrons were counted one by one."""
    centre: tuple[float, float] | None
    radius: float | None
    calibration: Calibration | None
    passing: bool = False
    """Whether a pointer only passes by: more follow at once."""

    @property
    def label(self) -> str:
        """How much was recorded, and where."""
        total = self.array.sum()
        if not self.counted:
            return f"sum {total:.4g} {self.place}"
        return f"{total:,} electron{'' if total == 1 else 's'} {self.place}"


class Pointed(Stage):
    """Reads the frames that a session points at: the latest place wins."""

    preparing = param.ClassSelector(class_=Preparing, constant=True)

    frames = param.ClassSelector(class_=FramePattern)

    @property
    def scan_shape(self) -> tuple[int, int] | None:
        """(Sy, Sx) of the scan in use; None while there is none."""
        prepared = self.preparing.prepared
        return None if prepared is None else prepared.scan.events.scan_shape

    def show(self, place: Place, passing: bool = False) -> None:
        """Have the pattern of a place in `frames`; on the session's thread."""
        prepared, session = self.preparing.prepared, self._session
        if prepared is None or not place.within(prepared.scan.events.scan_shape):
            return
        meter = session.begin(POINT)

        def run():
            meter.begin(f"Summing frames {place}")
            return pattern_at(prepared.scan.events, prepared.found, place, passing, meter)

        def done(pattern, error, seconds):
            meter.end()
            if error is None:
                self.publish(frames=pattern)
            else:
                session.fail(error)

        session.submit(POINT, run, done)

    def stop(self) -> None:
        """End what is under way."""
        self._session.stop(POINT)


def pattern_at(events, found, place: Place, passing: bool, progress=None) -> FramePattern:
    """The pattern of a place, with the disc that was found in the scan's mean pattern."""
    from recon.sums import pattern_of

    array = pattern_of(events, place.rows, place.columns, progress)
    disc = found.centre, found.radius, found.calibration
    return FramePattern(array, place, by_kind(events, True, False), *disc, passing)
