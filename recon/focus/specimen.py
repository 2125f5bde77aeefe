"""Thickness and tilt fitted to G itself, with the aberrations.

The weights of `recon.specimen` are real where aberrations turn phases: what one changes of an
entry lies across what the other does, and the two are fitted in turn. Of each frequency the first
term of γ and the second have an unknown complex number each, as in `recon.focus.refinement`; what
is left is least squares of t² and the tilt. (t itself has no slope at 0, from where a fit begins.)
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import least_squares

from recon.errors import Unfitted
from recon.focus.fit import AberrationFit, fit_aberrations
from recon.focus.overlaps import Overlaps, strongest_overlaps
from recon.focus.phase_model import PhaseModel
from recon.optics import Aberrations
from recon.specimen import STEEPEST, THICKEST, THIN, Specimen
from recon.ssb.sidebands import Sidebands

FREQUENCIES = 400
"""Frequencies that are looked at, the strongest."""

SIGNIFICANT = 4.0
"""Standard errors of t² from which a thickness is taken to be seen, and deviations by which tiles
that took no part in the fit must be the better for it."""

VAGUE = 0.25
"""Standard error of a tilt, as sinc's argument at q = k0, from which it is not determined."""

ROUNDS = 3
"""Times that aberrations and specimen are fitted in turn."""

SETTLED = 0.5
"""Standard errors that a thickness may still move by when the turns end."""

DEPTHS = (0.25, 0.5, 0.8, 1.2, 1.8, 2.7)
LEANS = (0.0, 0.25, 0.6)
"""Thicknesses, in those at which sinc first is 0 in the aperture, and tilts, in semi-angles, from
the best of which a fit goes on."""


@dataclass(frozen=True)
class SpecimenFit:
    """Fitted thickness and tilt, and what to think of them.

    Attributes
    ----------
    specimen : Specimen
        Fitted where determined, as given elsewhere.
    errors : dict of str to float
        Standard errors of what was fitted: "thickness" [Å], "tilt_y", "tilt_x" [mrad].
    undetermined : tuple of str
        Which of these the data leave open.
    misfit_before, misfit : float
        Mean of the tiles' residual power over that of counting statistics.
    """

    specimen: Specimen
    errors: dict[str, float]
    undetermined: tuple[str, ...]
    misfit_before: float
    misfit: float

    @property
    def statement(self) -> str:
        """All of this in words."""
        s, said = self.specimen, []
        if "thickness" in self.errors:
            said.append(
                f"Thickness {s.thickness / 10:.2f} ± {self.errors['thickness'] / 10:.2f} nm: the "
                f"tiles' residual falls from {self.misfit_before:.2f} to {self.misfit:.2f} times "
                "counting noise."
            )
        if "tilt_y" in self.errors:
            said.append(
                "Tilt (y, x) = ({:.2f} ± {:.2f}, {:.2f} ± {:.2f}) mrad.".format(
                    s.tilt[0], self.errors["tilt_y"], s.tilt[1], self.errors["tilt_x"]
                )
            )
        if self.undetermined:
            names = " and ".join(sorted({name.partition("_")[0] for name in self.undetermined}))
            said.append(f"The data do not determine {names}: left as given.")
        return " ".join(said)


