"""Frames in DigitalMicrograph files (`.dm3`, `.dm4`): RosettaSciIO parses the tags, we read.

Which axes are the scan's is told by their units or by tags, else it is asked: files of either order
exist.
"""

from math import prod
from pathlib import Path

import numpy as np

from recon.errors import UnreadableFile
from recon.io.dense import digitalmicrograph
from recon.io.dense.arrays import Array
from recon.io.dense.axes import Axis
from recon.io.files.slabs import FileArray

NAME = "DigitalMicrograph"
SCAN_FIRST, SCAN_LAST = ("y", "x", "ky", "kx"), ("ky", "kx", "y", "x")

TYPES = {1: "i2", 2: "f4", 6: "u1", 7: "i4", 9: "i1", 10: "u2", 11: "u4", 12: "f8", 14: "b1"}
"""NumPy's types by the number that the tag `DataType` has for them, of real numbers."""


def matches(path: Path) -> bool:
    """Whether a file begins as DigitalMicrograph's do."""
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return digitalmicrograph.is_dm(file.read(24), path)


def read(path: Path, asked=None) -> Array:
    """The largest image of three or four dimensions in the file."""
    found = [i for i in digitalmicrograph.images(path) if len(digitalmicrograph.shape_of(i)) > 2]
    if not found:
        raise UnreadableFile("the file holds no frames of a scan, only single images")
    tags = max(found, key=lambda image: prod(digitalmicrograph.shape_of(image)))
    stored = _stored(path, tags)
    shape, notes = digitalmicrograph.scan_shape(tags)
    return Array(
        stored,
        path.name,
        NAME,
        digitalmicrograph.said_by(tags, "tags"),
        scan_shape=shape,
        by="a tag of it",
        axes=_axes(tags, digitalmicrograph.scan_is_first(tags, stored.shape)),
        axes_by="the scan axes' scale",
        either=True,
        notes=notes if len(stored.shape) == 3 else (),
    )


def _stored(path, tags):
    """The array of an image, which is read when it is needed."""
    shape, data = digitalmicrograph.shape_of(tags), tags["ImageData"].get("Data")
    kind = tags["ImageData"].get("DataType")
    if kind not in TYPES:
        raise UnreadableFile(
            f"its images have DigitalMicrograph's type number {str(kind)[:10]}, which is not one "
            "of real numbers"
        )
    places = [data.get(name) for name in ("size", "offset")] if isinstance(data, dict) else []
    if [type(n) for n in places] != [int, int] or places[0] != prod(shape) or places[1] < 0:
        raise UnreadableFile(
            "its tags contradict each other on how large the image is: it is damaged"
        )
    dtype = np.dtype(TYPES[kind]).newbyteorder(">" if data.get("endian") == "big" else "<")
    there = path.stat().st_size - places[1]
    if there < prod(shape) * dtype.itemsize:
        raise UnreadableFile(
            f"{max(there, 0)} of the {prod(shape) * dtype.itemsize} bytes of its frames are there: "
            "it is cut off or still being written"
        )
    return FileArray(path, dtype, shape, places[1])


def _axes(tags, first):
    """Scale and unit of each axis; and names, where the tags tell what they are."""
    shape = digitalmicrograph.shape_of(tags)
    told = tags["ImageData"].get("Calibrations")
    told = told.get("Dimension") if isinstance(told, dict) else None
    told = list(told.values())[::-1] if isinstance(told, dict) else []
    if len(told) != len(shape) or not all(isinstance(axis, dict) for axis in told):
        return ()
    names = [""] * len(shape)
    if first is not None and len(shape) == 4:
        names = SCAN_FIRST if first else SCAN_LAST
    return tuple(_axis(name, each) for name, each in zip(names, told, strict=True))


def _axis(name, told):
    scale, unit = told.get("Scale"), told.get("Units")
    # A unit that is left out is an empty list there.
    scale = float(scale) if isinstance(scale, int | float) else 1.0
    return Axis(name, scale, unit if isinstance(unit, str) else "")
