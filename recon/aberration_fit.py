"""Aberrations fitted to G itself: the coefficients that make the tiles flat.

For each frequency q the entries are i Φ(q) P(k) γ(k, q; c), with noise of variance N P(k).
Eliminating the unknown Φ(q) leaves the likelihood

    L(c) = Σ_q |S_q|² / (σ_q² W_q),  S_q = Σ_k γ* G,  W_q = N Σ_k |γ|² P,

with γ averaged over the area of a pixel and σ_q² how much worse than counting statistics a
frequency fits (one, unless the object is no weak phase object). A search over all
first-order coefficients that the pixels can sample gives several beginnings; each is refined by
Gauss-Newton steps (variable projection, damped after Levenberg and Marquardt), order after order;
the best one is taken. The curvature of L gives the standard errors.
"""

from dataclasses import dataclass, field

import numpy as np

from recon.defocus_search import first_order_candidates
from recon.errors import Unfitted
from recon.gfunction import Sidebands
from recon.kernels.fit import tile_sums
from recon.optics import COEFFICIENTS, Aberrations
from recon.overlaps import Overlaps, strongest_overlaps
from recon.phase_model import PhaseModel, flat_sums

FREQUENCIES = 400
"""Frequencies that are looked at, the strongest."""

BEGINNINGS, FINALISTS = 5, 2
"""Results of the search that are refined to first order, and those that are refined further."""

STEPS = 25
REFRESHED = 5
CLOSE = 1e-3
"""A fit has converged once no coefficient moves the edge's phase by more than this [rad]."""

TINY = 1e-30

UNDETERMINED = 0.5
"""Standard error, as phase at the edge of the aperture [rad], beyond which a coefficient is not
determined."""

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
    coherence_before, coherence_after : float
        Share of the tiles' power that is flat, 0 to 1.
    misfit : float
        Mean of the tiles' residual power over that of counting statistics.
    frequencies : int
        Frequencies that were looked at.
    statement : str
        All of this in a sentence.
    """

    aberrations: Aberrations
    errors: dict[str, float]
    undetermined: tuple[str, ...]
    coherence_before: float
    coherence_after: float
    misfit: float
    frequencies: int
    statement: str
    rotation_deg: float | None = None
    rotation_error: float | None = None
    correlation: np.ndarray | None = field(default=None, repr=False)


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
        Fit the scan's rotation too, beginning from the calibration's.
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
    tell = progress or (lambda fraction: None)
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
        fits.append(_Refinement(half, names, beginning).run([first]))
        tell(0.3 + 0.3 * (number + 1) / len(begun))
    fits.sort(key=lambda fit: -fit.likelihood)
    for number, fit in enumerate(fits[:FINALISTS]):
        fit.run(further)
        tell(0.6 + 0.1 * (number + 1))
    best = max(fits[:FINALISTS], key=lambda fit: fit.likelihood)
    _check_significance(others, names, best.aberrations)
    fit = _Refinement(overlaps, names, best.aberrations, rotation).run([names] * 2)
    fit, undetermined = _determined(fit, start)
    tell(1.0)
    return _report(fit, start, undetermined)


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


class _Refinement:
    """A fit from one beginning: coefficients, tiles' misfit, and the likelihood reached."""

    def __init__(self, overlaps, names, aberrations, rotation=False, sigma=None):
        self.overlaps, self.names, self.rotation = overlaps, names, rotation
        self.aberrations, self.rotation_deg = aberrations, overlaps.rotation_deg
        self.sigma = np.ones(overlaps.size) if sigma is None else sigma
        self.likelihood = -np.inf

    def run(self, stages):
        """Fit stage after stage, each with the misfit that the one before left."""
        for stage, names in enumerate(stages):
            self._climb(names, self.rotation and stage == len(stages) - 1)
            self.judge()
        return self

    def _climb(self, names, rotation):
        """Damped Gauss-Newton steps in these coefficients, and in the rotation if wanted."""
        model = PhaseModel(self.overlaps, names, self.aberrations, rotation)
        x = np.array(
            [getattr(self.aberrations, n) / u for n, u in zip(names, model.units, strict=False)]
        )
        damping = 1e-3
        here = self._at(model, x, self.rotation_deg, rotation)
        for step in range(STEPS):
            if step % REFRESHED == 0:
                # How the area of a pixel shortens an entry changes slowly.
                sizes = model.amplitudes(model.aberrations(x), self.rotation_deg)
                value, gradient, curvature = self._likelihood(here, x, sizes)
            scale = damping * np.diag(np.diag(curvature) + 1e-12)
            move = np.linalg.lstsq(curvature + scale, gradient, rcond=1e-10)[0]
            tried, angle = x + move[: x.size], self.rotation_deg
            there = here
            if rotation:
                angle += float(np.rad2deg(move[-1]))
                there = self._at(model, tried, angle, rotation)
            after, further, curved = self._likelihood(there, tried, sizes)
            if after >= value:
                x, self.rotation_deg, here = tried, angle, there
                value, gradient, curvature = after, further, curved
                damping = max(damping / 5, 1e-6)
                if np.abs(move).max() < CLOSE:
                    break
            else:
                damping *= 8
                if damping > 1e6:
                    break
        self.aberrations = model.aberrations(x)

    def _at(self, model, x, rotation_deg, rotation):
        """Columns of the coefficients (and of the rotation), and the phases without them."""
        differences = model.differences(rotation_deg)
        columns = model.columns(differences)
        rest = np.stack([part @ model.powers(model.without) for part in differences])
        if rotation:
            turning = model.turning(model.aberrations(x), rotation_deg)
            columns = np.concatenate([columns, turning[..., None]], axis=2)
        return columns, rest

    def _sums(self, here, x, sizes, wanted):
        """What `tile_sums` gives, for `wanted` derivatives."""
        (columns, rest), o = here, self.overlaps
        shapes = (), (), (wanted,), (wanted,), (wanted, wanted)
        types = complex, float, complex, complex, float
        sums = [np.empty((o.size, *s), t) for s, t in zip(shapes, types, strict=True)]
        # The rotation is no linear parameter: its column is a derivative alone.
        padded = np.concatenate([x, np.zeros(columns.shape[2] - x.size)])
        tile_sums(columns, rest, padded, sizes, o.values, o.weights, o.starts, *sums)
        return sums

    def _likelihood(self, here, x, sizes):
        """L, its gradient and its (positive) curvature."""
        sums, norms, slopes, means, spreads = self._sums(here, x, sizes, here[0].shape[2])
        norms = np.maximum(norms, TINY) * self.sigma
        power = np.abs(sums) ** 2 / norms
        gradient = 2 * ((sums.conj() / norms)[:, None] * slopes - power[:, None] * means).real
        signal = 2 * np.maximum(power - 1, 0)
        return float(power.sum()), gradient.sum(axis=0), np.tensordot(signal, spreads, 1)

    def _state(self):
        """Model, columns and phases without them, coefficients, and amplitudes, as reached."""
        model = PhaseModel(self.overlaps, self.names, self.aberrations, self.rotation)
        values = zip(self.names, model.units, strict=False)
        x = np.array([getattr(self.aberrations, name) / size for name, size in values])
        here = self._at(model, x, self.rotation_deg, self.rotation)
        return model, here, x, model.amplitudes(self.aberrations, self.rotation_deg)

    def judge(self):
        """Coherence and misfit of each frequency, and the likelihood, where the fit stands.

        The coherence is |Σ γ* G|² / (Σ |γ|² w  Σ |G|² / w), 1 where the aberrations explain all,
        and 1 / n for n entries of chance.
        """
        o = self.overlaps
        sums, norms = flat_sums(o, self.aberrations, self.rotation_deg)
        flat = np.abs(sums) ** 2 / np.maximum(norms, TINY)
        self.power = np.maximum(o.add_up(np.abs(o.values) ** 2 / o.weights), TINY)
        self.coherence = flat / self.power
        counts = np.diff(o.starts)
        self.sigma = np.maximum((self.power - flat) / np.maximum(counts - 1, 1), 1.0)
        # With the noise of each frequency unknown: comparable between beginnings.
        self.likelihood = float(np.sum(-counts * np.log1p(-np.minimum(self.coherence, 1 - 1e-9))))
        return self

    @property
    def explained(self) -> float:
        """Share of the tiles' power that the aberrations explain."""
        return float(self.coherence @ self.power / self.power.sum())

    def errors(self):
        """Covariance in units of the model, and those units."""
        model, here, x, sizes = self._state()
        _, _, curvature = self._likelihood(here, x, sizes)
        values, vectors = np.linalg.eigh(curvature)
        covariance = (vectors / np.maximum(values, 1e-12)) @ vectors.T
        return covariance, model.units


