"""The aperture's radius from G: which semi-angle, for an energy, puts the sidebands where they are.

All that a wrong semi-angle or energy changes is the scale of the scan's frequencies against the
disc, q / k0: G then is cut along the wrong circles, and entries without signal lie in what is
taken for a sideband. The wavelength alone cannot be told: with k0 right, it only rescales the
aberrations.
"""

from dataclasses import dataclass, replace

import numpy as np

from recon.errors import Unfitted
from recon.focus.overlaps import Overlaps, overlaps_at, strongest_overlaps
from recon.focus.refinement import FREE, Refinement
from recon.optics import Aberrations
from recon.ssb.sidebands import Sidebands

FREQUENCIES = 120
"""Frequencies that judge, the strongest."""

LARGEST, COARSE, FINE = 2.4, 0.1, 0.02
"""Factor to either side that is tried, and the steps of its logarithm."""

STANDING_OUT, FEWEST = 5.0, 6
"""Standard deviations of noise by which a frequency stands out, and how many have to."""

WIDE = 1.1
"""How much wider than the answer so far G is cut, to hold what lies beside its sidebands."""

ROUNDS, STANDS = 6, 0.3
"""Cuts that are made, and the standard errors within which two answers are the same."""

MODEL, MODEL_SHARE = 0.01, 0.2
"""Relative error that the fit of the disc and the edges of pixels leave, and the share of what the
tiles hold unexplained that is added to it: a thick object moves the edges that are found."""

DETERMINED = 0.1
"""Relative standard error from which the semi-angle is not determined."""

SURE = 25.0
"""Log-likelihood by which another semi-angle must be better, to say that the given one is wrong."""

CHECKED = (-1.0, -0.75, -0.5, -0.3, -0.2, 0.2, 0.3, 0.5, 0.75, 1.0)
"""Logarithms of factors at which a semi-angle is checked."""

PLAIN, AT_AN_END = 0.03, 0.15
"""Share of the log-likelihood by which one of them must be better as well, and by which one at an
end, where a scan that tells little of the radius may rise slowly."""

FIRST_ORDER = ("C10", "C12a", "C12b")


@dataclass(frozen=True)
class SemiangleFit:
    """A fitted semi-angle.

    Attributes
    ----------
    semiangle_cutoff, error : float
        [mrad], with its standard error.
    gain : float
        Log-likelihood by which it is better than the calibration's.
    statement : str
    """

    semiangle_cutoff: float
    error: float
    gain: float
    statement: str


def fit_semiangle(
    g: Sidebands, aberrations: Aberrations, *, build=None, progress=None
) -> SemiangleFit:
    """The semi-angle that explains the sidebands best, first-order aberrations fitted with it.

    Parameters
    ----------
    g : Sidebands
    aberrations : Aberrations
        As fitted with the calibration's semi-angle; a wrong one leaves the tiles' slopes.
    build : callable, optional
        Makes G of a calibration. It is cut anew, somewhat wide, until the answer stands: entries
        that are told to lie outside of a sideband say as much as those within.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    SemiangleFit

    Raises
    ------
    Unfitted
        If the scan does not determine it.

    Notes
    -----
    Only tiles that stand out of the noise are asked: the strongest of many that are noise are
    those whose noise fills the sidebands as they were told.
    """
    tell = progress or (lambda fraction: None)
    given = g.calibration.semiangle_cutoff
    # The answer may lie at an end of what a cut holds, and be found once it is cut for that.
    logs = np.arange(-round(np.log(LARGEST) / COARSE), round(np.log(LARGEST) / COARSE) + 1) * COARSE
    value, error, gain = _one_cut(g, aberrations, given, logs, lambda part: tell(part / 2))
    for again in range(ROUNDS if build else 0):
        told = value * WIDE
        cut = build(replace(g.calibration, semiangle_cutoff=told))
        scaled = rescaled(aberrations, told / given)
        before, logs = value, np.log(WIDE) + np.arange(-2, 3) * COARSE
        value, error, _ = _one_cut(cut, scaled, given, logs)
        tell(0.5 + 0.5 * (again + 1) / ROUNDS)
        if abs(value - before) < STANDS * error:
            break
    else:
        if build:
            raise Unfitted(
                f"The semi-angle does not come to rest ({before:.2f} mrad, then {value:.2f}): it "
                f"stays {given:g} mrad."
            )
    tell(1.0)
    said = f"Semi-angle {value:.2f} ± {error:.2f} mrad ({given:g} mrad given)."
    return SemiangleFit(value, error, gain, said)


def rescaled(aberrations: Aberrations, scale: float) -> Aberrations:
    """Those that leave the tiles the same slopes once the aperture is told `scale` times as large.

    A slope is that of k^n, in units of the aperture, with q, which the scan's step gives.
    """
    return Aberrations(**{n: v / scale ** int(n[1]) for n, v in vars(aberrations).items()})


