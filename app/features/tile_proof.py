"""The tiles as a proof: how flat they are, and how they were before a fit."""

from dataclasses import dataclass

import numpy as np

from app.features.feature import Feature
from app.pipeline.context import Context
from app.pipeline.jobs import Answer, Job
from app.pipeline.proof import tile_residuals
from app.pipeline.results import Flatness, Tiles
from app.views.controls import Controls
from app.words import labels
from recon.optics import Aberrations


@dataclass(frozen=True, eq=False)
class Earlier:
    """The tiles with aberrations that were set before."""

    tiles: np.ndarray
    """(n, By, Bx) complex64"""
    labels: tuple[str, ...]


class TileProof(Feature):
    """What the tiles' labels and the switch in their head say."""

    def __init__(self, page):
        super().__init__(page)
        self.switch = Controls(
            [
                {
                    "name": "which",
                    "kind": "segments",
                    "bare": True,
                    "label": "Tiles before or after the fit",
                    "options": [("before", "Before"), ("after", "After fit")],
                    "doc": "The same tiles with the aberrations before and after the fit",
                }
            ],
            values={"which": "after"},
            hidden=["which"],
            layout="line",
            sizing_mode=None,
        )
        self._outdated: Flatness | None = None
        self.answer = Answer()
        aberrations = page.experiment.aberrations
        self._ties.tie(self.switch, self._switched, "values")
        self._ties.tie(aberrations, self._moved, *aberrations.names())
        stages = page.pipeline
        self._drawing, self._resting = stages.drawing, stages.resting
        self._ties.show(stages.preparing.param.scan, self._doubt)
        self._ties.show(stages.drawing.param.tiles, self._follow)
        self._ties.show(stages.drawing.param.phase, self._rest)
        self._ties.show(stages.resting.param.flatness, self._judge)
        self._ties.hear(page.fitted.param.result, self._offer)
        self._ties.hear(self.answer.param.result, self._show)

    @property
    def earlier(self) -> bool:
        """Whether the tiles before the fit are wanted."""
        return self.switch.values["which"] == "before"

    def _show(self, earlier: Earlier) -> None:
        if self.earlier:
            self.page.frequencies.tiles.show(earlier.tiles, earlier.labels)

    def _doubt(self, summary) -> None:
        # Of other electrons, if not of another object.
        self._outdated = self._resting.flatness
        self.page.status.quality = ""

    def _follow(self, tiles: Tiles | None) -> None:
        if tiles is not None and self.earlier:
            self._ask()  # those of now were drawn over them
        self._rest()

    def _rest(self, *results) -> None:
        phase = self._drawing.phase
        if phase is None or phase.mode != "draft":
            self._judge()

    def _judge(self, *results) -> None:
        """Say how flat the tiles are, once that is known of what is set: it comes on its own."""
        flatness, live = self._resting.flatness, self._drawing.tiles
        if not isinstance(flatness, Flatness) or flatness is self._outdated:
            return
        if flatness.aberrations != self.page.experiment.aberrations.value():
            return
        self.page.status.quality = f"flat {100 * flatness.value:.0f} %"
        same = live is not None and np.array_equal(live.frequencies, flatness.frequencies)
        if same and not self.earlier:
            self.page.frequencies.tiles.relabel(with_residuals(live.labels, flatness.residual))

    def _moved(self, *events) -> None:
        """A hand, or the fit itself, has changed the aberrations: the tiles follow that."""
        self.page.status.quality = ""
        self._offer()

    def _offer(self, *found) -> None:
        """Offer the tiles before the fit while its values are set."""
        found = self.page.fitted.result
        offered = found is not None and found.is_set(self.page.experiment)
        self.switch.hidden = [] if offered else ["which"]
        if not offered and self.earlier:
            self.switch.values = {"which": "after"}

    def _switched(self, *events) -> None:
        if self.earlier:
            self._ask()
        elif (live := self._drawing.tiles) is not None:
            self.page.frequencies.tiles.show(live.array, live.labels)
            self._judge()

    def _ask(self) -> None:
        found = self.page.fitted.result
        if found is not None:
            self.page.pipeline.aside.perform(earlier_job(found.before), self.answer)

    def roots(self) -> dict:
        """Views by their names in assets/page.html."""
        return {"tiles_switch": self.switch}

    def close(self) -> None:
        """Let go of everything."""
        super().close()
        self.switch.close()
        self._outdated = None


def with_residuals(periods, residual) -> tuple[str, ...]:
    """Labels such as "2.46 Å", below it "0.21 rad"; only the period where nothing is to measure."""
    return tuple(
        # Where next to nothing is left, noise makes the estimate negative as often as not.
        f"{period}\n{max(left, 0.0) + 0.0:.2f} rad" if np.isfinite(left) else period
        for period, left in zip(periods, residual, strict=True)
    )


def earlier_job(before: Aberrations) -> Job:
    """The tiles that are shown, with other aberrations."""

    def run(context: Context) -> Earlier:
        prepared, g = context.prepared, context.g
        frequencies = prepared.picks.of(context.engine, g, context.request.tiles)
        tiles = context.engine.tiles(g, before, frequencies)
        periods = labels(frequencies, g.scan_shape, prepared.scan_sampling)
        left = tile_residuals(context, before, frequencies)
        return Earlier(tiles, with_residuals(periods, left))

    return Job("Tiles before the fit", run)
