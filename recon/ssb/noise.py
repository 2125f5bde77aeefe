"""How much of a phase is the counting noise of its electrons."""

from math import sqrt

from recon.device.backend import guarded, on_host
from recon.optics import Aberrations
from recon.ssb import norms
from recon.ssb.norms import SIDES
from recon.ssb.phase import check, prepare
from recon.ssb.prior import Prior
from recon.ssb.sidebands import Sidebands
from recon.ssb.workspace import workspace


@guarded
def counting_noise(
    g: Sidebands,
    aberrations: Aberrations,
    sideband: str = "both",
    band_limit: float = 1.0,
    prior: Prior | None = None,
) -> float:
    """Standard deviation [rad] of a phase's noise, as the number of electrons has it.

    The noise of a Fourier coefficient has power 1 / W, W = N Σ |γ|² P over the hard masks: the
    draft's exactly, the exact mode's but for pixels that an overlap covers in part. The
    coefficients' powers add up.

    Parameters, and what is raised, are those of `single_sideband`.
    """
    check(g, "draft", sideband, band_limit, prior)
    sides = SIDES["full" if sideband == "full" else "both"]
    power = g.by_rows(_noise_power, aberrations, sides, band_limit, prior)
    # Of ±q the half plane holds one, but both in the column at DC and in that at Nyquist.
    power[:, 1 : (g.scan_shape[1] + 1) // 2] *= 2
    return sqrt(power.sum())


def _noise_power(g, aberrations, sides, band_limit, prior):
    """(rows, Qx) float64 power of each coefficient's noise, on the host."""
    with workspace(g) as work:
        prepare(g, work, aberrations, "draft")
        information = norms.information(g, work, sides) * norms.within(g, band_limit)
        weights = 1.0 if prior is None else on_host(norms.wiener(g, work, sides, prior))
        information = on_host(information).astype(float)
    kept = information > 0
    return (weights * kept) ** 2 / (information + ~kept)
