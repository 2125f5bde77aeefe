"""The pointers of others, in the pictures of the scan."""

from bokeh.models import ColumnDataSource

from app.views.frame import Frame

COLUMNS = ("x", "y", "name", "colour")


class Pointers:
    """Where others point, in each picture that is drawn over the scan."""

    def __init__(self):
        self.source = ColumnDataSource({name: [] for name in COLUMNS})
        self._figures: set[str] = set()

    def draw_on(self, frame: Frame) -> None:
        """Show them in a picture, too."""
        figure = frame.figure
        if figure.id in self._figures:
            return
        self._figures.add(figure.id)
        common = {"source": self.source, "level": "overlay"}
        figure.scatter(
            "x", "y", marker="cross", size=17, line_width=5, line_color="#000000aa", **common
        )
        figure.scatter(
            "x", "y", marker="cross", size=15, line_width=2.2, line_color="colour", **common
        )
        figure.text(
            "x",
            "y",
            text="name",
            x_offset=9,
            y_offset=-5,
            text_font_size="11.5px",
            text_color="colour",
            background_fill_color="#000000",
            background_fill_alpha=0.55,
            padding=3,
            border_radius=3,
            **common,
        )

    def show(self, pointers) -> None:
        """Show (x, y, name, colour) of each; nothing where nobody points."""
        columns = zip(*pointers, strict=True) if pointers else ([] for _ in COLUMNS)
        data = {name: list(column) for name, column in zip(COLUMNS, columns, strict=True)}
        if data != self.source.data:
            self.source.data = data
