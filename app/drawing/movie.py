"""A series of pictures as a file that moves."""

from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from app.drawing.display import to_u8

FRAME_MS = 140
LEAST_PX = 320
"""Longer side that small pictures are enlarged to, by whole pixels."""


def gif(images, titles, limits) -> bytes:
    """An animated GIF that plays there and back, for ever.

    Parameters
    ----------
    images : (n, H, W) real array
    titles : n strings
        Written on the pictures.
    limits : (float, float)
        Values that are black and white.
    """
    factor = max(1, LEAST_PX // max(images.shape[1:]))
    font = ImageFont.load_default(max(12, factor * max(images.shape[1:]) // 20))
    frames = []
    for image, title in zip(images, titles, strict=True):
        grey = np.kron(to_u8(image, *limits), np.ones((factor, factor), np.uint8))
        frame = Image.fromarray(grey, "L")
        pen = ImageDraw.Draw(frame)
        pen.text((8, 6), title, 255, font, stroke_width=2, stroke_fill=0)
        frames.append(frame)
    first, *rest = [*frames, *frames[-2:0:-1]]
    file = BytesIO()
    first.save(file, "gif", save_all=True, append_images=rest, duration=FRAME_MS, loop=0)
    return file.getvalue()
