"""Which result an image slot draws for a contrast, and in what units."""

from dataclasses import dataclass

import numpy as np

from app.drawing.display import Extent
from app.pipeline.chart import Chart

TOPICS = {
    "phase": "phase",
    "amplitude": "amplitude",
    "denoised": "denoised",
    "obf": "obf",
    "parallax": "parallax",
    "dpc": "dpc",
    "com": "com",
    "curl": "com",
    "divergence": "com",
    "bf": "virtual",
    "abf": "virtual",
    "adf": "virtual",
    "annulus": "virtual",
    "pacbed": "pacbed",
    "dpc_power": "dpc",
    "dpc_error": "dpc",
    "frc": "frc",
    "focus_curve": "focus_curve",
}
"""Contrast -> topic of the result that it is drawn from."""

KINDS = {
    "com": "field",
    "pacbed": "pattern",
    "dpc_power": "power",
    "dpc_error": "curve",
    "frc": "curve",
    "focus_curve": "curve",
}
"""Contrasts that are no plain image -> which view draws them."""


def kind(contrast: str) -> str:
    """Which view draws a contrast: "image", "field", "pattern", "power" or "curve"."""
    return KINDS.get(contrast, "image")


@dataclass(frozen=True, eq=False)
class ScanImage:
    """Values over the scan."""

    array: np.ndarray
    """(Sy, Sx) for an image, (Sy, Sx, 2) as (y, x) for a field."""
    unit: str
    sampling: tuple[float, float] | None
    """(y, x) [Å]; None where the step is unknown."""

    @property
    def axis_unit(self) -> str:
        """Unit of the axes."""
        return "px" if self.sampling is None else "nm"

    @property
    def extent(self) -> Extent:
        """Of the image, in `axis_unit`."""
        step = (1.0, 1.0) if self.sampling is None else tuple(s / 10 for s in self.sampling)
        return Extent.of(self.array.shape, step)


def scan_image(contrast: str, result) -> ScanImage | None:
    """What is drawn over the scan for `contrast`, or None if `result` does not hold it."""
    if result is None:
        return None
    sampling = result.scan_sampling
    if contrast in ("phase", "denoised", "obf", "parallax"):
        return ScanImage(result.array, result.unit, sampling)
    if contrast == "dpc":
        return ScanImage(result.array, "rad", sampling)
    if contrast == "amplitude":
        return ScanImage(result.array, "", sampling)
    if contrast == "com":
        return ScanImage(np.moveaxis(result.array, 0, -1), result.unit, sampling)
    if contrast in ("curl", "divergence"):
        array = getattr(result, contrast)
        return None if array is None else ScanImage(array, "mrad/Å", sampling)
    # Without a disc there is only the sum of all electrons, which stands for the bright field.
    array = result.images.get(contrast)
    if array is None and contrast == "bf":
        array = result.images.get("sum")
    return None if array is None else ScanImage(array, "e⁻", sampling)


def chart_of(contrast: str, result) -> Chart | None:
    """What is drawn as a curve for `contrast`, or None if `result` does not hold it."""
    if contrast != "dpc_error":
        return result
    if len(result.errors) < 2:
        return None
    number = np.arange(1, len(result.errors) + 1)
    return Chart(number, {"error": result.errors}, "iteration", "error", logy=True)


def label(contrast: str, result) -> str:
    """A few words on what is shown, for the slot's head."""
    return getattr(result, "statement" if kind(contrast) == "curve" else "label", "")


def changed(contrast: str, result) -> bool:
    """Whether what is drawn is no phase as it was measured, though it looks like one."""
    return contrast == "denoised" or bool(getattr(result, "weighting", ""))


IMAGE, MADE = "Waiting for the first image.", "Computing; this takes a moment."
EMPTY = {
    "focus_curve": MADE,
    "com": IMAGE,
    "pacbed": "Waiting for the scan.",
    "dpc_power": "Waiting for the DPC phase.",
    "dpc_error": "The direct solution has no error curve. Choose “iterative” under DPC.",
    "denoised": MADE,
    "parallax": MADE,
    "frc": MADE,
}
"""What stands where a contrast will be drawn, where it is not the usual."""


def waiting(contrast: str, refused: bool) -> str:
    """What to say while there is nothing to draw; `refused` where it could not be made."""
    if refused:
        return "Could not be computed; see the notice."
    return EMPTY.get(contrast, IMAGE)
