"""Aberrations fitted to G itself: the coefficients that make the tiles flat.

For each frequency q the entries are N P(k) [a(q) R(k, q; c) + b(q) L(k, q; c)] of the coefficients
c, with noise of variance N P(k): R and L are the two terms of γ, averaged over the area of a pixel,
a and b unknown. Eliminating these leaves a likelihood of c alone,

    Σ_q s_q^H M_q^-1 s_q / σ_q²,  s = (Σ_k R* G, Σ_k L* G),  M = N Σ_k P (R, L)^H (R, L),

σ_q² being how much worse than counting statistics a frequency fits. A search over all
first-order coefficients that the pixels can sample gives several beginnings; each is refined by
Gauss-Newton steps, order after order; the best one is taken.
"""

from dataclasses import dataclass, field

import numpy as np

from recon.errors import Unfitted
from recon.focus.causes import remarks_on
from recon.focus.flatness import flatness, flatness_of
from recon.focus.overlaps import Overlaps, strongest_overlaps
from recon.focus.phase_model import flat_sums
from recon.focus.refinement import TINY, Refinement
from recon.focus.search import first_order_candidates
from recon.optics import COEFFICIENTS, Aberrations
from recon.ssb.sidebands import Sidebands

FREQUENCIES = 400
"""Frequencies that are looked at, the strongest."""

BEGINNINGS, FINALISTS = 5, 2
"""Results of the search that are refined to first order, and those that are refined further."""

UNDETERMINED = 0.5
"""Standard error, as phase at the edge of the aperture [rad], beyond which a coefficient is not
determined."""

ROTATION_ERROR = 3.0
"""Standard error of a rotation of which nothing else is said [deg]."""

LEAST_FLAT, WORSE = 0.02, 0.01
"""Flat share of the tiles' power that a fit must reach, and how much less than before that may be
by chance."""

LOST = 0.002
"""Flat share of the tiles' power that a turn may cost: less than is ever shown."""

SIGNIFICANT = 4.0
"""Standard deviations by which tiles that took no part in a fit must be flatter than chance."""


@dataclass(frozen=True)
class AberrationFit:
    """Fitted aberrations and what to think of them.

    Attributes
    ----------
    aberrations : Aberrations
        Fitted where determined, as given elsewhere.
    errors : dict of str to float
        Standard error [Å] of each fitted coefficient.
    undetermined : tuple of str
        Coefficients that were to be fitted and that the data leave open.
    rotation_deg, rotation_error : float or None
        Where it was fitted [deg].
    flatness_before, flatness_after : float
        Share of the tiles' power above noise that is flat, 0 to 1, as
        `recon.focus.flatness.flatness`.
    misfit : float
        Mean of the tiles' residual power over that of counting statistics.
    frequencies : int
        Frequencies that were looked at.
    remarks : tuple of str
        Why the values may be worse than their errors say, as `recon.focus.causes.remarks_on`.
    """

    aberrations: Aberrations
    errors: dict[str, float]
    undetermined: tuple[str, ...]
    flatness_before: float
    flatness_after: float
    misfit: float
    frequencies: int
    rotation_deg: float | None = None
    rotation_error: float | None = None
    correlation: np.ndarray | None = field(default=None, repr=False)
    remarks: tuple[str, ...] = ()

    @property
    def statement(self) -> str:
        """All of this in words."""
        said = (
            f"{len(self.errors)} coefficients from {self.frequencies} frequencies: "
            f"{100 * self.flatness_after:.0f} % of the tiles' power above noise is flat "
            f"({100 * self.flatness_before:.0f} % before)."
        )
        if self.undetermined:
            left = ", ".join(self.undetermined)
            said += f" The data do not determine {left}: left as they were."
        return " ".join((said, *self.remarks))


def coefficients_to(order: int) -> tuple[str, ...]:
    """Names of all coefficients up to an order, 1 to 5."""
    if order not in range(1, 6):
        raise ValueError(f"Aberrations are fitted to order 1, 2, 3, 4 or 5, not {order}.")
    return tuple(name for name in COEFFICIENTS if int(name[1]) <= order)


