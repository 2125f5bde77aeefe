"""How right the aberrations are, and what the defocus does: work of the pipeline's threads.

Lengths along the defocus are measured in depths of focus, λ / α².
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from app.pipeline.chart import Chart
from app.pipeline.context import Context
from app.pipeline.on_show import at_rest
from app.pipeline.results import Flatness
from app.state.aberrations import rounded
from app.state.request import Request
from recon.device.backend import CPU
from recon.optics import Aberrations, electron_wavelength

CURVE_DEPTHS, CURVE_POINTS = 8, 81
"""Depths of focus to either side of a curve's middle, and its points."""

SERIES_STEP, SERIES = 4, 21
"""Steps of a series in a depth of focus, and its pictures."""

SERIES_PX = 320
"""Longer side of a series' pictures."""


@dataclass(frozen=True, eq=False)
class FocusSeries:
    """Pictures through the focus."""

    defoci: np.ndarray
    """(n,) [nm]"""
    images: np.ndarray
    """(n, Ty, Tx) float32 phase [rad]"""


def depth_of_focus(request: Request) -> float:
    """λ / α² [Å]."""
    geometry = request.geometry
    return electron_wavelength(geometry.energy) / (1e-3 * geometry.semiangle_cutoff) ** 2


def on_device(context: Context, g, work: Callable[[], object]):
    """`work()` that uses G, with more room where the device is full."""
    return work() if g.device is CPU else context.engine.placed.attempt(work)


def flatness_key(request: Request) -> tuple:
    """What the tiles' flatness depends on besides G."""
    return request.aberrations, request.specimen, request.tiles


@at_rest("Judging the tiles", flatness_key)
def flatness(context: Context) -> Flatness:
    """How flat the tiles are as they are shown."""
    from recon.focus.flatness import flatness

    g, request = context.g, context.request
    frequencies = context.prepared.picks.of(context.engine, g, request.tiles)
    value = on_device(context, g, lambda: flatness(g, request.aberrations))
    left = tile_residuals(context, request.aberrations, frequencies)
    return Flatness(value, request.aberrations, frequencies, left)


def tile_residuals(context: Context, aberrations: Aberrations, frequencies) -> np.ndarray:
    """(n,) phase left in the tiles [rad]; NaN where a tile holds no more than noise."""
    from recon.focus.flatness import tile_flatness

    g = context.g
    tiles = on_device(context, g, lambda: tile_flatness(g, aberrations, frequencies))
    return np.where(np.isnan(tiles.flatness), np.nan, tiles.residual_phase)


def curve_middle(request: Request) -> float:
    """Middle of the curve's range [Å]: it stays while the defocus stays near."""
    jump = depth_of_focus(request) * CURVE_DEPTHS / 2
    return jump * round(request.aberrations.defocus / jump)


def curve_key(request: Request) -> object:
    """What the figures against defocus depend on."""
    still = replace(request.aberrations, C10=0.0), request.specimen
    return *still, curve_middle(request), request.sideband


@at_rest("Focus curve", curve_key)
def focus_curve(context: Context) -> Chart:
    """Flatness and contrast over a range of defocus that holds the present one."""
    from recon.focus.through_focus import focus_curve

    g, request = context.g, context.request
    sideband, reach = context.sideband, CURVE_DEPTHS * depth_of_focus(request)
    defoci = curve_middle(request) + np.linspace(-reach, reach, CURVE_POINTS)
    found = on_device(
        context,
        g,
        lambda: focus_curve(
            g, request.aberrations, defoci, sideband=sideband, progress=context.meter
        ),
    )
    lines = {"tiles' flatness": found.flatness, "image contrast": found.contrast}
    return Chart(found.defoci / 10, lines, "defocus (nm)", y_range=(0.0, 1.05))


def focus_series(context: Context) -> FocusSeries:
    """Pictures through the focus, the present defocus in the middle."""
    from recon.focus.through_focus import through_focus

    g, request = context.g, context.request
    step = rounded(depth_of_focus(request) / SERIES_STEP)
    defoci = request.aberrations.defocus + step * np.arange(-(SERIES // 2), SERIES // 2 + 1)
    sideband, size = context.sideband, max(8, min(SERIES_PX, max(g.scan_shape)))
    # As the phase that is shown: the same sidebands, up to the same frequency.
    how = {"sideband": sideband, "band_limit": request.band_limit}
    images = on_device(
        context,
        g,
        lambda: through_focus(g, request.aberrations, defoci, size, **how, progress=context.meter),
    )
    return FocusSeries(defoci / 10, images)
