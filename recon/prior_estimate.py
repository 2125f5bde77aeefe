"""The prior of a Wiener filter as a scan's own electrons tell of it."""

import numpy as np
from scipy.optimize import minimize

from recon import norms
from recon.backend import guarded, on_host
from recon.gfunction import Sidebands
from recon.norms import SIDES
from recon.optics import Aberrations
from recon.prior import Prior
from recon.ssb import fill_hard, prepared

BEGINNINGS = (0.1, 0.5, 2.0)
"""Corners from which the search begins, in units of k0."""

CORNERS = (0.01, 30.0)
"""Corners that make a difference, in units of k0: outside, the spectrum is flat or a point."""

MOST = 1 << 17
"""Frequencies that are looked at: more tell nothing new of two numbers."""

SURE = 6.0
"""Gain in log likelihood over noise alone, below which there is nothing to be seen."""


@guarded
def estimate_prior(g: Sidebands, aberrations: Aberrations) -> Prior:
    """The prior under which a scan's draft phase is likeliest.

    A Fourier coefficient of the least-squares phase holds the object's, of power S(q), and noise
    of power 1 / W(q), which is known. Were both Gaussian, the sum's power is exponential, of mean
    S + 1 / W: level and corner maximise that likelihood over all frequencies.

    Parameters
    ----------
    aberrations : Aberrations
        Of the probe. With wrong ones less of the object's power is found: the filter then holds
        back more.

    Returns
    -------
    Prior

    Raises
    ------
    ValueError
        If there is no power beyond the counting noise, or the scan has too few frequencies.
    DeviceError
        If the device of `g` fails or its memory is full.

    Notes
    -----
    Whittle, Ark. Mat. 2, 423 (1953), of the likelihood. Row and column through DC are left out:
    the scan's noise and its flyback live there.
    """
    sides = SIDES["both"]
    with prepared(g, aberrations, "draft") as work:
        norm = norms.least_squares(g, work, sides, 1.0)
        fill_hard(g, work, norm, sides, work.out)
        # The spectrum has the transform's share in it: these are Fourier coefficients.
        power = on_host(abs(work.spectrum) ** 2)
        information = on_host(norms.information(g, work, sides))
    radius = np.hypot(g.q_y[:, None], g.q_x)
    kept = information > 0
    kept[0], kept[:, 0] = False, False
    if kept.sum() < 8:
        raise ValueError(
            f"Only {kept.sum()} frequencies of this scan have a sideband, too few to estimate a "
            "spectrum from: give the Wiener filter a prior, or leave it off."
        )
    step = -(-int(kept.sum()) // MOST)
    power, information, radius = (
        a[kept][::step].astype(float) for a in (power, information, radius)
    )
    field = np.prod(np.multiply(g.scan_shape, g.calibration.scan_sampling))
    noise = 1 / information
    bounds = np.log(np.multiply(CORNERS, g.calibration.k0))

    def misfit(level_and_corner):
        level, corner = np.exp(np.clip(level_and_corner, (-700, bounds[0]), (700, bounds[1])))
        variance = Prior(level, corner).density(radius) / field + noise
        return float((np.log(variance) + power / variance).sum())

    nothing = float((np.log(noise) + power * information).sum())
    start = max(power.mean() - noise.mean(), 0.1 * noise.mean()) * field
    best = min(
        (
            minimize(misfit, np.log([start, corner * g.calibration.k0]), method="Nelder-Mead")
            for corner in BEGINNINGS
        ),
        key=lambda found: found.fun,
    )
    if nothing - best.fun < SURE:
        raise ValueError(
            "This scan shows no power beyond the counting noise of its electrons, so nothing can "
            "be expected of its phase: leave the Wiener filter off, or give it a prior."
        )
    level, corner = best.x[0], np.clip(best.x[1], *bounds)
    return Prior(float(np.exp(level)), float(np.exp(corner)))
