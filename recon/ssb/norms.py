"""What the sums over the sidebands are divided by, frequency by frequency.

A frequency's sum Σ γ* G holds i Φ Σ |γ|² P of the object, and noise of variance N Σ |γ|² P for
independent electrons at N positions. So W = N Σ |γ|² P is the frequency's information: the number
of electrons that tell of it. All of it is known from the mean pattern P(k) alone.
"""

import numpy as np

from recon.kernels.cpu import sideband_geometry as geometry
from recon.ssb.prior import Prior
from recon.ssb.sidebands import Sidebands
from recon.ssb.workspace import Workspace, constants, remembered

SIDES = {"right": 1 << geometry.RIGHT, "left": 1 << geometry.LEFT}
BOTH_SIDES = SIDES["both"] = SIDES["right"] | SIDES["left"]
SIDES["full"] = BOTH_SIDES | 1 << geometry.TRIPLE
"""Hard masks that take part, as bits."""

LEAST_OVERLAP = 0.2
"""Pixels' worth of overlap (Σ |γ|²) below which a frequency is left out rather than amplified."""


def last_columns(g: Sidebands, band_limit: float):
    """(Sy,) int32 on the device: columns of each row within `band_limit` times 2 k0."""
    rest = (2 * band_limit * g.calibration.k0) ** 2 - g.q_y**2
    columns = np.floor(np.sqrt(np.maximum(rest, 0)) / g.q_x[1]) + 1
    last = np.where(rest >= 0, np.minimum(columns, g.q_shape[1]), 0).astype(np.int32)
    return g.device.xp.asarray(last)


def within(g: Sidebands, band_limit: float):
    """(Sy, Qx) bool on the device: frequencies within `band_limit` times 2 k0."""
    return g.device.xp.arange(g.q_shape[1]) < last_columns(g, band_limit)[:, None]


def chi_arguments(g: Sidebands, work: Workspace):
    """What the hard-mask kernels take between their tables and what is wanted of them."""
    fixed = constants(g)
    return fixed.k, work.chi, work.powers, work.mirrored, fixed.q_y, fixed.q_x


def _power(g: Sidebands, work: Workspace, sides: int):
    """Σ |γ|² P(k) over the hard masks, 0 where the overlap is too small."""
    xp, kernels = g.device.xp, g.device.kernels
    pixels, power = (xp.empty(g.q_shape, np.float32) for _ in range(2))
    pacbed = xp.asarray(g.pacbed.astype(np.float32))
    depth = g.depth
    if depth is not None:
        chi = chi_arguments(g, work)
        kernels.weighed_power(g.first, g.hard, *chi, depth, pacbed, sides, pixels, power)
        return xp.where(pixels > LEAST_OVERLAP, power, np.float32(0))
    kernels.hard_power(g.first, g.hard, xp.ones_like(pacbed), sides & BOTH_SIDES, pixels)
    kernels.hard_power(g.first, g.hard, pacbed, sides & BOTH_SIDES, power)
    if sides >> geometry.TRIPLE & 1:
        chi = chi_arguments(g, work)
        kernels.triple_power(g.first, g.hard, *chi, xp.ones_like(pacbed), pixels)
        kernels.triple_power(g.first, g.hard, *chi, pacbed, power)
    return xp.where(pixels > LEAST_OVERLAP, power, np.float32(0))


def _over(xp, numerator, divisor, wanted):
    """The quotient where it is wanted, 0 elsewhere."""
    return xp.where(wanted, numerator / xp.where(wanted, divisor, np.float32(1)), np.float32(0))


def _kept(g: Sidebands, key: tuple, sides: int, make):
    """What `make` gives, remembered where no aberration changes it."""
    # In the triple overlap |γ| changes with the aberrations; elsewhere with the specimen alone.
    return make() if sides >> geometry.TRIPLE & 1 else remembered(g, (*key, g.specimen), make)


def least_squares(
    g: Sidebands, work: Workspace, sides: int, band_limit: float, prior: Prior | None = None
):
    """1 / Σ |γ|² P(k) over the hard masks, 0 where the overlap is too small or q too large.

    With the shares of the transform and of the entries' scale in it; and, if there is a prior, with
    the weights of `wiener`.
    """

    def make():
        power = _power(g, work, sides)
        wanted = (power > 0) & within(g, band_limit)
        norm = _over(g.device.xp, np.float32(constants(g).share), power, wanted)
        return g.device.handle(norm if prior is None else norm * _weights(g, power, prior))

    key = ("norm", sides, band_limit) if prior is None else ("norm", sides, band_limit, prior)
    return _kept(g, key, sides, make)


def unit_noise(g: Sidebands, work: Workspace, sides: int, band_limit: float):
    """1 / sqrt(N Σ |γ|² P(k)): noise of each frequency is one, in a transform that keeps power."""

    def make():
        xp = g.device.xp
        power = _power(g, work, sides)
        wanted = (power > 0) & within(g, band_limit)
        # The sum times share / sqrt(power): with share = 1 / (scale N) this is 1 / sqrt(N) of the
        # orthonormal transform and 1 / sqrt(N power) of the noise.
        return g.device.handle(_over(xp, np.float32(constants(g).share), xp.sqrt(power), wanted))

    return _kept(g, ("unit noise", sides, band_limit), sides, make)


def plain(g: Sidebands, band_limit: float):
    """The shares alone, 0 where q is too large."""

    def make():
        share = np.float32(constants(g).share)
        return g.device.handle(within(g, band_limit).astype(np.float32) * share)

    return remembered(g, ("plain", band_limit), make)


def information(g: Sidebands, work: Workspace, sides: int):
    """(Sy, Qx) float32 on the device: W = N Σ |γ|² P of each frequency over the hard masks."""
    return _power(g, work, sides) * np.float32(g.scan_shape[0] * g.scan_shape[1])


def wiener(g: Sidebands, work: Workspace, sides: int, prior: Prior):
    """(Sy, Qx) float32 on the device: W / (W + 1 / S) of each frequency over the hard masks.

    S(q) is what the prior expects of a Fourier coefficient's power [rad²], and 1 / W is what noise
    adds to it. Pixels that an overlap covers in part, which exact mode knows, are not in W; where
    it has nothing else, W is that of the least overlap it keeps.
    """

    def make():
        return _weights(g, _power(g, work, sides), prior)

    return _kept(g, ("wiener", sides, prior), sides, make)


def _weights(g: Sidebands, power, prior: Prior):
    """`wiener` of Σ |γ|² P."""
    positions = g.scan_shape[0] * g.scan_shape[1]
    least = np.float32(LEAST_OVERLAP * g.mean_counts)

    def expected():
        return g.device.xp.asarray((positions * prior.coefficients(g)).astype(np.float32))

    signal = remembered(g, ("prior", prior), expected) * g.device.xp.maximum(power, least)
    return signal / (signal + np.float32(1))
