"""The focus over the scan: fitted to patches of it, and shown as a map on the sheet."""

from dataclasses import dataclass

import numpy as np

from app.drawing.png import picture
from app.features.on_sheet import OnSheet
from app.pipeline.context import Context
from app.pipeline.jobs import Job
from app.views.sheet import Card, SheetPage
from app.words import spoken

SHEET = "film"
TITLE = "Fitting the film's focus"

LEAD = (
    "Each patch of the scan has a C10 of its own; the plane through them is what the film's tilt "
    "makes of the focus. Bright is overfocus (C10 higher)."
)


@dataclass(frozen=True, eq=False)
class FilmFound:
    """A plane of C10 over the scan.

    Attributes
    ----------
    values : dict of str to float
        By `SpecimenState`'s names [mrad].
    defocus : float
        In the middle of the scan [nm].
    rows : tuple of str
        Values with their errors, in words.
    statement : str
    plane : (Sy, Sx) float64 array
        C10 [nm].
    patches : (n, 3) float64 array
        (y, x) of each patch's middle, in parts of the scan's height and width, and its C10 [nm].
    """

    values: dict[str, float]
    defocus: float
    rows: tuple[str, ...]
    statement: str
    plane: np.ndarray
    patches: np.ndarray


def film_job() -> Job:
    """A fit of the focus over the scan, from the aberrations that are set."""

    def run(context: Context) -> FilmFound:
        from recon.batch.film import film_of

        g, request = context.g, context.request
        context.meter.begin(TITLE)
        pixels = request.bright_field_pixels
        how = g, request.aberrations, pixels
        return found(film_of(context.prepared.scan.events, *how, progress=context.meter))

    return Job(
        TITLE,
        run,
        adopt,
        lambda request: (request.aberrations, request.specimen, request.geometry),
        "the aberrations",
    )


def found(fit) -> FilmFound:
    """What a `recon.focus.film.FilmFit` means on the page."""
    names = ("film_y", "film_x")
    values = {name: round(slope, 1) for name, slope in zip(names, fit.slope, strict=True)}
    field = np.multiply(fit.scan_shape, fit.calibration.scan_sampling)
    places = fit.places / field + 0.5
    known = np.isfinite(fit.values)
    slopes = zip(names, fit.slope, strict=True)
    rows = (
        f"C10 in the middle: {spoken(fit.c10 / 10, fit.errors['C10'] / 10, 'nm')}",
        *(f"{n[-1]}: {spoken(slope, fit.errors[n], 'mrad')}" for n, slope in slopes),
    )
    return FilmFound(
        values,
        round(-fit.c10 / 10, 2),
        rows,
        fit.statement,
        fit.plane / 10,
        np.column_stack([places, fit.values / 10])[known],
    )


def adopt(experiment, film: FilmFound) -> None:
    """Set what was found, and nothing else."""
    experiment.specimen.param.update(**film.values)
    experiment.aberrations.defocus = film.defocus


class Film(OnSheet):
    """The fit, and its map."""

    sheets = (SHEET,)

    def job(self) -> Job:
        """The fit with what is set."""
        return film_job()

    def show(self, film: FilmFound) -> None:
        """The map of the plane, and that of the patches."""
        both = [*film.plane.ravel(), *film.patches[:, 2]]
        limits = float(min(both)), float(max(both))
        ends = "{:.2f} to {:.2f} nm".format(*limits).replace("-", "−")
        cards = (
            Card("plane", "Plane of C10", film.rows, picture(film.plane, limits, most=512)),
            Card(
                "patches",
                f"C10 of {len(film.patches)} patches",
                (ends,),
                picture(_mosaic(film), limits, most=512),
            ),
        )
        self.page.sheet.show(
            SheetPage(SHEET, "Focus over the scan", f"{film.statement} {LEAD}", cards)
        )


def _mosaic(film: FilmFound) -> np.ndarray:
    """The patches' C10 where they lie: each position has that of the nearest patch."""
    height, width = film.plane.shape
    y, x = ((np.arange(n) + 0.5) / n for n in (height, width))
    away = [
        ((y[:, None] - py) * height) ** 2 + ((x[None] - px) * width) ** 2
        for py, px, _ in film.patches
    ]
    return film.patches[:, 2][np.argmin(away, axis=0)]