def fit_aberrations(
    g: Sidebands,
    start: Aberrations | None = None,
    orders: int = 2,
    *,
    locked=(),
    rotation: bool = False,
    known: tuple[float, float] | None = None,
    checked: bool = True,
    progress=None,
) -> AberrationFit:
    """Aberrations that make the tiles of G flat.

    Parameters
    ----------
    g : Sidebands
    start : Aberrations, optional
        Values of the coefficients that stay, and one of the beginnings of the fit.
    orders : int
        Highest order that is fitted, 1 to 5.
    locked : collection of str
        Coefficients that keep their value.
    rotation : bool
        Fit the scan's rotation too, where the tiles tell more of it than is known already: in
        focus they tell nothing.
    known : (float, float), optional
        The rotation as it is known beforehand and its standard error [deg]; by default the
        calibration's, to `ROTATION_ERROR`.
    checked : bool
        Ask what else would explain the tiles, as `recon.focus.causes.remarks_on`; not before the
        semi-angle is fitted.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    AberrationFit

    Raises
    ------
    Unfitted
        If the scan does not hold what a fit needs: nothing may then be changed.
    ValueError
        If the order or a locked name is unknown.
    """
    done = 0.0

    def tell(fraction=None):
        """How far it is; after each step too, to be cancelled within a fraction of a second."""
        nonlocal done
        done = done if fraction is None else fraction
        if progress:
            progress(done)

    start = start or Aberrations()
    names = coefficients_to(orders)
    for name in locked:
        if name not in COEFFICIENTS:
            raise ValueError(f"{name!r} is no aberration coefficient to 5th order.")
    names = tuple(name for name in names if name not in locked)
    if not names:
        raise ValueError("All coefficients up to that order are locked: there is nothing to fit.")
    tell(0.0)
    overlaps = strongest_overlaps(g, FREQUENCIES)
    if overlaps.size < 6:
        raise Unfitted(
            f"Only {overlaps.size} spatial frequencies have sidebands wide enough to see the "
            "aberrations in: take more pixels across the disc, or a larger field."
        )
    tell(0.1)

    # What half of the frequencies say must hold for the other half: a fit to chance does not.
    half, others = (overlaps.chosen(np.arange(begin, overlaps.size, 2)) for begin in (0, 1))
    begun = _beginnings(half, start, names, locked)
    tell(0.3)
    first, *further = _stages(names)
    fits = []
    for number, beginning in enumerate(begun):
        fits.append(Refinement(half, names, beginning, tell=tell).run([first]))
        tell(0.3 + 0.3 * (number + 1) / len(begun))
    fits.sort(key=lambda fit: -fit.likelihood)
    best, deviations = start, -np.inf
    for number, fit in enumerate(fits[:FINALISTS]):
        # High orders may fit the noise of their half: the others say where to go on from.
        for stage in (None, *further):
            fit.run([stage] if stage else [])
            judged = _beyond_chance(others, fit.aberrations)
            if judged > deviations:
                best, deviations = fit.aberrations, judged
        tell(0.6 + 0.1 * (number + 1))
    if deviations < SIGNIFICANT:
        raise Unfitted(
            "No aberrations make the tiles flat (the best are flatter than chance by "
            f"{max(deviations, 0):.1f} standard deviations; {SIGNIFICANT:g} are needed): nothing "
            "was changed. Check energy, semi-angle, step and rotation, or take more electrons."
        )
    stages = [first, *further]
    fit = Refinement(overlaps, names, best, tell=tell).run([*stages, names])
    known = (known or (overlaps.rotation_deg, ROTATION_ERROR)) if rotation else None
    if known:
        fit = _turned(fit, known)
    fit, undetermined = _determined(fit, start)
    tell(0.9)
    remarks = remarks_on(g, fit, orders, locked) if checked else ()
    found = _report(g, fit, known, start, undetermined, remarks)
    tell(1.0)
    return found


def _turned(fit: Refinement, known) -> Refinement:
    """The fit with the rotation as one more unknown, or as it is where that tells nothing.

    With a phase near none the tiles hardly depend on the angle, and it would follow the noise.
    """
    o = fit.overlaps
    turned = Refinement(
        o, fit.names, fit.aberrations, known, fit.sigma, fit.rotation_deg, tell=fit.tell
    ).run([fit.names] * 2)
    errors, _, units = turned.errors()
    # Two of one variance, what is known and what the tiles say, make half of it.
    told = errors[-1] * units[-1] < known[1] / np.sqrt(2)
    before = flatness_of(o, fit.aberrations, fit.rotation_deg)
    lost = before - flatness_of(o, turned.aberrations, turned.rotation_deg)
    return turned if told and lost < LOST else fit


