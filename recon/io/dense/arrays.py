"""An array of frames in a file, with what the file says of it; and that in our units."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from recon.errors import UnreadableFile
from recon.io.dense.axes import Axis, Reordered, backwards, scan_first, step
from recon.io.dense.filling import First, arranged
from recon.io.files.slabs import FileArray
from recon.io.metadata import known_metadata
from recon.io.scanning import contradicted, fill, pair
from recon.scan.events import Source
from recon.scan.frames import DenseFrames, of_array

__all__ = ["Array", "hyperspy", "step"]


@dataclass(frozen=True, eq=False)
class Array:
    """Frames as a file stores them.

    Attributes
    ----------
    stored : array
        Anything with `shape` and `dtype` that is sliced along its first one or two dimensions:
        (Ky, Kx), (F, Ky, Kx) or (Sy, Sx, Ky, Kx). Of a mapped file no page is touched: it is read.
    name, format : str
        Of the file.
    said : dict
        What the file says of the experiment: name to (value, where it says so), under the names and
        in the units of `recon.io.metadata`.
    scan_shape : (Sy, Sx), optional
        What the file says of how three dimensions fill a scan.
    by : str
        Where it says so.
    axes : sequence of Axis, optional
        What the file says of each dimension; the scan step among them.
    axes_by : str
        Where it says so.
    either : bool
        Whether files of this format have the scan's axes before the detector's, or behind.
    excluded : (Ky, Kx) bool array, optional
        Detector pixels that count for nothing.
    beside : sequence of Path
        Other files that were read, but for those of `Records`, which looks after its own.
    notes : tuple of str
        Sentences of doubt, and of what is left out.
    """

    stored: Any
    name: str
    format: str
    said: dict = field(default_factory=dict)
    scan_shape: tuple[int, int] | None = None
    by: str = "the file"
    axes: tuple[Axis, ...] = ()
    axes_by: str = "axes' scale"
    either: bool = False
    excluded: Any = None
    beside: Sequence[Path] = ()
    notes: tuple[str, ...] = ()

    def frames(self, asked=None, reference: bool = False) -> DenseFrames:
        """The frames as a scan; of any number, in a single row, for a `reference`.

        Raises
        ------
        UnreadableFile
            If the array has other dimensions, or its frames do not fill the scan.
        """
        shape, stored = tuple(int(n) for n in self.stored.shape), self.stored
        if isinstance(stored, np.memmap):
            stored = FileArray.of(stored)
        if len(shape) == 2 and reference:
            stored = _Single(stored)
            shape = (1, *shape)
        if len(shape) not in (3, 4) or min(shape) < 1 or np.dtype(stored.dtype).kind not in "buif":
            raise UnreadableFile(
                f"frames are arrays of numbers (frames, ky, kx) or (y, x, ky, kx), "
                f"not {stored.dtype} of shape {' × '.join(map(str, shape))}"
            )
        if reference:
            return self._made(stored, (1, int(np.prod(shape[:-2]))), self.said)
        axes = self.axes if len(self.axes) == len(shape) else (Axis(),) * len(shape)
        asked = None if asked is None else pair(asked, "scan")
        order, doubt = scan_first(axes, shape, asked, self.either)
        if order != tuple(range(len(shape))):
            stored = Reordered(stored, order)
        shape = tuple(shape[n] for n in order)
        number = int(np.prod(shape[:-2]))
        if len(shape) == 3:
            scan_shape, left = arranged(number, asked, self.scan_shape, self.by)
            if scan_shape[0] * scan_shape[1] < number:
                stored = First(stored, scan_shape[0] * scan_shape[1])
            notes = (*contradicted(self.scan_shape, asked), *left)
            return self._made(stored, scan_shape, self.said, notes)
        scan_shape = shape[:2] if asked is None else fill(number, asked)
        y, x = (axes[n] for n in order[:2])
        found = step(y.scale, x.scale, (y.unit, x.unit), self.axes_by)
        if found and all(axis.scale == 1 for axis in axes):
            found, unset = {}, ("All axes have a scale of 1, as where none was set: no scan step.",)
        else:
            unset = backwards((y, x))
        notes = (*contradicted(shape[:2], asked), *doubt, *unset)
        return self._made(stored, scan_shape, found | self.said, notes)

    def _made(self, stored, scan_shape, said, notes=()):
        source = Source(self.name, self.format, notes=(*notes, *self.notes))
        metadata = _metadata(said)
        return of_array(
            stored, scan_shape, metadata=metadata, source=source, excluded=self.excluded
        )


class _Single:
    """A single image as a stack of one."""

    def __init__(self, image):
        self.image, self.shape, self.dtype = image, (1, *image.shape), image.dtype

    def __getitem__(self, index):
        return np.asarray(self.image[:])[None][index]


def _metadata(said):
    """Plain entries, and under `origins` where each was said."""
    known = known_metadata({name: value for name, (value, _) in said.items()})
    if known:
        known["origins"] = {name: said[name][1] for name in known}
    return known


def hyperspy(find, prefix="") -> dict:
    """Entries from HyperSpy's metadata: keV, mrad, mm.

    Parameters
    ----------
    find : callable
        `find(name)` gives the number at `Acquisition_instrument.TEM.name`, or None.
    prefix : str
        Put before the origin.
    """
    wanted = {
        "energy": ("beam_energy", 1e3),
        "semiangle_cutoff": ("convergence_angle", 1.0),
        "camera_length": ("camera_length", 1e-3),
    }
    said = {}
    for name, (theirs, factor) in wanted.items():
        value = find(theirs)
        try:
            said[name] = (float(value) * factor, f"{prefix}Acquisition_instrument.TEM.{theirs}")
        except (TypeError, ValueError):
            continue
    return said
