"""The aberrations fitted by themselves: a job, and what it found in the page's units."""

from dataclasses import dataclass
from math import floor, log10
from typing import Any

from app.pipeline.context import Context
from app.pipeline.jobs import Job
from app.pipeline.proof import on_device
from app.state.aberrations import AberrationState
from app.state.fit import FitState
from app.words import measured
from recon.optics import Aberrations

TITLE = "Focusing"

WORTH_SHOWING = 0.1
"""Flat share that the triple overlap has to bring to be recommended."""


@dataclass(frozen=True)
class SpecimenFound:
    """Fitted thickness and tilt by `SpecimenState`'s names, with errors, and what stays open."""

    values: dict[str, float]
    errors: dict[str, float]
    undetermined: str

    UNITS = {"thickness_nm": ("Thickness", "nm"), "tilt_y": ("Tilt y", "mrad")} | {
        "tilt_x": ("Tilt x", "mrad")
    }

    @classmethod
    def of(cls, fit):
        """Of a `recon.focus.specimen.SpecimenFit`."""
        s, values, errors = fit.specimen, {}, {}
        given = {"thickness": s.thickness / 10, "tilt_y": s.tilt[0], "tilt_x": s.tilt[1]}
        for name, error in fit.errors.items():
            key, per = ("thickness_nm", 10) if name == "thickness" else (name, 1)
            errors[key] = error / per
            values[key] = round(given[name], _decimals(errors[key])) + 0.0
        names = sorted({name.partition("_")[0] for name in fit.undetermined})
        said = f"Not determined by this scan, left as set: {', '.join(names)}." if names else ""
        return cls(values, errors, said)

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """(name, value ± standard error, unit) of each."""
        return [
            (self.UNITS[name][0], *measured(value, self.errors[name], self.UNITS[name][1]))
            for name, value in self.values.items()
        ]


@dataclass(frozen=True)
class FitFound:
    """Fitted coefficients as the page sets and shows them.

    Attributes
    ----------
    values, errors : dict of str to float
        By `AberrationState`'s names, in its units; values are rounded to two digits of their
        standard error.
    undetermined : tuple of str
        What the scan leaves open and what therefore stays.
    rotation_deg, rotation_error : float or None
        Where it was fitted.
    before : Aberrations
        What was set before.
    flat_before, flat_after : float
        `recon.focus.flatness.flatness` of what was and of what is found, by the G that is shown:
        the figure that the status line goes on to say.
    flat_full : float
        The same of what is found, by the G that was fitted, with the triple overlap.
    misfit : float
        Mean of the tiles' residual power over that of counting statistics.
    frequencies : int
        Object frequencies that were looked at.
    remarks : tuple of str
        Why the values may be worse than their errors say.
    """

    values: dict[str, float]
    errors: dict[str, float]
    undetermined: tuple[str, ...]
    rotation_deg: float | None
    rotation_error: float | None
    before: Aberrations
    flat_before: float
    flat_after: float
    flat_full: float
    misfit: float
    frequencies: int
    remarks: tuple[str, ...] = ()
    specimen: SpecimenFound | None = None

    @classmethod
    def of(cls, fit, before: Aberrations, flat: tuple[float, float, float], specimen=None):
        """Of a `recon.focus.fit.AberrationFit`, and a `recon.focus.specimen.SpecimenFit`."""
        values, errors = {}, {}
        for coefficient, error in fit.errors.items():
            name = "defocus" if coefficient == "C10" else coefficient
            scale = AberrationState.unit(name)[1]
            value = getattr(fit.aberrations, coefficient) / (-scale if name == "defocus" else scale)
            errors[name] = error / scale
            values[name] = round(value, _decimals(errors[name])) + 0.0
        turned = fit.rotation_deg
        if turned is not None:
            turned = round((turned + 180) % 360 - 180, max(2, _decimals(fit.rotation_error)))
        return cls(
            values,
            errors,
            fit.undetermined,
            turned,
            fit.rotation_error,
            before,
            *flat,
            fit.misfit,
            fit.frequencies,
            fit.remarks,
            specimen and SpecimenFound.of(specimen),
        )

    @property
    def summary(self) -> str:
        """How flat the tiles were and are."""
        return (
            f"Tiles {_percent(self.flat_before)} → {_percent(self.flat_after)} % flat · "
            f"misfit {self.misfit:.2f}"
        )

    @property
    def better_full(self) -> bool:
        """Whether the triple overlap, which is not shown, shows the object better."""
        return self.flat_full - self.flat_after > WORTH_SHOWING

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """(name, value ± standard error, unit) of each coefficient."""
        rows = [
            (
                name.capitalize() if name == "defocus" else name,
                *measured(value, self.errors[name], AberrationState.unit(name)[0]),
            )
            for name, value in self.values.items()
        ]
        if self.rotation_deg is not None:
            rows.append(("Rotation", *measured(self.rotation_deg, self.rotation_error, "°")))
        if self.specimen is not None:
            rows += self.specimen.rows
        return rows

    @property
    def remark(self) -> str:
        """What is wrong with the fit, which coefficients stay open, and what is not shown."""
        said = list(self.remarks)
        if self.specimen is not None and self.specimen.undetermined:
            said.append(self.specimen.undetermined)
        if self.undetermined:
            names = ", ".join("defocus" if n == "C10" else n for n in self.undetermined)
            said.append(f"Not determined by this scan, left as set: {names}.")
        if self.better_full:
            said.append(
                "So far from focus most of the signal lies where the direct beam and two scattered "
                "beams overlap, and the picture leaves that part out. With it "
                f"{_percent(self.flat_full)} % of the tiles' signal is flat instead of "
                f"{_percent(self.flat_after)} %: the picture then shows more of the specimen."
            )
        return " ".join(said)

    def record(self) -> dict[str, Any]:
        """What a file of results says of it, as `recon.batch.fitting` does; errors in Å."""
        said = {
            "errors": {
                _coefficient(n): e * AberrationState.unit(n)[1] for n, e in self.errors.items()
            },
            "undetermined": list(self.undetermined),
            "remarks": list(self.remarks),
            "flatness_before": self.flat_before,
            "flatness_after": self.flat_after,
            "misfit": self.misfit,
            "frequencies": self.frequencies,
            "rotation_error": self.rotation_error,
            "statement": f"{self.summary}.",
        }
        if self.specimen is not None:
            errors, open_ = dict(self.specimen.errors), self.specimen.undetermined
            if "thickness_nm" in errors:
                errors["thickness"] = 10 * errors.pop("thickness_nm")
            said["specimen"] = {"errors": errors, "statement": open_}
        return said

    def is_set(self, experiment) -> bool:
        """Whether these values are the ones that are set."""
        pairs = [(experiment.aberrations, self.values)]
        if self.specimen is not None:
            pairs.append((experiment.specimen, self.specimen.values))
        return all(
            getattr(state, name) == value
            for state, values in pairs
            for name, value in values.items()
        )


