"""An image as the address of a PNG, to stand in a page's text."""

from io import BytesIO

import numpy as np
from PIL import Image

from app.drawing.aggregate import aggregate, within
from app.drawing.display import to_u8
from app.drawing.wheel import data_url


def picture(image, limits=None, colours=None, most: int = 320) -> str:
    """An image as the address of a PNG.

    Parameters
    ----------
    image : (H, W) real array, or (H, W, 3 or 4) uint8 array
        Values, or colours.
    limits : (float, float), optional
        Values of the first and the last colour; the 0.5 and 99.5 percentiles by default.
    colours : sequence of 256 "#rrggbb", optional
        Grey by default.
    most : int
        Longer side [px], to which larger images are averaged.
    """
    image = np.asarray(image)
    if image.ndim == 3:
        drawn = Image.fromarray(np.ascontiguousarray(image))
        drawn.thumbnail((most, most))
    else:
        low, high = limits or np.nanpercentile(image, (0.5, 99.5))
        small = aggregate(image.astype(np.float32), within(image.shape, most))
        drawn = Image.fromarray(to_u8(small, low, high), "P")
        steps = colours or [f"#{level:02x}{level:02x}{level:02x}" for level in range(256)]
        drawn.putpalette(b"".join(bytes.fromhex(colour[1:7]) for colour in steps))
    file = BytesIO()
    drawn.save(file, "png")
    return data_url("image/png", file.getvalue())
