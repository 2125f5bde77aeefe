"""Dectris (Arina, Eiger, Quadro) HDF5: a master file that links to files of frames beside it.

Pixels at the largest number of their type are masked by the detector and count as zero.
"""

from pathlib import Path

import h5py
import numpy as np

from recon.errors import UnreadableFile
from recon.io.dense.arrays import Array, step
from recon.io.dense.attributes import attribute, heap_is_sound
from recon.io.dense.hdf5 import Stored, _opened, _plain, small

NAME = "Dectris HDF5"
DETECTOR = "entry/instrument/detector"
MASTER = "_master.h5"


def matches(path: Path) -> bool:
    """Whether a file is a master file."""
    if not path.is_file() or not h5py.is_hdf5(path):
        return False
    try:
        with h5py.File(path, "r") as file:
            return DETECTOR in file and "entry/data" in file
    except Exception:
        # h5py reports damage under any name.
        return False


class _Frames:
    """Datasets in several files, one behind the other."""

    def __init__(self, parts):
        self.stored = [self._stored(*part) for part in parts]
        shapes, types = zip(*((part.shape, part.dtype) for part in self.stored), strict=True)
        if any(len(s) != 3 or s[1:] != shapes[0][1:] for s in shapes) or len(set(types)) > 1:
            raise UnreadableFile("its files hold frames of different shapes or types")
        self.starts = np.concatenate([[0], np.cumsum([s[0] for s in shapes])])
        self.shape, self.dtype = (int(self.starts[-1]), *shapes[0][1:]), types[0]

    @staticmethod
    def _stored(path, name):
        with _opened(path) as file:
            if not isinstance(file.get(name), h5py.Dataset):
                raise UnreadableFile(f"{path.name} has no dataset {name}")
        return Stored(path, name)

    def __getitem__(self, index):
        first, last, _ = index.indices(self.shape[0])
        pieces = [np.empty((0, *self.shape[1:]), self.dtype)]
        for part, start, stop in zip(self.stored, self.starts[:-1], self.starts[1:], strict=True):
            if first < stop and last > start:
                pieces.append(part[max(first - start, 0) : min(last, stop) - start])
        frames = pieces[-1] if len(pieces) == 2 else np.concatenate(pieces)
        if frames.dtype.kind == "u":
            frames[frames == np.iinfo(frames.dtype).max] = 0
        return frames


def read(path: Path, asked=None) -> Array:
    """The frames of all linked files, in the order of their names."""
    with _opened(path) as file:
        data, parts = file["entry/data"], []
        for name in sorted(data):
            link = data.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                # A link may not lead out of the folder, whatever it says.
                parts.append((path.parent / Path(link.filename).name, link.path))
            elif isinstance(data.get(name), h5py.Dataset) and data[name].ndim == 3:
                parts.append((path, data[name].name))
        said = {}
        dwell = _entry(file, f"{DETECTOR}/frame_time")
        if dwell is not None:
            said["dwell_time"] = (dwell, "frame_time")
    missing = [part.name for part, _ in parts if not part.is_file()]
    if missing:
        raise UnreadableFile(f"its frames, {missing[0]}, are not beside it")
    if not parts:
        raise UnreadableFile("the master file links to no frames")
    more, shape = _beside(path)
    beside = {part for part, _ in parts}
    return Array(_Frames(parts), path.name, NAME, said | more, shape, beside=beside)


def _entry(file, name):
    found = file.get(name)
    return (
        _plain(small(found))
        if isinstance(found, h5py.Dataset) and found.dtype.kind in "iuf" and found.size == 1
        else None
    )


def _beside(path):
    """What the microscope's own file says, and the scan shape."""
    if not path.name.endswith(MASTER):
        return {}, None
    beside = path.with_name(path.name[: -len(MASTER)] + ".h5")
    if not beside.is_file() or not h5py.is_hdf5(beside):
        return {}, None
    sound = heap_is_sound(beside)
    with _opened(beside) as file:
        if "STEM Metadata" not in file:
            return {}, None
        group = file["STEM Metadata"]
        notes = {name: _plain(attribute(group, name, sound)) for name in group.attrs}
    said = {}
    wanted = {"energy": "High Tension", "camera_length": "Camera Length"} | {
        "dwell_time": "ScanDwellTime"
    }
    for name, theirs in wanted.items():
        if notes.get(theirs, 0) > 0:
            said[name] = (notes[theirs], f"{beside.name}: {theirs}")
    if notes.get("IsPixelSizeCalibrated") == 1:
        size = notes.get("Pixel Size")
        said |= step(size, size, "nm", f"{beside.name}: Pixel Size")
    shape = [notes.get(f"NumPixels{axis}", 0) for axis in "YX"]
    whole = all(np.isfinite(n) and 1 <= n < 1 << 20 and n == int(n) for n in shape)
    return said, (int(shape[0]), int(shape[1])) if whole else None