def fit_specimen(g: Sidebands, aberrations: Aberrations) -> SpecimenFit:
    """Thickness and tilt that explain how strong the entries of each sideband are.

    Parameters
    ----------
    g : Sidebands
        Taken through the specimen whose values stay where they are not determined.
    aberrations : Aberrations
        Of the middle of the specimen; they stay.

    Returns
    -------
    SpecimenFit

    Raises
    ------
    Unfitted
        If too few frequencies have sidebands wide enough.
    """
    start = g.specimen
    overlaps = strongest_overlaps(g.through(THIN), FREQUENCIES)
    if overlaps.size < 6:
        raise Unfitted(
            f"Only {overlaps.size} spatial frequencies have sidebands wide enough to see the "
            "specimen's thickness in: take more pixels across the disc, or a larger field."
        )
    before = float(np.mean(_Weighing(overlaps, aberrations, start).misfit(start)))
    half, others = (overlaps.chosen(np.arange(n, overlaps.size, 2)) for n in (0, 1))
    first = _Weighing(half, aberrations, start)
    found, _ = first.fitted(first.search())
    judge = _Weighing(others, aberrations, start)
    judge.sigma = judge.misfit(found)
    gained = judge.cost(replace(start, thickness=0.0)) - judge.cost(found)
    everything = ("thickness", "tilt_y", "tilt_x")
    nothing = SpecimenFit(start, {}, everything, before, before)
    if gained < SIGNIFICANT**2 / 2:
        return nothing
    every = _Weighing(overlaps, aberrations, start)
    found, errors = every.fitted(found)
    squared = errors[0] * every.depth**2
    if found.thickness**2 < SIGNIFICANT * squared:
        return nothing
    after = float(np.mean(every.misfit(found)))
    determined = {"thickness": float(squared / (2 * found.thickness))}
    tilts = errors[1:] * every.angle
    if np.all(tilts * 1e-3 * found.thickness * overlaps.k0 < VAGUE):
        determined |= {"tilt_y": float(tilts[0]), "tilt_x": float(tilts[1])}
    else:
        found, _ = every.fitted(replace(found, tilt=start.tilt), still=True)
    open_ = tuple(name for name in everything if name not in determined)
    return SpecimenFit(found, determined, open_, before, after)


def fit_in_turn(
    g: Sidebands, start: Aberrations | None = None, orders: int = 2, *, progress=None, **how
) -> tuple[AberrationFit, SpecimenFit]:
    """Aberrations and specimen, in turn until the thickness stands.

    Parameters
    ----------
    g : Sidebands
        Taken through the specimen to begin with.
    start, orders, how
        As for `recon.focus.fit.fit_aberrations`.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Raises
    ------
    Unfitted
        As `fit_aberrations` and `fit_specimen`: nothing may then be changed.
    """
    tell = progress or (lambda fraction: None)
    given, fit, specimen = g.specimen, None, None
    for number in range(ROUNDS):
        begin = number / ROUNDS
        fit = fit_aberrations(
            g if specimen is None else g.through(specimen.specimen),
            start if fit is None else fit.aberrations,
            orders,
            progress=lambda part, begin=begin: tell(begin + 0.8 * part / ROUNDS),
            **how,
        )
        before, specimen = specimen, fit_specimen(g.through(given), fit.aberrations)
        tell(begin + 1 / ROUNDS)
        error = specimen.errors.get("thickness")
        if error is None:
            break
        moved = specimen.specimen.thickness - (before.specimen.thickness if before else 0.0)
        if before is not None and abs(moved) < SETTLED * error:
            break
    tell(1.0)
    return fit, specimen


