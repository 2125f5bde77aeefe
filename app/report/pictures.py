"""The images of a report: pixels as PNG, what is written on them as lines and letters."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from app.drawing.display import com_rgba, percentile_limits, phase_rgba
from app.drawing.picture import in_words, scale_bar_length
from app.drawing.png import picture
from app.drawing.wheel import picture_of_wheel
from app.words import labels, plain
from recon.result import Result

MOST = 1024
"""Longer side of an image [px]."""

SHOWN = 0.1, 99.9
"""Percentiles that are black and white, as on the page."""

BEYOND = 1.5
"""Radii of the disc up to which the detector is shown."""

RING = "#ffb000"
BAR = 'stroke="#000" stroke-width=".5" fill="#fff"'


@dataclass(frozen=True)
class Picture:
    """One image with its words.

    Attributes
    ----------
    name : str
        Of the result.
    title, unit, note : str
    source : str
        Address of the PNG.
    size : (float, float)
        Height and width, in any unit.
    limits : (float, float), optional
        Values that are black and white.
    drawn : str
        SVG on top of it, 100 wide.
    wheel : bool
        Whether hue is a direction or a phase.
    """

    name: str
    title: str
    unit: str
    source: str
    size: tuple[float, float]
    limits: tuple[float, float] | None = None
    note: str = ""
    drawn: str = ""
    wheel: bool = False

    def html(self, kind: str = "") -> str:
        """A figure; `kind` is its class."""
        height, width = self.size
        tall = 100 * height / width
        lines = f'<svg viewBox="0 0 100 {tall:.2f}" aria-hidden="true">{self.drawn}</svg>'
        unit = f" <span>{escape(self.unit)}</span>" if self.unit else ""
        note = f"<p>{escape(self.note)}</p>" if self.note else ""
        return (
            f'<figure class="{kind}"><figcaption><b>{escape(self.title)}</b>{unit}</figcaption>'
            f'<div class="image" style="aspect-ratio:{width:.5g}/{height:.5g}">'
            f'<img src="{self.source}" alt="{escape(self.title)}">{lines}</div>'
            f"{self._legend()}{note}</figure>"
        )

    def _legend(self) -> str:
        if self.wheel:
            return (
                f'<div class="legend"><img class="wheel" src="{picture_of_wheel()}" '
                f'alt="Colour of each direction"></div>'
            )
        if self.limits is None:
            return ""
        low, high = (plain(value, 3) for value in self.limits)
        return (
            f'<div class="legend"><span>{low}</span><img src="{_ramp()}" alt="">'
            f"<span>{high}</span></div>"
        )


def images(results: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterator[Picture]:
    """Pictures of all results that are images over scan or detector, phase first.

    Parameters
    ----------
    results : mapping of str to Result
        As `recon.batch.reconstruct.reconstruct` gives them.
    parameters : mapping
        Of them.
    """
    for name, result in sorted(results.items(), key=lambda each: not each[0].startswith("ssb/")):
        if name == "ssb/object":
            amplitude = Result(np.abs(result.values), "", result.sampling)
            yield over_scan(name, amplitude, "Amplitude")
        elif name == "com":
            yield _deflection(name, result)
        elif name == "pacbed":
            yield _pattern(name, result, parameters)
        elif isinstance(result, Result) and result.sampling_unit == "Å" and _is_image(result):
            # What is longer than a title says what the image is.
            title, _, more = result.title.partition(":")
            yield over_scan(name, result, title, note=more[1:2].upper() + more[2:])


def _is_image(result: Result) -> bool:
    return result.sampling is not None and result.values.ndim == 2


def over_scan(name, result: Result, title: str, note: str = "") -> Picture:
    """A real image over the scan in grey, with a scale bar."""
    values = np.asarray(result.values, np.float32)
    limits = percentile_limits(values, *SHOWN)
    size = _size(values.shape, result.sampling)
    source = picture(values, limits, most=MOST)
    bar = _scale_bar(size, in_words)
    return Picture(name, title, result.unit, source, size, limits, note, bar)


def _deflection(name, result: Result) -> Picture:
    field = np.asarray(result.values, np.float32)
    longest = percentile_limits(np.hypot(*field), *SHOWN)[1]
    size = _size(field.shape[1:], result.sampling)
    source = picture(com_rgba(field, longest)[..., :3], most=MOST)
    note = f"Hue: direction; full brightness: {plain(longest, 3)} {result.unit}."
    bar = _scale_bar(size, in_words)
    title = "Centre of mass"
    return Picture(name, title, result.unit, source, size, None, note, bar, True)


def _pattern(name, result: Result, parameters) -> Picture:
    """The mean pattern about its disc, which is ringed."""
    values, (dy, dx) = np.asarray(result.values, np.float32), result.sampling
    disc = parameters["calibration"]
    centre, radius = disc["centre"], disc["radius"]
    edges = []
    for middle, count in zip(centre, values.shape, strict=True):
        first = max(0, int(middle - BEYOND * radius))
        edges.append((first, min(count, int(middle + BEYOND * radius) + 2)))
    (top, bottom), (left, right) = edges
    part = values[top:bottom, left:right]
    size = _size(part.shape, (dy, dx))
    per = 100 / part.shape[1]
    y, x = ((middle - first + 0.5) * per for middle, first in zip(centre, (top, left), strict=True))
    ring = (
        f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{radius * per:.2f}" fill="none" '
        f'stroke="{RING}" stroke-width=".6"/>'
    )
    # A hot pixel would leave the disc in the dark.
    limits = percentile_limits(part, 0, 99.9)
    bar = _scale_bar(size, lambda angle: f"{angle:g} mrad")
    source = picture(part, limits, most=MOST)
    return Picture(name, "PACBED", result.unit, source, size, limits, "", ring + bar)


def spectrum(results: Mapping[str, Any], parameters: Mapping[str, Any]) -> Picture | None:
    """Logarithm of the spectrum with the tiles' frequencies ringed; None where there is none."""
    power = results.get("ssb/spectrum")
    if power is None:
        return None
    values = np.asarray(power.values, np.float32)
    with np.errstate(divide="ignore"):
        values = np.where(values > 0, np.log10(values), np.nan).astype(np.float32)
    shown, (dy, dx) = np.isfinite(values), power.sampling
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    if not rows.size:
        return None
    top, left = int(rows[0]), int(columns[0])
    part = values[top : rows[-1] + 1, left : columns[-1] + 1]
    limits = percentile_limits(part, *SHOWN)
    size = _size(part.shape, (dy, dx))
    per_y, per_x = 100 * dy / size[1], 100 * dx / size[1]
    drawn = []
    for number, (row, column) in enumerate(results["ssb/tile_frequencies"].values, 1):
        y = (row + values.shape[0] // 2 - top + 0.5) * per_y
        x = (column + values.shape[1] // 2 - left + 0.5) * per_x
        drawn.append(
            f'<circle cx="{x:.2f}" cy="{y:.2f}" r="1.6" fill="none" stroke="{RING}" '
            f'stroke-width=".4"/><text x="{x + 2:.2f}" y="{y - 1:.2f}" fill="{RING}" '
            f'font-size="3">{number}</text>'
        )
    bar = _scale_bar(size, lambda frequency: f"{10 * frequency:g} nm⁻¹")
    source = picture(np.where(np.isfinite(part), part, limits[0]), limits, most=MOST)
    words = "Power spectrum", "log₁₀, in units of the noise"
    return Picture("ssb/spectrum", *words, source, size, limits, "", "".join(drawn) + bar)


def tiles(results: Mapping[str, Any], parameters: Mapping[str, Any]) -> Sequence[Picture]:
    """The G tiles, each with the period of its frequency: phase as hue."""
    found = results.get("ssb/tiles")
    if found is None:
        return ()
    frequencies = results["ssb/tile_frequencies"].values
    shape, sampling = parameters["scan_shape"], parameters["calibration"]["scan_sampling"]
    pictures = []
    for number, (tile, period) in enumerate(
        zip(found.values, labels(frequencies, shape, sampling), strict=True), 1
    ):
        magnitude = np.abs(tile)
        inside = magnitude[magnitude > 0]
        scale = float(np.percentile(inside, 98)) if inside.size else 1.0
        source = picture(phase_rgba(tile, scale), most=MOST)
        size = tuple(map(float, tile.shape))
        pictures.append(Picture(f"ssb/tiles/{number}", str(number), period, source, size))
    return pictures


def _size(shape, sampling) -> tuple[float, float]:
    """Height and width in the unit of the sampling."""
    return float(shape[0] * sampling[0]), float(shape[1] * sampling[1])


def _scale_bar(size, worded) -> str:
    """A bar of a round length at the foot of an image, with its length in words."""
    height, width = size
    length = scale_bar_length(width)
    foot, long = 100 * height / width - 3.5, 100 * length / width
    words = f'<text x="3.5" y="{foot - 2.4:.2f}" font-size="4.2"'
    # Twice, since not all that set pages know `paint-order`.
    edge, face = 'fill="#000" stroke="#000" stroke-width=".7"', 'fill="#fff" stroke="none"'
    return (
        f'<rect x="3.5" y="{foot - 1.2:.2f}" width="{long:.2f}" height="1.2" {BAR}/>'
        f"{words} {edge}>{escape(worded(length))}</text>"
        f'{words} {face} aria-hidden="true">{escape(worded(length))}</text>'
    )


def _ramp() -> str:
    return picture(np.arange(256, dtype=np.float32)[None], (0, 255), most=256)