def _check_significance(others: Overlaps, names, aberrations):
    """Refuse aberrations that make tiles that took no part in their fit no flatter than chance."""
    fit = _Refinement(others, names, aberrations).judge()
    # By chance n ρ is 1 ± 1 for each frequency, nearly.
    excess = np.diff(others.starts) * fit.coherence - 1
    deviations = excess.sum() / np.sqrt(others.size)
    if deviations < SIGNIFICANT:
        raise Unfitted(
            "The tiles do not become flat for any aberrations: nothing was changed. Either the "
            "scan has too few electrons or too little structure, or energy, semi-angle, step or "
            f"rotation are wrong (tiles flatter than chance by {max(deviations, 0):.1f} standard "
            f"deviations; {SIGNIFICANT:g} are needed)."
        )


def _determined(fit: _Refinement, start: Aberrations):
    """The fit without the coefficients that it cannot determine, and their names."""
    undetermined: list[str] = []
    while True:
        covariance, _ = fit.errors()
        sizes = np.sqrt(np.diag(covariance))[: len(fit.names)]
        worst = int(np.argmax(sizes))
        if sizes[worst] <= UNDETERMINED:
            return fit, tuple(undetermined)
        name = fit.names[worst]
        undetermined.append(name)
        names = tuple(n for n in fit.names if n != name)
        if not names:
            raise Unfitted("The scan determines none of the coefficients: nothing was changed.")
        values = {**vars(fit.aberrations), name: getattr(start, name)}
        again = _Refinement(fit.overlaps, names, Aberrations(**values), fit.rotation, fit.sigma)
        again.rotation_deg = fit.rotation_deg
        fit = again.run([names] * 2)


def _report(fit: _Refinement, start: Aberrations, undetermined) -> AberrationFit:
    covariance, units = fit.errors()
    errors = np.sqrt(np.diag(covariance))
    o = fit.overlaps
    flat_before = _Refinement(o, fit.names, start).judge().explained
    flat_after = fit.judge().explained
    misfit = float(np.mean(fit.sigma))
    said = (
        f"{len(fit.names)} coefficients from {o.size} frequencies: "
        f"{100 * flat_after:.0f} % of the tiles' power is flat ({100 * flat_before:.0f} % before)."
    )
    if undetermined:
        said += f" The data do not determine {', '.join(undetermined)}: left as they were."
    turned = (fit.rotation_deg, float(errors[-1] * units[-1])) if fit.rotation else (None, None)
    return AberrationFit(
        fit.aberrations,
        {n: float(e * u) for n, e, u in zip(fit.names, errors, units, strict=False)},
        undetermined,
        flat_before,
        flat_after,
        misfit,
        o.size,
        said,
        *turned,
        covariance / np.outer(errors, errors),
    )
