"""What the user sets of the pictures."""

import param

from app.state.contrasts import CONTRASTS
from app.state.conventions import CONVENTIONS

COLOUR_MAPS = ("grey", "cividis", "viridis", "inferno", "fire", "coolwarm", "cyclic")


def _slot(default: str, label: str) -> param.Selector:
    return param.Selector(default=default, objects=list(CONTRASTS), label=label)


class DisplayState(param.Parameterized):
    """What is shown and how; changes nothing that is computed except which tiles."""

    slot_main = _slot("phase", "Large image")
    slot_left = _slot("dpc", "Left image")
    slot_right = _slot("pacbed", "Right image")
    colour_map = param.Selector(default="grey", objects=list(COLOUR_MAPS), label="Colours")
    percentile_low = param.Number(0.1, bounds=(0, 100), step=0.1, label="Black below (percentile)")
    percentile_high = param.Number(
        99.9, bounds=(0, 100), step=0.1, label="White above (percentile)"
    )
    freeze = param.Boolean(False, label="Freeze contrast")
    tile_count = param.Integer(9, bounds=(1, 25), label="G tiles")
    frequencies = param.List(
        [],
        item_type=tuple,
        bounds=(0, 25),
        label="Picked frequencies",
        doc="(row, column) of each tile's object frequency from DC; empty: the strongest.",
    )
    polar = param.Boolean(False, label="Aberrations as size and angle")
    view = param.Tuple(
        None,
        length=4,
        allow_None=True,
        label="Zoom",
        doc="(x0, x1, y0, y1) [nm] of the visible part of the scan; None: all of it.",
    )
    convention = param.Selector(
        default=next(iter(CONVENTIONS)),
        objects=list(CONVENTIONS),
        label="Signs",
        doc="Of defocus and astigmatism in the microscope's interface.",
    )
    theme = param.Selector(default="dark", objects=["dark", "light"], label="Theme")

    @property
    def results(self) -> tuple[str, ...]:
        """Names of the results that the slots show."""
        shown = self.slot_main, self.slot_left, self.slot_right
        return tuple(CONTRASTS[contrast].result for contrast in shown)
