"""What a figure is shown while a hand moves: past Bokeh, which would paint all of it anew."""

from bokeh.models import ColumnDataSource, CustomJS, ScaleBar

from app.drawing.raster import COLUMNS
from app.views.assets import asset


def moving_source(fig, settled: ColumnDataSource, mapper) -> ColumnDataSource:
    """A source whose picture the browser shows at once, over that of `settled`.

    Bokeh maps colours, paints axes and bars too, and waits for the next frame with it all. This
    picture has a canvas of its own below Bokeh's overlays, until one comes in `settled`, which
    then shows it; where none comes, the browser puts the last one there.

    Parameters
    ----------
    fig : bokeh figure
        Its image is its first renderer. Marks and scale bars are put above the moving picture.
    settled : ColumnDataSource
        Of the figure's image.
    mapper : LinearColorMapper
        With 256 colours "#rrggbb", for values from 0 to 255.

    Returns
    -------
    ColumnDataSource
        With `app.drawing.raster.COLUMNS`; its image is (h, w) uint8.
    """
    source = ColumnDataSource({name: [] for name in COLUMNS}, tags=[settled.id])
    args = {"fig": fig, "moving": source, "settled": settled, "mapper": mapper}
    script = CustomJS(args=args, code=asset("moving.js"))
    for each in (source, settled):
        each.js_on_change("data", script)
    mapper.js_on_change("palette", script)
    for name in ("inner_width", "inner_height"):
        fig.js_on_change(name, script)
    for axis in (fig.x_range, fig.y_range):
        axis.js_on_change("start", script)
        axis.js_on_change("end", script)
    for above in [*fig.renderers[1:], *fig.select(type=ScaleBar)]:
        above.level = "overlay"
    return source