def fit_job(state: FitState) -> Job:
    """A fit as it is asked for now.

    Its own G holds the triple overlap, which has most of what there is at a large defocus; the
    one that is shown stays as it is.
    """
    orders, rotation, locked = state.orders, state.rotation, tuple(state.locked)
    thick = state.specimen

    def run(context: Context) -> FitFound:
        from recon.focus.fit import fit_aberrations
        from recon.focus.flatness import flatness
        from recon.focus.specimen import fit_in_turn

        shown, start, meter = context.g, context.request.aberrations, context.meter
        g = full_g(context)
        meter.begin(TITLE)

        def work():
            how = {"locked": locked, "rotation": rotation, "progress": meter}
            found, both = None, (shown, g)
            if thick:
                fit, found = fit_in_turn(g, start, orders, **how)
                both = tuple(each.through(found.specimen) for each in both)
            else:
                fit = fit_aberrations(g, start, orders, **how)
            after = (flatness(each, fit.aberrations, fit.rotation_deg) for each in both)
            return fit, (flatness(shown, start), *after), found

        fit, flat, found = on_device(context, g, work)
        return FitFound.of(fit, start, flat, found)

    return Job(
        TITLE,
        run,
        adopt,
        lambda request: (request.aberrations, request.specimen, request.geometry),
        "the aberrations",
    )


def full_g(context: Context):
    """G with the triple overlap, whatever is shown.

    Raises
    ------
    ValueError
        While the calibration has gaps.
    """
    g, prepared = context.g, context.prepared
    if g.full:
        return g
    context.meter.begin("Transforming the scan for the fit")
    pixels = context.request.bright_field_pixels
    g = context.engine.sidebands(
        prepared.scan, prepared.found.calibration, pixels, full=True, progress=context.meter
    )
    return g.through(context.request.specimen)


def adopt(experiment, found: FitFound) -> None:
    """Set what was found, and nothing else."""
    experiment.aberrations.param.update(**found.values)
    if found.specimen is not None:
        experiment.specimen.param.update(**found.specimen.values)
    if found.rotation_deg is not None:
        experiment.scan.rotation_deg = found.rotation_deg


def _coefficient(name: str) -> str:
    return "C10" if name == "defocus" else name


def _decimals(error: float) -> int:
    """Decimals that show two digits of an error; negative before the point."""
    return 1 - floor(log10(error)) if error > 0 else 6


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"
