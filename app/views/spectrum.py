"""The power spectrum of the scan, in which frequencies are picked."""

from collections.abc import Callable

import holoviews as hv
import numpy as np

from app.drawing.display import Extent
from app.drawing.marks import RING, SECOND, Marks
from app.views.image import ImageView, axes

PER_ANGSTROM = 10.0
"""1/Å in 1/nm."""


class SpectrumView(ImageView):
    """Logarithm of the signal power of each object frequency; the tiles' frequencies are ringed.

    A click gives the frequency under the pointer to `on_pick`, as (row, column) from DC.
    """

    def __init__(self):
        self.rings, self.peaks = ringed(), Marks(points(SECOND, 20, marker="circle_cross"))
        self.words = Marks(
            hv.Labels([], axes("1/nm"), "text").opts(
                text_color=RING,
                text_font_size="10px",
                text_align="left",
                text_baseline="bottom",
                backend_opts={"glyph.x_offset": 8, "glyph.y_offset": -5},
            )
        )
        super().__init__("", "1/nm", marks=(self.rings, self.words, self.peaks))
        self.on_pick: Callable[[int, int], None] | None = None
        self._sampling = (1.0, 1.0)
        self.on_tap = self._picked
        self.bar.visible = False

    def show_power(self, power, sampling, frequencies, limit: float) -> None:
        """Draw a power spectrum.

        Parameters
        ----------
        power : (H, W) array
            Signal power, DC in the middle; 0 where nothing is transferred.
        sampling : (float, float)
            Of its pixels (y, x) [1/Å].
        frequencies : (n, 2) int array
            (row, column) from DC of the tiles, in their order.
        limit : float
            Highest frequency transferred, 2 k0 [1/Å].
        """
        self._sampling = dy, dx = PER_ANGSTROM * sampling[0], PER_ANGSTROM * sampling[1]
        height, width = power.shape
        rows, columns = height // 2, width // 2
        # What lies beyond twice the aperture is empty: the figure is filled with the rest.
        reach = PER_ANGSTROM * limit * 1.04
        top, left = max(0, rows - int(reach / dy)), max(0, columns - int(reach / dx))
        bottom = min(height, rows + int(reach / dy) + 1)
        right = min(width, columns + int(reach / dx) + 1)
        part = logarithm(power[top:bottom, left:right])
        y0, x0 = (top - rows - 0.5) * dy, (left - columns - 0.5) * dx
        self.show(part, Extent.of(part.shape, (dy, dx), (y0, x0)))
        self.mark(frequencies)

    def mark(self, frequencies) -> None:
        """Ring these frequencies, (n, 2) as (row, column) from DC."""
        places = self._places(frequencies)
        self.rings.show(places)
        self.words.show((*place, str(n + 1)) for n, place in enumerate(places))

    def mark_peaks(self, places) -> None:
        """Mark peaks of a lattice, (row, column) from DC, whole or not."""
        self.peaks.show(self._places(places))

    def _places(self, frequencies) -> list[tuple[float, float]]:
        """(x, y) [1/nm] of (row, column) from DC."""
        dy, dx = self._sampling
        return [(float(column * dx), float(row * dy)) for row, column in frequencies]

    def _picked(self, x, y, shift) -> None:
        if self.on_pick is None or self.image is None:
            return
        whole = self.whole
        if whole.x0 <= x < whole.x1 and whole.y0 <= y < whole.y1:
            dy, dx = self._sampling
            self.on_pick(round(y / dy), round(x / dx))

    def close(self) -> None:
        """Let go of the browser's callbacks."""
        self.on_pick = None
        super().close()

    def in_words(self, value) -> str:
        """Power as a power of ten."""
        return f"10^{value:.2f}" if np.isfinite(value) else ""

    def read(self, x, y) -> str:
        """Frequency, the period it stands for, and its power."""
        text = super().read(x, y)
        if not text:
            return ""
        size = np.hypot(x, y)
        return f"{size:.3g} 1/nm = {10 / size:.3g} Å" if size > 0 else ""


def points(colour: str, size: int, **look) -> hv.Points:
    """Open marks on the axes of a spectrum."""
    look |= {"size": size, "fill_alpha": 0, "line_color": colour, "line_width": 1.8}
    return hv.Points([], axes("1/nm")).opts(**look)


def ringed() -> Marks:
    """Rings around frequencies that were picked."""
    return Marks(points(RING, 13))


def logarithm(power) -> np.ndarray:
    """log10 of a power as float32, NaN where it is 0."""
    power = np.asarray(power, np.float32)
    with np.errstate(divide="ignore"):
        return np.where(power > 0, np.log10(power), np.nan).astype(np.float32)
