"""Pictures through the focus on the sheet: play them, use one, save them as a movie."""

from math import floor, log10

import numpy as np

from app.drawing.movie import gif
from app.drawing.png import picture
from app.features.on_sheet import OnSheet, contrast
from app.pipeline.jobs import Job
from app.pipeline.proof import FocusSeries, focus_series
from app.views.sheet import Card, SheetPage
from app.words import unit_to

SHEET = "focus"

LEAD = (
    "The phase at {n} values of defocus, all in one scale of grey. Play them, or move through "
    "them; a click on a picture sets its defocus."
)


class Series(OnSheet):
    """A through-focus series around the present defocus."""

    sheets = (SHEET,)

    def __init__(self, page):
        super().__init__(page)
        self._made: FocusSeries | None = None
        self._ties.tie(page.experiment.aberrations, self._mark, "defocus")

    def job(self) -> Job:
        """The series."""
        return Job("Computing the through-focus series", focus_series)

    def show(self, series: FocusSeries) -> None:
        """The pictures, that of the present defocus chosen."""
        self._made = series
        limits = contrast(series.images)
        cards = tuple(
            Card(str(n), title, image=picture(image, limits, most=512), chosen=n == self._nearest())
            for n, (title, image) in enumerate(zip(self._titles(), series.images, strict=True))
        )
        self.page.sheet.show(
            SheetPage(
                SHEET,
                "Through focus",
                LEAD.format(n=len(cards)),
                cards,
                "strip",
                (("save", "Save as movie", "An animated GIF that plays there and back"),),
            )
        )

    def forget(self) -> None:
        """Put away what was made of another scan."""
        self._made = None
        if self.page.sheet.showing(SHEET):
            self.page.sheet.hide()

    def act(self, sheet: str, key: str, action: str) -> None:
        """Do what a button of the sheet says."""
        series = self._made
        if series is None:
            return
        if action == "pick" and key.isdecimal() and int(key) < len(series.defoci):
            self.page.experiment.aberrations.defocus = float(f"{series.defoci[int(key)]:.10g}")
        elif action == "save":
            scan = self.page.pipeline.preparing.scan
            title = "livestem" if scan is None else scan.title
            film = gif(series.images, self._titles(), contrast(series.images))
            self.page.saving.saver.hand_over(f"{title}-through-focus.gif", film)

    def _titles(self):
        unit, per = unit_to(np.abs(self._made.defoci).max(), "nm")
        defoci = self._made.defoci / per
        decimals = max(0, 1 - floor(log10(abs(defoci[1] - defoci[0]))))
        return [f"{value:.{decimals}f} {unit}".replace("-", "−") for value in defoci]

    def _nearest(self) -> int | None:
        """Which picture shows the present defocus."""
        away = np.abs(self._made.defoci - self.page.experiment.aberrations.defocus)
        step = abs(self._made.defoci[1] - self._made.defoci[0])
        return int(away.argmin()) if away.min() <= step / 2 else None

    def _mark(self, event) -> None:
        if self._made is not None and self.page.sheet.showing(SHEET):
            nearest = self._nearest()
            self.page.sheet.choose(None if nearest is None else str(nearest))

    def close(self) -> None:
        """Let go of everything."""
        super().close()
        self._made = None
