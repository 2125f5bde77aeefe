"""Pictures through the depth of the specimen on the sheet."""

from dataclasses import dataclass

import numpy as np

from app.drawing.png import picture
from app.features.on_sheet import OnSheet, contrast
from app.pipeline.context import Context
from app.pipeline.jobs import Job
from app.pipeline.proof import SERIES_PX, on_device
from app.views.sheet import Card, SheetPage

SHEET = "depth"

SLICES = 11

LEAD = (
    "The phase of {n} slices of the specimen, from where the beam enters to where it leaves, each "
    "with its own C10 and upright, all in one scale of grey. What lies in other slices is blurred "
    "into each. The aperture tells depths of {depth:.3g} nm apart at best."
)


@dataclass(frozen=True, eq=False)
class DepthSeries:
    """Pictures through the depth.

    Attributes
    ----------
    depths : (n,) float64 array
        From the middle plane along the beam [nm].
    images : (n, Ty, Tx) float32 array
        Phase [rad].
    resolution : float
        Of depth [nm].
    warning : str
        Why they tell nothing of the depth, in a sentence.
    """

    depths: np.ndarray
    images: np.ndarray
    resolution: float
    warning: str


def depth_series(context: Context) -> DepthSeries:
    """Pictures from one surface of the specimen to the other.

    Raises
    ------
    ValueError
        If no thickness is set.
    """
    from recon.focus.through_depth import depth_resolution, through_depth, unresolved

    g, request = context.g, context.request
    thickness = g.specimen.thickness
    if not thickness:
        raise ValueError("A thin specimen has no depth: set its thickness first.")
    depths = np.linspace(-thickness / 2, thickness / 2, SLICES)
    size = max(8, min(SERIES_PX, max(g.scan_shape)))
    how = {"sideband": context.sideband, "band_limit": request.band_limit}
    images = on_device(
        context,
        g,
        lambda: through_depth(g, request.aberrations, depths, size, **how, progress=context.meter),
    )
    calibration = g.calibration
    warning = unresolved(calibration, thickness)
    return DepthSeries(depths / 10, images, depth_resolution(calibration) / 10, warning)


class Depth(OnSheet):
    """A through-depth series of the specimen as it is set."""

    sheets = (SHEET,)

    def job(self) -> Job:
        """The series."""
        return Job("Computing the through-depth series", depth_series)

    def show(self, series: DepthSeries) -> None:
        """The slices, one beside the other."""
        limits = contrast(series.images)
        cards = tuple(
            Card(
                str(n), f"{depth:+.1f} nm".replace("-", "−"), image=picture(image, limits, most=512)
            )
            for n, (depth, image) in enumerate(zip(series.depths, series.images, strict=True))
        )
        lead = LEAD.format(n=len(cards), depth=series.resolution)
        if series.warning:
            lead = f"{series.warning} {lead}"
        self.page.sheet.show(SheetPage(SHEET, "Through depth", lead, cards, "strip"))
