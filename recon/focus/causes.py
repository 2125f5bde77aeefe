"""Why tiles do not become flat: a higher order, another radius, or an object that is not weak.

A fit gives the best coefficients of those that it may change, whatever the tiles hold besides. So
it is asked what else would explain them. Orders that were left out come first, since they are what
a probe has most often and since a slope that they leave looks like sidebands of another radius.
Then the radius of the aperture, and last the object, which then is too thick or too strong.
"""

from dataclasses import dataclass

import numpy as np

from recon.errors import Unfitted
from recon.focus.flatness import flat_shares
from recon.focus.refinement import FARTHEST, Refinement
from recon.focus.semiangle import PLAIN, SURE, misplaced_sidebands
from recon.optics import COEFFICIENTS
from recon.ssb.sidebands import Sidebands

WEAK = 0.75
"""Share of the strong tiles' power that is flat at the right aberrations of a weak phase object, at
least: of a phase of 0.3 rad rms it is 0.9, of 20 Å of SrTiO3 along its columns 0.6."""

LEAST_FLAT = 0.1
"""Share below which what was fitted is not the object: of 100 Å of SrTiO3 0.4 is flat."""

FEWEST = 4
"""Strong tiles from which the object is judged."""

MOVED = 3.0
"""Standard errors by which a coefficient moves that a missing order has spoilt."""

HIGHEST = {1: 3, 2: 3, 3: 5, 4: 5}
"""Order to which is looked beyond the one that was fitted."""

NEARLY = 0.9
"""Share of what an order explains from which C30 alone explains it."""


@dataclass(frozen=True)
class _Further:
    """What higher orders would explain."""

    order: int
    fit: Refinement
    gain: float
    moved: float
    """Standard errors by which the fitted coefficient that moves most does."""
    name: str
    told: str


def remarks_on(g: Sidebands, fit: Refinement, orders: int, locked=()) -> tuple[str, ...]:
    """What is to be known of a fit before its values are used, in sentences; none if all is well.

    Parameters
    ----------
    g : Sidebands
    fit : Refinement
        As it ended.
    orders : int
        Highest order that was fitted.
    locked : collection of str
        Coefficients that may not change.

    Raises
    ------
    Unfitted
        If a higher order, or an aperture of another radius, explains the tiles far better: the
        coefficients found without it are wrong.
    """
    fit.judge()
    further = _further(fit, orders, locked)
    told = further is not None and further.gain > SURE
    misplaced = misplaced_sidebands(g, (further.fit if told else fit).aberrations)
    if misplaced:
        raise Unfitted(misplaced)
    remarks = []
    if fit.held:
        remarks.append(
            f"The tiles would turn the scan further than to {fit.rotation_deg:.1f}°, which is "
            f"{FARTHEST:g} standard errors from {fit.rotation[0]:.1f}°: one of both is wrong."
        )
    if told and further.moved > MOVED:
        if further.gain > PLAIN * fit.likelihood:
            raise Unfitted(
                f"Aberrations to order {orders} do not explain the tiles; {further.told} does, and "
                f"moves {further.name} by {further.moved:.0f} standard errors. Fit to order "
                f"{further.order}; nothing was changed."
            )
        remarks.append(
            f"{further.told[0].upper()}{further.told[1:]} fits the tiles better still and moves "
            f"{further.name} by {further.moved:.0f} standard errors: fit to order {further.order}."
        )
    flat, count = _strong_and_flat(fit)
    if count < FEWEST:
        flat = WEAK
    held = f"of what the {count} strongest tiles hold, {100 * flat:.0f} % is flat at the best "
    if flat < LEAST_FLAT:
        raise Unfitted(
            f"The tiles do not become flat: {held}aberrations; nothing was changed. Check rotation "
            "and transpose, and look for faults of the scan: empty frames, a beam current that "
            "changes."
        )
    if flat < WEAK:
        remarks.append(
            "The object is too thick or too strong for a weak phase object, if rotation and "
            f"transpose are right: {held}aberrations, and the misfit is {fit.sigma.mean():.1f} "
            "times counting noise. Expect phases that are too small, the more so at high "
            "frequencies."
        )
    return tuple(remarks)


def _further(fit: Refinement, orders: int, locked) -> _Further | None:
    """The fit with higher orders free as well; None where there are none to look at."""
    if orders not in HIGHEST:
        return None
    highest = HIGHEST[orders]
    free = tuple(n for n in COEFFICIENTS if int(n[1]) <= highest and n not in locked)
    names = (*fit.names, *(n for n in free if int(n[1]) > orders))
    if len(names) == len(fit.names):
        return None
    more = _with(fit, names)
    gain = more.likelihood - fit.likelihood
    errors, wider = _errors(fit), _errors(more)
    moves = {
        n: abs(getattr(more.aberrations, n) - getattr(fit.aberrations, n))
        / np.hypot(errors[n], wider[n])
        for n in fit.names
    }
    name = max(moves, key=moves.get)
    order, told = highest, f"order {highest}"
    if gain > SURE:
        # The lowest order that does, and in it the coefficient that every lens has.
        for lower in range(orders + 1, highest):
            some = _with(fit, tuple(n for n in names if int(n[1]) <= lower))
            if some.likelihood - fit.likelihood > NEARLY * gain:
                order, told = lower, f"order {lower}"
                break
        if order >= 3 and "C30" in names and "C30" not in fit.names:
            alone = _with(fit, (*fit.names, "C30"))
            if alone.likelihood - fit.likelihood > NEARLY * gain:
                told = f"order {order} (C30 alone: {alone.aberrations.C30 / 1e4:.3g} µm)"
    return _Further(order, more, gain, moves[name], name, told)


def _with(fit: Refinement, names) -> Refinement:
    begun = fit.overlaps, names, fit.aberrations
    turned = Refinement(*begun, None, fit.sigma, fit.rotation_deg, tell=fit.tell)
    return turned.run([names] * 2)


def _errors(fit: Refinement) -> dict[str, float]:
    """Standard errors [Å] by name."""
    errors, _, units = fit.errors()
    return {n: float(e * u) for n, e, u in zip(fit.names, errors, units, strict=False)}


def _strong_and_flat(fit: Refinement) -> tuple[float, int]:
    """Flat share of the power of the tiles that are strong beyond doubt, and their number."""
    strong = fit.strong
    if not strong.any():
        return 1.0, 0
    flat, signal, _ = flat_shares(fit.overlaps, fit.aberrations, fit.rotation_deg)
    share = flat[strong].sum() / signal[strong].sum()
    return float(np.clip(share, 0, 1)), int(np.count_nonzero(strong))
