"""The G tiles as one picture."""

import holoviews as hv
import numpy as np

from app.drawing.arrangement import arrange
from app.drawing.display import Extent, mosaic, phase_rgba
from app.drawing.marks import Marks
from app.drawing.raster import COLUMNS, Raster
from app.views.component import number
from app.views.frame import Frame

INK = "#b9c3cf"
"""Of the labels: the tiles lie on black in both themes."""

LINE_PX, LABEL_PX, LETTER_PX = 14.0, 4.0, 6.3
"""Height of a line, space above the first, and width of a letter [px]."""

USUAL = 15
"""Letters of a label such as "2.46 Å 0.21 rad"; there may be none yet, and nothing is to jump."""

UNSEEN = 400.0, 400.0
"""Height and width [px] before the browser has said what there is."""


class TilesView(Frame):
    """Tiles of conj(gamma) G side by side: phase as hue, magnitude as brightness.

    One figure for all of them: a figure for each costs three times as long to draw. They fill it,
    whatever its shape, each with its label below.
    """

    def __init__(self):
        element = hv.RGB(np.zeros((2, 2, 4), np.uint8), vdims=list("RGBA")).opts(
            invert_yaxis=True, responsive=True, xaxis=None, yaxis=None, toolbar="disable"
        )
        self.raster = Raster(element, _coloured, linked=False)
        self.labels = Marks(
            hv.Labels([], ["x", "y"], "text").opts(
                text_font_size="11px",
                text_color=INK,
                text_align="center",
                text_baseline="top",
                backend_opts={"glyph.y_offset": LABEL_PX},
            )
        )
        super().__init__(self.raster.plot, [self.labels])
        self.moving = False
        """Whether more tiles follow at once: they are drawn past HoloViews then."""
        self.source = next(iter(self.plot.subplots.values())).handles["source"]
        self.figure.update(min_border=0, min_border_left=0)
        self.on_view = self._fill
        self._tiles, self._said, self._made, self._place = None, (), None, None
        self._picture = self._whole = None
        self.set_theme("dark")

    def show(self, tiles, labels=()) -> None:
        """Draw `tiles` (n, By, Bx) complex with the period of each frequency as its label.

        A label of two lines is told in one where there is room.
        """
        self._tiles = tiles
        self._said = tuple(labels) if len(labels) == len(tiles) else ("",) * len(tiles)
        self._draw()

    def _fill(self) -> None:
        """Arrange the tiles anew where the figure has got another size, and draw what is seen."""
        if self._made is None:
            return
        if self._place != self._size():
            self._draw()
        else:
            self._redraw()

    def _size(self) -> tuple[float, float]:
        """Height and width of the figure [px of the page, of which the screen may have more]."""
        high, wide, ratio = (number(self.view.data, each) for each in ("height", "width", "ratio"))
        return (high / ratio, wide / ratio) if high and wide and ratio else UNSEEN

    def _draw(self) -> None:
        count, height, width = self._tiles.shape
        if not count:
            self._empty()
            return
        self._place = place = self._size()
        words = LETTER_PX * (3 + max(USUAL, *map(len, self._said)))
        self._made = made = arrange(count, (height, width), place, LINE_PX + LABEL_PX / 2, words)
        self.set_whole(Extent(0.0, made.size[1], 0.0, made.size[0]))
        # Pixels are whole and distances are not: the picture begins at the first tile.
        top, left = made.corners[0]
        corners = [(round(y - top), round(x - left)) for y, x in made.corners]
        shape = max(y for y, _ in corners) + height, max(x for _, x in corners) + width
        self._picture = mosaic(self._tiles, corners, shape)
        self._whole = Extent(left, left + shape[1], top, top + shape[0])
        self._redraw()
        self._write()

    def _redraw(self) -> None:
        self.raster.look(self.visible, self.width, self.height)
        if self.moving:
            self.raster.hold(self._picture, self._whole)
            self.source.data = self.raster.columns()
        elif self.straight:
            self.raster.rest_in(self.source, self._picture, self._whole)
        else:
            self.raster.send(self._picture, self._whole)

    def _write(self) -> None:
        height, width = self._tiles.shape[1:]
        join = " · " if self._made.one_line else "\n"
        self.labels.show(
            (x + width / 2, y + height, label.replace("\n", join))
            for (y, x), label in zip(self._made.corners, self._said, strict=True)
        )

    def relabel(self, labels) -> None:
        """Write other labels below the tiles that are shown."""
        if self._made is not None and len(labels) == len(self._said):
            self._said = tuple(labels)
            self._write()

    def clear(self) -> None:
        """Show nothing."""
        self._tiles, self._said = None, ()
        self._empty()

    def _empty(self) -> None:
        self._made = None
        self.source.data = {name: [] for name in COLUMNS}
        self.labels.show([])


def _coloured(part):
    return phase_rgba(part, 1.0)