class _Weighing:
    """Least squares of the specimen at given aberrations.

    Unknowns are t² in units of `depth`² and the tilt in units of `angle` [mrad].
    """

    def __init__(self, overlaps: Overlaps, aberrations: Aberrations, given: Specimen):
        o = self.overlaps = overlaps
        self.given = given
        sizes, phases = PhaseModel(o, (), aberrations).terms(np.empty(0), o.rotation_deg)
        self._terms = sizes * np.exp(1j * phases)
        self._counts = np.diff(o.starts)
        self.depth = 2 / (o.wavelength * o.k0**2)
        self.angle = 1e3 * o.wavelength * o.k0
        self.sigma = np.ones(o.size)
        lit = o.add_up(o.weights * (abs(o.right) + abs(o.left)))
        power = o.add_up(np.abs(o.values) ** 2 / o.weights)
        self._ridge = 1e-6 * np.maximum(lit, lit.max() * 1e-9) + lit / np.maximum(
            power - self._counts, 1.0
        )

    def specimen(self, p) -> Specimen:
        """What the unknowns mean."""
        tilt = tuple(float(np.clip(a * self.angle, -STEEPEST, STEEPEST)) for a in p[1:])
        thickness = min(self.depth * np.sqrt(max(p[0], 0.0)), THICKEST)
        return replace(self.given, thickness=float(thickness), tilt=tilt)

    def unknowns(self, specimen: Specimen):
        """The same the other way round."""
        return np.array([(specimen.thickness / self.depth) ** 2, *specimen.tilt]) / [
            1,
            self.angle,
            self.angle,
        ]

    def left(self, specimen: Specimen):
        """(E,) complex residuals in units of counting noise, a and b eliminated."""
        o = self.overlaps
        one, other = self._terms * o.weights_of(specimen)
        s, t = o.add_up(one.conj() * o.values), o.add_up(other.conj() * o.values)
        a = o.add_up(o.weights * abs(one) ** 2) + self._ridge
        b = o.add_up(o.weights * abs(other) ** 2) + self._ridge
        c = o.add_up(o.weights * one.conj() * other)
        share = 1 / (a * b - abs(c) ** 2)
        first, second = share * (b * s - c * t), share * (a * t - c.conj() * s)
        model = np.repeat(first, self._counts) * one + np.repeat(second, self._counts) * other
        return (o.values - o.weights * model) / np.sqrt(o.weights)

    def misfit(self, specimen: Specimen):
        """(M,) residual power of each frequency over that of counting statistics, at least 1."""
        power = self.overlaps.add_up(np.abs(self.left(specimen)) ** 2)
        return np.maximum(power / np.maximum(self._counts - 2, 1), 1.0)

    def cost(self, specimen: Specimen) -> float:
        """Minus the log-likelihood, with the misfits `sigma`."""
        return float(np.sum(self.overlaps.add_up(np.abs(self.left(specimen)) ** 2) / self.sigma))

    def search(self) -> Specimen:
        """The best of some thicknesses and tilts; the noise of each frequency taken as unknown."""
        angles = np.arange(8) * np.pi / 4
        leans = {(lean * np.sin(a), lean * np.cos(a)) for lean in LEANS for a in angles}
        tried = [self.specimen(np.array([d**2, *lean])) for d in DEPTHS for lean in sorted(leans)]
        tried.append(replace(self.given, thickness=0.0))

        def unlikely(specimen):
            power = self.overlaps.add_up(np.abs(self.left(specimen)) ** 2)
            return float(np.sum(self._counts * np.log(power)))

        return min(tried, key=unlikely)

    def fitted(self, start: Specimen, still: bool = False):
        """The best specimen near another, and standard errors of the unknowns; tilt `still` or not.

        Each frequency's misfit, as it is after a first fit, is taken for noise in the second.
        """
        free = 1 if still else 3
        fixed = self.unknowns(start)[free:]
        p = self.unknowns(start)[:free]
        # A thickness of nothing has no slope by the tilt.
        p[0] = max(p[0], 1e-3)

        def residuals(p):
            left = self.left(self.specimen(np.concatenate([p, fixed])))
            return (left / np.repeat(np.sqrt(self.sigma), self._counts)).view(float)

        for _ in range(2):
            self.sigma = self.misfit(self.specimen(np.concatenate([p, fixed])))
            low = [0.0] + [-np.inf] * (free - 1)
            found = least_squares(residuals, p, bounds=(low, np.inf), x_scale=1.0, xtol=1e-5)
            p = found.x
        curvature = found.jac.T @ found.jac
        inverse = np.linalg.pinv(curvature)
        slopes = np.add.reduceat(
            found.jac * found.fun[:, None], 2 * self.overlaps.starts[:-1], axis=0
        )
        # Of a complex residual each part has half the variance; the frequencies' scatter counts
        # where it is larger (White, Econometrica 48, 817 (1980)).
        scattered = inverse @ (slopes.T @ slopes) @ inverse
        variances = np.maximum(np.diag(inverse) / 2, np.diag(scattered))
        return self.specimen(np.concatenate([p, fixed])), np.sqrt(variances)
