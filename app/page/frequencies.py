"""What a page shows of spatial frequencies: the G-function tiles, and the spectrum to pick from."""

from collections.abc import Callable

from app.pipeline.pipeline import Pipeline
from app.state.display import DisplayState
from app.state.ties import Ties
from app.views.spectrum import SpectrumView
from app.views.text import Text
from app.views.tiles import TilesView

TILES_MS = 90
"""How long tiles wait behind the phase while a hand moves: painting both takes the browser longer,
and the hand is on the phase."""
EACH = 4
"""Of the images that a page sees which only looks on while a hand moves, one in so many has its
tiles drawn: they take longer than the image, here and in the browser."""


class Frequencies:
    """Tiles and spectrum of one page.

    Parameters
    ----------
    pipeline : Pipeline
    display : DisplayState
    after : callable
        `after(milliseconds, action)` calls `action()` once, later.
    """

    def __init__(self, pipeline: Pipeline, display: DisplayState, after):
        self.drawing, self.display, self._after = pipeline.drawing, display, after
        self.looks_on: Callable[[], bool] = lambda: False
        """Whether another page's hand moves what is shown here."""
        self._timer = self._drawn = None
        self._passed = 0
        self.tiles, self.spectrum = TilesView(), SpectrumView()
        self.tiles.figure.name, self.spectrum.figure.name = "tiles", "spectrum"
        self._tiles_empty = Text(css_classes=["empty"])
        self._spectrum_empty = Text(css_classes=["empty"])
        self._readout = Text(css_classes=["readout"])
        for view in (self.tiles, self.spectrum):
            _reveal(view, False)  # axes of nothing
        self.spectrum.on_pick = self.pick
        self.spectrum.on_pointer = lambda x, y: self._readout.say(self.spectrum.read(x, y))
        self._ties = Ties()

    def watch(self) -> None:
        """Have what comes of the pipeline shown."""
        results = self.drawing.param
        self._ties.show(results.tiles, self._tiles).show(results.spectrum, self._spectrum)

    def close(self) -> None:
        """Let go of the results, and of the figures."""
        self._ties.untie()
        self.spectrum.close()
        self.tiles.close()

    def hint(self, sentence: str) -> None:
        """Say what has to be entered before there is any; nothing, where that is not so."""
        self._tiles_empty.say(sentence or "Waiting for the tiles.")
        self._spectrum_empty.say(sentence or "Waiting for the spectrum.")

    def set_theme(self, theme: str) -> None:
        """Draw both in it."""
        for view in (self.tiles, self.spectrum):
            if view.theme != theme:
                view.set_theme(theme)

    def pick(self, row: int, column: int) -> None:
        """Take a frequency into the tiles, or out of them if it is among them."""
        display, spectrum = self.display, self.drawing.spectrum
        if spectrum is None or (row, column) == (0, 0):
            return
        if column < 0 or (column == 0 and row < 0):
            row, column = -row, -column  # both halves of the plane hold the same
        shown = [(int(r), int(c)) for r, c in spectrum.frequencies]
        picked = [tuple(pair) for pair in display.frequencies] or shown
        near = [pair for pair in picked if max(abs(pair[0] - row), abs(pair[1] - column)) <= 2]
        chosen = [pair for pair in picked if pair not in near] if near else [*picked, (row, column)]
        most = type(display).param.frequencies.bounds[1]
        display.param.update(frequencies=chosen[-most:], tile_count=max(1, min(most, len(chosen))))

    def roots(self) -> dict:
        """The parts by their names in assets/page.html."""
        return {
            "tiles": self.tiles.pane,
            "tiles_empty": self._tiles_empty,
            "spectrum": self.spectrum.pane,
            "spectrum_empty": self._spectrum_empty,
            "spectrum_readout": self._readout,
        }

    def _tiles(self, tiles) -> None:
        phase = self.drawing.phase
        if tiles is None or phase is None or phase.mode != "draft":
            self._draw()
        elif self.looks_on():
            self._passed += 1
            if self._passed % EACH == 0:
                self._draw()
        elif self._timer is None:
            self._timer = self._after(TILES_MS, self._due)

    def _due(self) -> None:
        self._timer = None
        self._draw()

    def _draw(self) -> None:
        tiles, phase = self.drawing.tiles, self.drawing.phase
        _reveal(self.tiles, tiles is not None)
        if tiles is not None and tiles is not self._drawn:
            self.tiles.moving = phase is not None and phase.mode == "draft"
            self.tiles.show(tiles.array, tiles.labels)
            self._tiles_empty.say("")
        self._drawn = tiles

    def _spectrum(self, spectrum) -> None:
        _reveal(self.spectrum, spectrum is not None)
        if spectrum is not None:
            self.spectrum.show_power(
                spectrum.array, spectrum.sampling, spectrum.frequencies, spectrum.limit
            )
            self._spectrum_empty.say("")


def _reveal(view, visible: bool) -> None:
    view.pane.styles = {"visibility": "visible" if visible else "hidden"}