def _one_cut(g: Sidebands, aberrations, given, logs, tell=lambda fraction: None):
    """Semi-angle and its error [mrad], and the gain, as one G shows them.

    Parameters
    ----------
    given : float
        What stays if the scan tells nothing [mrad].
    logs : (n,) array
        Logarithms of the factors that are tried, told over true, in even steps.
    """
    overlaps = _standing_out(_entries(g, FREQUENCIES))
    if overlaps.size < FEWEST:
        raise Unfitted(
            f"Only {overlaps.size} spatial frequencies stand out of the noise in their sidebands, "
            f"{FEWEST} are needed: the semi-angle stays {given:g} mrad."
        )
    scored: dict[float, float] = {}

    def likelihood(log):
        log = round(float(log), 6)
        if log not in scored:
            refined = _laid(overlaps, np.exp(log), aberrations).run([FIRST_ORDER])
            scored[log] = refined.likelihood
            tell(min(len(scored) / (len(logs) + 12), 1.0))
        return scored[log]

    best = logs[np.argmax([likelihood(log) for log in logs])]
    near = best + np.arange(-4, 5) * FINE
    values = np.array([likelihood(log) for log in near])
    curvature, slope, _ = np.polyfit(near - best, values, 2)
    undetermined = Unfitted(f"The scan does not determine the semi-angle: it stays {given:g} mrad.")
    if not curvature < 0 or best in (logs[0], logs[-1]):
        raise undetermined
    log = best - slope / (2 * curvature)
    at_best = _laid(overlaps, np.exp(log), aberrations).run([FIRST_ORDER])
    signal = (at_best.power - at_best.counts).sum()
    left = 1 - (at_best.coherence * at_best.power - FREE).sum() / signal
    error = np.hypot(np.sqrt(-0.5 / curvature), MODEL + MODEL_SHARE * max(left, 0.0))
    if not (error < DETERMINED and abs(log - best) < 5 * FINE):
        raise undetermined
    value = float(g.calibration.semiangle_cutoff / np.exp(log))
    return value, float(value * error), float(values.max() - likelihood(0.0))


def _standing_out(overlaps: Overlaps) -> Overlaps:
    """The frequencies that hold more than noise makes of the strongest of many."""
    counts, power = overlaps.judged
    return overlaps.chosen(power - counts > STANDING_OUT * np.sqrt(counts))


def misplaced_sidebands(g: Sidebands, aberrations: Aberrations) -> str:
    """That sidebands are plainly not where semi-angle and energy put them; empty if they may be.

    Parameters
    ----------
    g : Sidebands
    aberrations : Aberrations
        As fitted with them.

    Notes
    -----
    Another radius must fit far better, and must leave at most half of what the strong tiles hold
    unexplained: anything that is wrong in the model makes some other radius fit a little better.
    """
    overlaps = _entries(g, FREQUENCIES)
    if overlaps.size < 6:
        return ""
    given, *others = (_laid(overlaps, np.exp(log), aberrations).judge() for log in (0.0, *CHECKED))
    likelihoods = [one.likelihood for one in others]
    best = int(np.argmax(likelihoods))
    gain = likelihoods[best] - given.likelihood
    share = AT_AN_END if best in (0, len(CHECKED) - 1) else PLAIN
    if gain <= max(SURE, share * given.likelihood):
        return ""
    left, less = (1 - one.run([FIRST_ORDER]).explained() for one in (given, others[best]))
    if less > left / 2:
        return ""
    told = g.calibration.semiangle_cutoff
    return (
        f"The sidebands are not those of {told:g} mrad at {g.calibration.energy / 1e3:g} keV: "
        f"near {told / np.exp(CHECKED[best]):.2g} mrad they would fit far better. Check "
        "energy, semi-angle and scan step; nothing was changed."
    )


def _entries(g: Sidebands, count: int) -> Overlaps:
    """All entries of the strongest frequencies, edges too: there a wrong radius shows."""
    found = strongest_overlaps(g, count)
    steps = [1 / (n * s) for n, s in zip(g.scan_shape, g.calibration.scan_sampling, strict=True)]
    return overlaps_at(g, np.rint(found.q / np.array(steps)[:, None]).astype(int).T, 0.0)


def _laid(overlaps: Overlaps, scale: float, aberrations: Aberrations) -> Refinement:
    """A fit as if frequencies were `scale` times as long, in units of the aperture."""
    o = overlaps
    scaled = replace(o, q=o.q * scale)
    q = np.repeat(scaled.q_on_detector(), np.diff(o.starts), axis=1)
    # Pixels that an edge cuts count in part.
    right, left = (
        np.clip((o.k0 - np.hypot(*(o.k - sign * q))) / o.width + 0.5, 0.0, 1.0) for sign in (1, -1)
    )
    # The same slopes of the tiles' phases.
    kept = Aberrations(**{name: value / scale for name, value in vars(aberrations).items()})
    return Refinement(replace(scaled, right=right, left=left, tables={}), FIRST_ORDER, kept)
