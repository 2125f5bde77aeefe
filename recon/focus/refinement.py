"""Damped Gauss-Newton steps that make the tiles of G flat, from one beginning.

The object may be any weak one, phase and amplitude: of a frequency's entries the first term of γ
and the second have each an unknown complex number, a and b, which are eliminated (variable
projection). For a weak phase object both would be Φ; a strong one's own second order is an
amplitude, which would otherwise pass for defocus.
"""

import numpy as np

from recon.focus.overlaps import Overlaps
from recon.focus.phase_model import PhaseModel
from recon.kernels.host.fit import Entries, projections
from recon.optics import Aberrations

STEPS = 25
REFRESHED = 5
CLOSE = 1e-3
"""A fit has converged once no coefficient moves the edge's phase by more than this [rad]."""

FREE = 2
"""Complex numbers that are free in each frequency."""

STRONG = 8.0
"""Standard deviations of noise from which a tile is strong: none is that by being chosen."""

CERTAIN = 3.0
"""Standard deviations of noise by which strong tiles must exceed it to tell a model error."""

FARTHEST = 3.0
"""Standard errors beyond which the angle is not turned, whatever the tiles say."""

TINY = 1e-30


class Refinement:
    """A fit from one beginning.

    Parameters
    ----------
    overlaps : Overlaps
    names : tuple of str
        Coefficients that may change.
    aberrations : Aberrations
        Where to begin, and the others' values.
    rotation : (float, float), optional
        Angle of the scan and its standard error [deg], as known beforehand, where the angle may
        change too: a turn costs what it costs to be that far off, and ends at `FARTHEST` errors.
    sigma : (M,) float64 array, optional
        How much worse than counting statistics each frequency fits, to begin with.
    rotation_deg : float, optional
        Where to begin; by default that of the overlaps.
    tell : callable, optional
        Called after each step, without arguments; may raise `Cancelled`.

    Attributes
    ----------
    aberrations, rotation_deg
        As reached.
    coherence, power, sigma : (M,) float64 arrays
        Share of each frequency's power that the model explains, that power in units of counting
        noise, and the misfit, at least 1; after `judge`.
    likelihood : float
        Of all frequencies, the noise of each taken as unknown: comparable between beginnings.
    """

    def __init__(
        self,
        overlaps: Overlaps,
        names,
        aberrations: Aberrations,
        rotation: tuple[float, float] | None = None,
        sigma=None,
        rotation_deg: float | None = None,
        tell=None,
    ):
        self.overlaps, self.names, self.rotation = overlaps, tuple(names), rotation
        self.aberrations = aberrations
        self.rotation_deg = overlaps.rotation_deg if rotation_deg is None else rotation_deg
        self.sigma = np.ones(overlaps.size) if sigma is None else sigma
        self.likelihood = -np.inf
        self.tell = tell or (lambda: None)
        o = overlaps
        self.model = PhaseModel(overlaps, self.names, aberrations, rotation is not None)
        self.counts = np.diff(o.starts)
        self.power = np.maximum(o.add_up(np.abs(o.values) ** 2 / o.weights), TINY)
        # What the entries' power above noise lets one expect of a and b, per unit of weight.
        signal = np.maximum(self.power - self.counts, 1.0)
        lit = o.add_up(o.weights * (abs(o.right) + abs(o.left)))
        self._ridge = np.maximum(lit, TINY + 1e-6 * o.add_up(o.weights)) / signal

    def run(self, stages):
        """Fit stage after stage, each with the misfit that the one before left."""
        for stage, names in enumerate(stages):
            self._climb(names, self.rotation is not None and stage == len(stages) - 1)
            self.judge()
        return self

    def _climb(self, names, rotation):
        """Steps in these coefficients, and in the rotation if wanted."""
        model = self.model
        x = model.coefficients(self.aberrations)
        moved = [self.names.index(name) for name in names] + [x.size] * rotation
        moved = np.array(moved, np.int64)
        damping = 1e-3
        here = self._at(x, self.rotation_deg)
        for step in range(STEPS):
            self.tell()
            if step % REFRESHED == 0:
                # How the area of a pixel shortens an entry changes slowly.
                sizes = model.terms(x, self.rotation_deg)[0]
                value, gradient, curvature = self._sums(here, x, moved, sizes, self.rotation_deg)
            scale = damping * np.diag(np.diag(curvature) + 1e-12)
            move = np.linalg.lstsq(curvature + scale, gradient, rcond=1e-10)[0]
            tried, angle, there = x.copy(), self.rotation_deg, here
            tried[moved[: len(names)]] += move[: len(names)]
            if rotation:
                angle = self._within(angle + float(np.rad2deg(move[-1])))
                there = self._at(tried, angle)
            after, further, curved = self._sums(there, tried, moved, sizes, angle)
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

    @property
    def held(self) -> bool:
        """Whether the angle has come as far as it may."""
        if self.rotation is None:
            return False
        known, error = self.rotation
        return abs(self.rotation_deg - known) > (FARTHEST - 0.01) * error

    def _within(self, rotation_deg: float) -> float:
        """That angle, or the nearest that what is known beforehand allows."""
        known, error = self.rotation
        return float(np.clip(rotation_deg, known - FARTHEST * error, known + FARTHEST * error))

    def _at(self, x, rotation_deg):
        """Columns of all unknowns, and the phases without them."""
        return self.model.columns(x, rotation_deg), self.model.still(rotation_deg)

    def _projections(self, here, x, moved, sizes):
        """Gain of each frequency, and its derivatives by the unknowns `moved`."""
        o, size = self.overlaps, len(moved)
        found = np.empty(o.size), np.empty((o.size, size)), np.empty((o.size, size, size))
        entries = Entries(o.values, o.weights, o.starts, self._ridge)
        projections(*here, x, moved, sizes, entries, *found)
        return found

    def _sums(self, here, x, moved, sizes, rotation_deg, least=0.0):
        """Log-likelihood, its gradient and its curvature, with what is known before.

        A frequency adds to the curvature by its power beyond noise, at least by `least`: a step
        wants 0. An error wants all of it, or the noise of many would seem to sharpen it.
        """
        gains, gradients, curvatures = self._projections(here, x, moved, sizes)
        gains = gains / self.sigma
        # Noise in a and b looks like signal, and sharpens nothing.
        share = np.maximum(gains - FREE, least) / np.maximum(gains, TINY) / self.sigma
        curvature = np.tensordot(share, curvatures, 1)
        self._scatter = gradients / self.sigma[:, None]
        value, gradient = float(gains.sum()), self._scatter.sum(axis=0)
        if x.size in moved:
            sharpness = self._sharpness
            off = np.deg2rad(rotation_deg - self.rotation[0])
            value -= sharpness * off**2 / 2
            gradient[-1] -= sharpness * off
            curvature[-1, -1] += sharpness
        return value, gradient, curvature

    @property
    def _sharpness(self) -> float:
        """Inverse variance of the angle as it is known beforehand [1/rad²]."""
        return np.deg2rad(self.rotation[1]) ** -2.0

    def judge(self):
        """Coherence and misfit of each frequency, and the likelihood, where the fit stands.

        By chance the coherence of n entries is about 2 / n.
        """
        x = self.model.coefficients(self.aberrations)
        sizes, phases = self.model.terms(x, self.rotation_deg)
        none = np.empty((2, self.overlaps.values.size, 0))
        at = (none, phases), np.empty(0), np.empty(0, np.int64)
        gains = self._projections(*at, sizes)[0]
        self.coherence = gains / self.power
        self.sigma = np.maximum((self.power - gains) / np.maximum(self.counts - FREE, 1), 1.0)
        lost = np.log1p(-np.minimum(self.coherence, 1 - 1e-9))
        self.likelihood = float(-np.sum(self.counts * lost))
        return self

    def curvature(self, least: float = -np.inf) -> np.ndarray:
        """(n, n) curvature of the log-likelihood where the fit stands, in units of the model."""
        x = self.model.coefficients(self.aberrations)
        sizes, _ = self.model.terms(x, self.rotation_deg)
        every = np.arange(len(self.model.units))
        here = self._at(x, self.rotation_deg)
        return self._sums(here, x, every, sizes, self.rotation_deg, least)[2]

    def errors(self):
        """Standard errors in units of the model, correlations, and those units.

        Counting noise gives the curvature's variance. The scatter of the frequencies about their
        common answer may show a larger one (H^-1 Σ g g' H^-1, White, Econometrica 48, 817 (1980)),
        which then counts. An error of the model that is alike in all tiles scatters nothing: what
        strong tiles hold beyond noise is taken to repeat in each, spread over all directions that
        n entries have, which adds its power / n to the variance in units of the curvature's.
        """
        climbed, counted = (_inverse(self.curvature(least)) for least in (0.0, -np.inf))
        unknowns = len(counted)
        few = self.overlaps.size / max(self.overlaps.size - unknowns, 1)
        scatter = few * self._scatter.T @ self._scatter
        if self.rotation is not None:
            scatter[-1, -1] += self._sharpness
        scattered = climbed @ scatter @ climbed
        alone = np.diag(counted)
        variances = np.maximum(alone, np.diag(scattered)) + alone * self._repeated()
        return (
            np.sqrt(variances),
            counted / np.sqrt(np.outer(alone, alone)),
            self.model.units,
        )

    @property
    def strong(self) -> np.ndarray:
        """(M,) bool, which frequencies hold more than noise beyond doubt."""
        return self.power - self.counts > STRONG * np.sqrt(self.counts)

    def explained(self) -> float:
        """Share of the strong tiles' power above noise that the model explains, after `judge`.

        NaN where none is strong.
        """
        strong = self.strong
        signal = (self.power - self.counts)[strong].sum()
        gains = (self.coherence * self.power - FREE)[strong].sum()
        return float(gains / signal) if signal > 0 else np.nan

    def _repeated(self) -> float:
        """Power that strong tiles hold beyond noise and model, over the entries of one."""
        strong = self.strong
        if not strong.any():
            return 0.0
        sigma, free = self.sigma[strong], (self.counts - FREE)[strong]
        beyond = (self.power * (1 - self.coherence))[strong] - free
        chance = CERTAIN * np.sqrt(np.sum(free / sigma**2))
        return float(max(np.sum(beyond / sigma) - chance, 0) / free.mean())


def _inverse(curvature) -> np.ndarray:
    """Inverse of a curvature; what it does not determine is as good as infinite."""
    values, vectors = np.linalg.eigh(curvature)
    return (vectors / np.maximum(values, 1e-12)) @ vectors.T
