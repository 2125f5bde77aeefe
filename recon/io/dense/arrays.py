"""An array of frames in a file, with what the file says of it; and that in our units."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from recon.errors import UnreadableFile
from recon.events import Source
from recon.frames import DenseFrames, of_array
from recon.io.metadata import known_metadata
from recon.io.scanning import contradicted, fill
from recon.io.slabs import FileArray

LENGTHS = {"å": 1.0, "a": 1.0, "ang": 1.0, "angstrom": 1.0, "ångström": 1.0, "pm": 1e-2} | {
    "nm": 10.0,
    "µm": 1e4,
    "um": 1e4,
    "mm": 1e7,
    "m": 1e10,
}
"""Units of length [Å]."""


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
    beside : sequence of Path
        Other files that frames are read from.
    """

    stored: Any
    name: str
    format: str
    said: dict = field(default_factory=dict)
    scan_shape: tuple[int, int] | None = None
    beside: Sequence[Path] = ()

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
        number = int(np.prod(shape[:-2]))
        stated = shape[:2] if len(shape) == 4 else self.scan_shape
        notes = () if reference else contradicted(stated, asked)
        source = Source(self.name, self.format, notes=notes)
        if reference:
            scan_shape = (1, number)
        elif asked is not None or len(shape) == 3:
            scan_shape = fill(number, self.scan_shape if asked is None else asked)
        else:
            scan_shape = shape[:2]
        return of_array(stored, scan_shape, metadata=_metadata(self.said), source=source)


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


def step(y, x, unit, origin) -> dict:
    """A scan step along y and x in a unit of length, as an entry; none if the unit is no length."""
    factor = LENGTHS.get(str(unit).strip().lower())
    try:
        values = float(np.asarray(y).item()), float(np.asarray(x).item())
    except (TypeError, ValueError):
        return {}
    if factor is None or not all(np.isfinite(v) and v > 0 for v in values):
        return {}
    return {"scan_sampling": ((values[0] * factor, values[1] * factor), origin)}


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
