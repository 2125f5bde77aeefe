"""Formats that RosettaSciIO reads: Merlin `.mib`, TVIPS, DigitalMicrograph, MRC.

Each is recognised by its content here. RosettaSciIO gives a lazy array, of which slabs are
computed when they are read; whatever it raises becomes `UnreadableFile`.
"""

import importlib
import logging
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from glob import escape
from pathlib import Path

import numpy as np

from recon.errors import UnreadableFile
from recon.io.dense import digitalmicrograph
from recon.io.dense.arrays import Array, hyperspy, step
from recon.io.mapped import unharmed


@dataclass(frozen=True)
class Format:
    """One of RosettaSciIO's formats, with the face of a reader's module.

    Attributes
    ----------
    NAME : str
    plugin : str
        Module of RosettaSciIO.
    sign : callable
        `sign(start, path)`: whether a file that begins with these 1024 bytes is of this format.
    shaped : bool
        Whether the plugin takes `navigation_shape` (x, y).
    beforehand : callable, optional
        `beforehand(path)` gives entries that RosettaSciIO does not map, and refuses what it would
        take too long over.
    """

    NAME: str
    plugin: str
    sign: Callable[[bytes, Path], bool]
    shaped: bool = False
    beforehand: Callable[[Path], dict] | None = None

    def matches(self, path: Path) -> bool:
        """Whether a file's content is of this format."""
        if not path.is_file():
            return False
        with open(path, "rb") as file:
            return self.sign(file.read(1024), path)

    def read(self, path: Path, asked=None) -> Array:
        """The largest array of three or four dimensions in the file."""
        said = {} if self.beforehand is None else self.beforehand(path)
        options = {"lazy": True}
        if self.shaped and asked is not None:
            options["navigation_shape"] = tuple(int(n) for n in asked)[::-1]
        try:
            reader = importlib.import_module(f"rsciio.{self.plugin}").file_reader
        except ImportError as error:
            raise UnreadableFile(
                f"{self.NAME} is read through RosettaSciIO, which lacks something here ({error})"
            ) from error
        # What it says on standard error is no news to a user, and we say what matters.
        logging.getLogger("rsciio").setLevel(logging.CRITICAL)
        with _told(self.NAME), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with unharmed():
                signals = reader(str(path), **options)
            signals = [s for s in signals if np.ndim(s["data"]) in (3, 4)]
        if not signals:
            raise UnreadableFile("the file holds no frames of a scan, only single images")
        signal = max(signals, key=lambda s: s["data"].size)
        axes = sorted(signal["axes"], key=lambda a: a.get("index_in_array", 0))
        data, axes = _scan_first(signal["data"], axes)
        said |= _said(signal, axes)
        # TVIPS goes on in files with higher numbers.
        beside = path.parent.glob(f"{escape(path.stem[:-3])}*{path.suffix}")
        beside = sorted(beside) if self.plugin == "tvips" else ()
        return Array(_Lazy(data, self.NAME), path.name, self.NAME, said, beside=beside)


class _told:
    """What RosettaSciIO raises, as `UnreadableFile`."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None or not issubclass(kind, Exception):
            return False
        if issubclass(kind, UnreadableFile | MemoryError):
            return False
        said = " ".join(str(error).split()) or kind.__name__
        raise UnreadableFile(
            f"it looks like {self.name}, but is damaged or of an unknown variety "
            f"(RosettaSciIO says: {said[:300]})"
        ) from error


class _Lazy:
    """A lazy array of which a slice is computed when it is taken."""

    def __init__(self, data, name):
        self.data, self.name, self.shape, self.dtype = data, name, data.shape, data.dtype

    def __getitem__(self, index):
        with _told(self.name), unharmed():
            part = self.data[index]
            # Slabs are read by one thread, beside the work on the one before.
            return part.compute(scheduler="synchronous") if hasattr(part, "compute") else part


def _scan_first(data, axes):
    """Scan axes before the detector's: files made for a display may have them behind."""
    if np.ndim(data) != 4 or len(axes) != 4:
        return data, axes
    angular = [_is_angular(axis.get("units")) for axis in axes]
    if angular == [True, True, False, False]:
        order = (2, 3, 0, 1)
        return data.transpose(order), [axes[n] for n in order]
    return data, axes


def _is_angular(unit):
    """Whether a unit is that of a diffraction pattern: an angle, or one over a length."""
    text = str(unit or "").replace(" ", "").lower()
    return text.startswith("1/") or "rad" in text or "^-1" in text or "⁻¹" in text


def _said(signal, axes):
    """What RosettaSciIO took from the file, under HyperSpy's names."""
    said = {}
    if len(axes) == 4:
        y, x = axes[:2]
        said |= step(y.get("scale"), x.get("scale"), y.get("units"), "the scan axes' scale")
    instrument = signal.get("metadata", {}).get("Acquisition_instrument", {})
    said |= hyperspy(instrument.get("TEM", {}).get)
    if "dwell_time" in instrument:
        said["dwell_time"] = (instrument["dwell_time"], "Acquisition_instrument.dwell_time")
    return said


def _is_merlin(start, path):
    return start.startswith(b"MQ1,")


def _is_tvips(start, path):
    if len(start) < 256 or path.suffix.lower() not in (".tvips", ".tvip"):
        return False
    size, version, width, height, bits = struct.unpack("<5I", start[:20])
    return size == 256 and version in (1, 2) and bits in (8, 16) and 0 < width * height < 1 << 27


def _is_mrc(start, path):
    if len(start) < 1024 or start[208:212] != b"MAP ":
        return False
    width, height, depth, mode = struct.unpack("<4I", start[:16])
    return 0 < width * height < 1 << 27 and depth > 0 and mode < 128


FORMATS = (
    Format("Merlin .mib", "quantumdetector", _is_merlin, shaped=True),
    Format(
        "DigitalMicrograph",
        "digitalmicrograph",
        digitalmicrograph.is_dm,
        beforehand=digitalmicrograph.said_of_frames,
    ),
    Format("MRC", "mrc", _is_mrc),
    Format("TVIPS", "tvips", _is_tvips),
)
