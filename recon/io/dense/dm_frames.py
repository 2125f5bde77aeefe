"""Frames in DigitalMicrograph files (`.dm3`, `.dm4`), through RosettaSciIO.

It gives a lazy array, of which slabs are computed when they are read; whatever it raises becomes
`UnreadableFile`. Which axes are the scan's is told by their units or by tags, else it is asked:
files of either order exist.
"""

import logging
import warnings
from pathlib import Path

import numpy as np

from recon.errors import UnreadableFile
from recon.io.dense import digitalmicrograph
from recon.io.dense.arrays import Array
from recon.io.dense.axes import Axis
from recon.io.files.mapped import unharmed

NAME = "DigitalMicrograph"
SCAN_FIRST, SCAN_LAST = ("y", "x", "ky", "kx"), ("ky", "kx", "y", "x")


def matches(path: Path) -> bool:
    """Whether a file begins as DigitalMicrograph's do."""
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return digitalmicrograph.is_dm(file.read(24), path)


def read(path: Path, asked=None) -> Array:
    """The largest image of three or four dimensions in the file."""
    tags = digitalmicrograph.largest(path)
    try:
        from rsciio.digitalmicrograph import file_reader
    except ImportError as error:
        raise UnreadableFile(
            f"{NAME} is read through RosettaSciIO, which lacks something here ({error})"
        ) from error
    # What it says on standard error is no news to a user, and we say what matters.
    logging.getLogger("rsciio").setLevel(logging.CRITICAL)
    with _told(), unharmed(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signals = [s for s in file_reader(str(path), lazy=True) if np.ndim(s["data"]) in (3, 4)]
    if not signals:
        raise UnreadableFile("the file holds no frames of a scan, only single images")
    signal = max(signals, key=lambda s: s["data"].size)
    stored = _Lazy(signal["data"])
    shape, notes = digitalmicrograph.scan_shape(tags)
    return Array(
        stored,
        path.name,
        NAME,
        digitalmicrograph.said_by(tags, "tags"),
        scan_shape=shape,
        by="a tag of it",
        axes=_axes(signal, stored.shape, digitalmicrograph.scan_is_first(tags, stored.shape)),
        axes_by="the scan axes' scale",
        either=True,
        notes=notes if len(stored.shape) == 3 else (),
    )


class _told:
    """What RosettaSciIO raises, as `UnreadableFile`."""

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None or not issubclass(kind, Exception):
            return False
        if issubclass(kind, UnreadableFile | MemoryError):
            return False
        said = " ".join(str(error).split()) or kind.__name__
        raise UnreadableFile(
            f"it looks like {NAME}, but is damaged or of an unknown variety "
            f"(RosettaSciIO says: {said[:300]})"
        ) from error


class _Lazy:
    """A lazy array of which a slice is computed when it is taken."""

    def __init__(self, data):
        self.data, self.shape, self.dtype = data, tuple(map(int, data.shape)), data.dtype

    def __getitem__(self, index):
        with _told(), unharmed():
            part = self.data[index]
            # Slabs are read by one thread, beside the work on the one before.
            return part.compute(scheduler="synchronous") if hasattr(part, "compute") else part


def _axes(signal, shape, first):
    """Scale and unit of each axis; and names, where the tags tell what they are."""
    axes = sorted(signal["axes"], key=lambda axis: axis.get("index_in_array", 0))
    names = [""] * len(shape)
    if first is not None and len(shape) == 4:
        names = SCAN_FIRST if first else SCAN_LAST
    if len(axes) != len(shape):
        return ()
    return tuple(
        Axis(name, float(axis.get("scale", 1.0)), str(axis.get("units") or ""))
        for name, axis in zip(names, axes, strict=True)
    )