def _beginnings(overlaps: Overlaps, start, names, locked):
    """Aberrations to begin from: the best of the search, and what was there before."""
    found = first_order_candidates(overlaps)[:BEGINNINGS]
    higher = dict.fromkeys(names, 0.0)
    begun = [start]
    for candidate in found:
        values = {**vars(start), **higher}
        values.update({n: getattr(candidate, n) for n in ("C10", "C12a", "C12b")})
        values.update({n: getattr(start, n) for n in locked})
        begun.append(Aberrations(**values))
    return begun


def _stages(names):
    """The coefficients in the order in which they join the fit."""
    orders = sorted({int(name[1]) for name in names})
    return [tuple(n for n in names if int(n[1]) <= order) for order in orders]


def _beyond_chance(others: Overlaps, aberrations) -> float:
    """Standard deviations by which tiles that took no part in a fit are flatter than chance."""
    sums, norms = flat_sums(others, aberrations)
    power = others.add_up(np.abs(others.values) ** 2 / others.weights)
    coherence = np.abs(sums) ** 2 / np.maximum(norms * power, TINY)
    # By chance n ρ is 1 ± 1 for each frequency, nearly.
    excess = np.diff(others.starts) * coherence - 1
    return float(excess.sum() / np.sqrt(others.size))


def _determined(fit: Refinement, start: Aberrations):
    """The fit without the coefficients that it cannot determine, and their names."""
    undetermined: list[str] = []
    while True:
        sizes = fit.errors()[0][: len(fit.names)]
        worst = int(np.argmax(sizes))
        if sizes[worst] <= UNDETERMINED:
            return fit, tuple(undetermined)
        name = fit.names[worst]
        undetermined.append(name)
        names = tuple(n for n in fit.names if n != name)
        if not names:
            raise Unfitted("The scan determines none of the coefficients: nothing was changed.")
        values = {**vars(fit.aberrations), name: getattr(start, name)}
        begun = Aberrations(**values), fit.rotation, fit.sigma, fit.rotation_deg, fit.tell
        fit = Refinement(fit.overlaps, names, *begun).run([names] * 2)


def _errors(fit: Refinement, known):
    """The fit's errors, with what an angle adds that is known to an error and was not fitted.

    Held off by δ, it moves the coefficients by -H_cc^-1 H_cθ δ.
    """
    errors, correlation, units = fit.errors()
    if known and not fit.rotation:
        begun = fit.aberrations, known, fit.sigma, fit.rotation_deg
        curvature = Refinement(fit.overlaps, fit.names, *begun).curvature(0.0)
        moved = np.linalg.lstsq(curvature[:-1, :-1], curvature[:-1, -1], rcond=1e-10)[0]
        errors = np.hypot(errors, moved * np.deg2rad(known[1]))
    return errors, correlation, units


def _report(g: Sidebands, fit: Refinement, known, start: Aberrations, undetermined, remarks):
    errors, correlation, units = _errors(fit, known)
    flat_before = flatness(g, start)
    flat_after = flatness(g, fit.aberrations, fit.rotation_deg)
    if flat_after < max(LEAST_FLAT, flat_before - WORSE):
        said = (
            f"What is set makes the tiles no less flat ({100 * flat_before:.0f} % of their power) "
            f"than the best fit does ({100 * flat_after:.0f} %): nothing was changed."
        )
        raise Unfitted(" ".join((said, *remarks)))
    misfit = float(np.mean(fit.sigma))
    turned = (fit.rotation_deg, float(errors[-1] * units[-1])) if fit.rotation else (None, None)
    return AberrationFit(
        fit.aberrations,
        {n: float(e * u) for n, e, u in zip(fit.names, errors, units, strict=False)},
        undetermined,
        flat_before,
        flat_after,
        misfit,
        fit.overlaps.size,
        *turned,
        correlation,
        remarks,
    )
