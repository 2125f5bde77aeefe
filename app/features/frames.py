"""Frames of the place that is pointed at in an image, where a slot shows them."""

from functools import partial
from math import floor

from app.features.feature import Feature
from app.pipeline.pointed import FRAMES, Place


class Frames(Feature):
    """What pointer and clicks in the slots ask of the scan's frames.

    The frame under the pointer is shown while it moves over an image; a click keeps a position, a
    click with the shift key makes it a rectangle, and one beside the image lets it go.

    Parameters
    ----------
    page : Page
    """

    def __init__(self, page):
        super().__init__(page)
        self._kept = self._passing = None
        self._ties.show(page.pipeline.deriving.param.virtual, self._read_anew)
        for slot in page.slots.values():
            slot.on_place = partial(self._point, slot)
            slot.on_pick = partial(self._pick, slot)

    @property
    def _wanted(self) -> bool:
        return any(slot.contrast == FRAMES for slot in self.page.slots.values())

    def _read_anew(self, images) -> None:
        """Read what is kept again, as the scan in use may be another."""
        if self._kept is not None:
            shape = self.page.pipeline.pointed.scan_shape
            if shape is None or not self._kept.within(shape):
                self._keep(None)
            elif self._wanted:
                self.page.pipeline.pointed.show(self._kept)

    def _place(self, slot, x, y) -> Place | None:
        """The position at (x, y) of what a slot shows; None beside the scan."""
        extent, shape = slot.scan_extent, self.page.pipeline.pointed.scan_shape
        if x is None or extent is None or shape is None:
            return None
        row = floor((y - extent.y0) / extent.height * shape[0])
        column = floor((x - extent.x0) / extent.width * shape[1])
        inside = 0 <= row < shape[0] and 0 <= column < shape[1]
        return Place.of(row, column) if inside else None

    def _point(self, slot, x, y) -> None:
        if not self._wanted:
            return
        place = self._place(slot, x, y)
        if place == self._passing:
            return
        self._passing = place
        if place is not None:
            self.page.pipeline.pointed.show(place, passing=True)
        elif self._kept is not None:
            self.page.pipeline.pointed.show(self._kept)

    def _pick(self, slot, x, y, extend: bool) -> None:
        if not self._wanted:
            return
        # The browser tells of the pointer's place a moment after the click in it.
        place = self._passing = self._place(slot, x, y)
        if place is not None and extend and self._kept is not None:
            place = self._kept.with_(place)
        self._keep(place)
        if place is not None:
            self.page.pipeline.pointed.show(place)

    def _keep(self, place) -> None:
        self._kept = place
        shape = self.page.pipeline.pointed.scan_shape
        for slot in self.page.slots.values():
            slot.outline(place and (place.rows, place.columns), shape)

    def close(self) -> None:
        """Let go of the slots."""
        for slot in self.page.slots.values():
            slot.on_place = slot.on_pick = None
        super().close()
