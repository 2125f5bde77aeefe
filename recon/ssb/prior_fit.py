"""The prior of a Wiener filter as a scan's own electrons tell of it."""

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize

from recon.device.backend import guarded, on_host
from recon.optics import Aberrations
from recon.ssb import norms
from recon.ssb.norms import SIDES
from recon.ssb.phase import fill_hard, prepare
from recon.ssb.prior import Prior
from recon.ssb.sidebands import Sidebands
from recon.ssb.workspace import workspace

BEGINNINGS = (0.1, 0.5, 2.0)
"""Corners from which the search begins, in units of k0."""

CORNERS = (0.01, 30.0)
"""Corners that make a difference, in units of k0: outside, the spectrum is flat or a point."""

MOST = 1 << 17
"""Frequencies that are looked at: more tell nothing new of two numbers."""

SURE = 6.0
"""Gain in log likelihood over noise alone, below which there is nothing to be seen."""


CHANCE = 0.01
"""Spectra without peaks in which one is seen, at most."""

MOST_PEAKS = 4096
"""Peaks that are listed, the strongest."""

ROUNDS = 3
"""Times that peaks are looked for above what is left between them."""


@guarded
def estimate_prior(g: Sidebands, aberrations: Aberrations) -> Prior:
    """The prior under which a scan's draft phase is likeliest.

    A Fourier coefficient of the least-squares phase holds the object's, of power S(q), and noise
    of power 1 / W(q), which is known. Were both Gaussian, the sum's power is exponential, of mean
    S + 1 / W: level and corner maximise that likelihood over all frequencies. Where the power
    exceeds that mean by more than chance makes it anywhere, there is a peak, whose S is the power
    less the noise; level and corner are those of the rest.

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
    the scan's noise and its flyback live there; a peak has to stand out of that.
    """
    sides = SIDES["both"]
    power, information = g.by_rows(_told, aberrations, sides)
    radius = np.hypot(g.q_y[:, None], g.q_x)
    told = information > 0
    told[0, 0] = False
    axes = np.zeros_like(told)
    axes[0], axes[:, 0] = True, True
    if (told & ~axes).sum() < 8:
        raise ValueError(
            f"Only {(told & ~axes).sum()} frequencies of this scan have a sideband, too few to "
            "estimate a spectrum from: give the Wiener filter a prior, or leave it off."
        )
    noise = np.divide(1, information, out=np.full(radius.shape, np.inf), where=told)
    field = float(np.prod(np.multiply(g.scan_shape, g.calibration.scan_sampling)))
    peaks, found = np.zeros_like(told), None
    for _ in range(ROUNDS):
        kept = told & ~axes & ~peaks
        found, gain = _smooth(power[kept], noise[kept], radius[kept], field, g.calibration.k0)
        before, peaks = peaks, told & _peaks(power, found.density(radius) / field + noise, told)
        if (peaks == before).all():
            break
    if gain < SURE and not peaks.any():
        raise ValueError(
            "This scan shows no power beyond the counting noise of its electrons, so nothing can "
            "be expected of its phase: leave the Wiener filter off, or give it a prior."
        )
    row, column = np.nonzero(peaks)
    excess = power[peaks] - noise[peaks]
    strongest = np.argsort(-excess, kind="stable")[:MOST_PEAKS]
    listed = np.stack([g.q_y[row], g.q_x[column], excess])[:, strongest].T
    return replace(found, peaks=tuple(map(tuple, listed.tolist())))


def _told(g, aberrations, sides):
    """(2, rows, Qx) float32 power of the draft phase's coefficients and information, on host."""
    with workspace(g) as work:
        prepare(g, work, aberrations, "draft")
        fill_hard(g, work, norms.least_squares(g, work, sides, 1.0), sides, work.out)
        # The spectrum has the transform's share in it: these are Fourier coefficients.
        # As of a whole scan, whose part has that share of the power, of object and of noise.
        power = on_host(abs(work.spectrum) ** 2) / np.float32(g.scanned)
        return np.stack([power, on_host(norms.information(g, work, sides))])


def _peaks(power, expected, told):
    """Where the power exceeds what is expected beyond chance; on the axes, what lies there too."""
    most = np.log(told.sum() / CHANCE)
    levels = expected.copy()
    # Noise of the scan lives on the axes: there the median is more than was expected.
    for line in (np.s_[0], np.s_[:, 0]):
        lit = told[line]
        if lit.any():
            ratio = np.median((power[line] / expected[line])[lit]) / np.log(2)
            levels[line] *= max(ratio, 1)
    return power > most * levels


def _smooth(power, noise, radius, field, k0):
    """The likeliest prior without peaks, and its gain in log likelihood over noise alone."""
    step = -(-power.size // MOST)
    power, noise, radius = (a[::step].astype(float) for a in (power, noise, radius))
    bounds = np.log(np.multiply(CORNERS, k0))

    def misfit(level_and_corner):
        level, corner = np.exp(np.clip(level_and_corner, (-700, bounds[0]), (700, bounds[1])))
        variance = Prior(level, corner).density(radius) / field + noise
        return float((np.log(variance) + power / variance).sum())

    nothing = float((np.log(noise) + power / noise).sum())
    start = max(power.mean() - noise.mean(), 0.1 * noise.mean()) * field
    best = min(
        (
            minimize(misfit, np.log([start, corner * k0]), method="Nelder-Mead")
            for corner in BEGINNINGS
        ),
        key=lambda found: found.fun,
    )
    level, corner = np.clip(best.x[0], -700, 700), np.clip(best.x[1], *bounds)
    return Prior(float(np.exp(level)), float(np.exp(corner))), nothing - best.fun
