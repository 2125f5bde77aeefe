"""Lines over one axis, with what there is to say of them."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Chart:
    """What a curve's view draws; a result that is shown as a curve is one.

    Attributes
    ----------
    x : (n,) array
        Increasing.
    lines : dict of str to (n,) array
        By the name that the legend gives; not finite where there is nothing to draw.
    x_label, y_label : str
        With the unit in parentheses, such as "spatial frequency (1/nm)".
    guides : tuple of str
        Lines that something is compared with, such as a threshold: thin and dashed.
    marks : tuple of (float, str)
        Places along x, each with a few words.
    logy : bool
        Whether the ordinate is logarithmic; what is not positive is then left out.
    y_range : (float, float), optional
        Ends of the ordinate; by default those of the lines.
    periods : bool
        Whether x is a spatial frequency in 1/nm, for which the period in Å is told too.
    statement : str
        The result in a few words, for the head of a slot.
    """

    x: np.ndarray
    lines: dict[str, np.ndarray]
    x_label: str = ""
    y_label: str = ""
    guides: tuple[str, ...] = ()
    marks: tuple[tuple[float, str], ...] = ()
    logy: bool = False
    y_range: tuple[float, float] | None = None
    periods: bool = False
    statement: str = ""
    _values: dict = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self):
        values = {"x": np.asarray(self.x, float)}
        for name, line in self.lines.items():
            line = np.array(line, float)
            if line.shape != values["x"].shape:
                raise ValueError(f"The line {name!r} has {line.size} points, x {values['x'].size}.")
            line[~np.isfinite(line) | (self.logy & (line <= 0))] = np.nan
            values[name] = line
        self._values.update(values)

    @property
    def layout(self) -> tuple:
        """What a figure's axes and legend depend on."""
        shown = self.x_label, self.y_label, self.logy, self.periods
        return (*shown, tuple(self.lines), self.guides)

    def ends(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """(first, last) of x and of y, with a little room above and below."""
        x = self._values["x"]
        along = (float(x[0]), float(x[-1])) if x.size > 1 and x[-1] > x[0] else (0.0, 1.0)
        if self.y_range is not None:
            return along, self.y_range
        every = [line[np.isfinite(line)] for name, line in self._values.items() if name != "x"]
        values = np.concatenate(every) if every else np.empty(0)
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
        if self.logy:
            low, high = (low, high) if values.size else (0.1, 1.0)
            room = max((high / low) ** 0.05, 1.05)
            return along, (low / room, high * room)
        room = 0.05 * (high - low) or 0.5 * max(abs(high), 1.0)
        return along, (low - room, high + room)

    def column(self, name: str) -> np.ndarray:
        """(n,) float64 values of "x" or of a line, NaN where nothing is drawn."""
        return self._values[name]

    def read(self, x: float) -> str:
        """What the lines say at the point nearest to `x`, in words."""
        xs = self._values["x"]
        if not xs.size or not np.isfinite(x):
            return ""
        at = int(np.abs(xs - x).argmin())
        name, _, unit = self.x_label.removesuffix(")").partition(" (")
        place = f"{xs[at]:.4g} {unit}" if unit else f"{name} {xs[at]:.4g}"
        if self.periods and xs[at] > 0:
            place += f" = {10 / xs[at]:.3g} Å"
        found = ((n, self._values[n][at]) for n in self.lines)
        return "   ".join(
            [place, *(f"{n} {value:.3g}" for n, value in found if np.isfinite(value))]
        )
