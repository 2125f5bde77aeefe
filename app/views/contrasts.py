"""What an image slot draws of a result, and what it says of it."""

from dataclasses import dataclass

import numpy as np

from app.drawing.display import Extent
from app.state.contrasts import Contrast


@dataclass(frozen=True, eq=False)
class ScanImage:
    """Values over the scan."""

    array: np.ndarray
    """(Sy, Sx) for an image, (Sy, Sx, 2) as (y, x) for a field."""
    unit: str
    sampling: tuple[float, float] | None
    """(y, x) [Å]; None where the step is unknown."""
    rows: np.ndarray | None = None
    """(Sy,) bool: those that have been scanned; None for all."""

    @property
    def unscanned(self) -> list[Extent]:
        """Where nothing has been scanned yet, in `axis_unit`."""
        if self.rows is None:
            return []
        edges = np.flatnonzero(np.diff(np.r_[True, self.rows, True]))
        whole, shape = self.extent, self.array.shape
        return [
            whole.part((tuple(map(int, ends)), (0, shape[1])), shape)
            for ends in edges.reshape(-1, 2)
        ]

    @property
    def axis_unit(self) -> str:
        """Unit of the axes."""
        return "px" if self.sampling is None else "nm"

    @property
    def extent(self) -> Extent:
        """Of the image, in `axis_unit`."""
        step = (1.0, 1.0) if self.sampling is None else tuple(s / 10 for s in self.sampling)
        return Extent.of(self.array.shape, step)


def scan_image(contrast: Contrast, result) -> ScanImage | None:
    """What is drawn over the scan for `contrast`, or None if `result` does not hold it."""
    array = None if result is None else contrast.picture(result)
    if array is None:
        return None
    unit = result.unit if contrast.unit is None else contrast.unit
    rows = getattr(result, "rows", None)
    if rows is None:
        return ScanImage(array, unit, result.scan_sampling)
    rows = np.repeat(rows, max(1, len(array) // rows.size))  # of a finer picture
    if contrast.kind == "image":
        # What is not there decides no limits, and is read off as such.
        array = np.where(rows[:, None], array.astype(np.float32, copy=False), np.float32(np.nan))
    return ScanImage(array, unit, result.scan_sampling, rows)


def label(contrast: Contrast, result) -> str:
    """A few words on what is shown, for the slot's head."""
    return getattr(result, "statement" if contrast.kind == "curve" else "label", "")


def altered(contrast: Contrast, result) -> bool:
    """Whether what is drawn is no phase as it was measured, though it looks like one."""
    return contrast.altered or bool(getattr(result, "weighting", ""))


def waiting(contrast: Contrast, refused: bool) -> str:
    """What to say while there is nothing to draw; `refused` where it could not be made."""
    return "Could not be computed; see the notice." if refused else contrast.empty
