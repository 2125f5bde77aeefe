"""Dectris (Arina, Eiger, Quadro) HDF5: a master file that links to files of frames beside it.

Pixels of its `pixel_mask`, and those at the largest number of their type in all frames, are left
out of every sum; elsewhere that number counts as zero.
"""

import re
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
LOOKED_AT = 16
"""Frames that are looked at for pixels that the detector marks."""
LARGEST_MASK = 1 << 27
"""Pixels."""


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
        self.mark = np.iinfo(self.dtype).max if self.dtype.kind == "u" else None

    @staticmethod
    def _stored(path, name):
        with _opened(path) as file:
            if not isinstance(file.get(name), h5py.Dataset):
                raise UnreadableFile(f"{path.name} has no dataset {name}")
        return Stored(path, name)

    def __getitem__(self, index):
        first, last, _ = index.indices(self.shape[0])
        frames = self._raw(first, last)
        if self.mark is not None:
            frames[frames == self.mark] = 0
        return frames

    def _raw(self, first, last):
        pieces = [np.empty((0, *self.shape[1:]), self.dtype)]
        for part, start, stop in zip(self.stored, self.starts[:-1], self.starts[1:], strict=True):
            if first < stop and last > start:
                pieces.append(part[max(first - start, 0) : min(last, stop) - start])
        return pieces[-1] if len(pieces) == 2 else np.concatenate(pieces)

    def marked(self):
        """(Ky, Kx) bool: pixels that hold the largest number in all of the frames looked at."""
        marked = np.full(self.shape[1:], self.mark is not None and self.shape[0] > 0)
        for number in np.linspace(0, self.shape[0] - 1, LOOKED_AT).astype(int):
            if not marked.any():
                break
            marked &= self._raw(number, number + 1)[0] == self.mark
        return marked


def read(path: Path, asked=None) -> Array:
    """The frames of all linked files, in the order of their names, as far as they are there."""
    with _opened(path) as file:
        parts = _parts(file["entry/data"], path)
        said = {}
        dwell = _entry(file, f"{DETECTOR}/frame_time")
        if dwell is not None:
            said["dwell_time"] = (dwell, "frame_time")
        counts = [_entry(file, f"{DETECTOR}/detectorSpecific/{n}") for n in ("ntrigger", "nimages")]
        mask = _mask(file, path)
    if not parts:
        raise UnreadableFile("the master file links to no frames")
    there = [part.is_file() for part, _ in parts]
    if not there[0]:
        raise UnreadableFile(f"its frames, {parts[0][0].name}, are not beside it")
    notes = []
    if not all(there):
        number = there.index(False)
        notes.append(
            f"{parts[number][0].name} is not beside it: its frames are left out"
            + (", and those after it." if any(there[number:]) else ".")
        )
        parts = parts[:number]
    frames = _Frames(parts)
    more, shape, by = _beside(path)
    triggered = tuple(int(n) for n in counts if n and n == n // 1 and n < 1 << 32)
    if shape is None and len(triggered) == 2:
        # Rows by trigger; one image a trigger, or one trigger for all, tells no rows.
        shape, by = (triggered, "the master file") if min(triggered) > 1 else (None, by)
        promised = triggered[0] * triggered[1]
        if shape is None and promised != frames.shape[0]:
            notes.append(
                f"The master file speaks of {promised} frames, there are {frames.shape[0]}."
            )
    excluded, more_notes = _excluded(frames, mask)
    notes += more_notes
    return Array(
        frames,
        path.name,
        NAME,
        said | more,
        shape,
        by,
        excluded=excluded,
        beside=sorted({part for part, _ in parts}),
        notes=tuple(notes),
    )


def _excluded(frames, mask):
    """Pixels that count for nothing, by the mask and by their mark, and sentences on them."""
    excluded, notes = np.zeros(frames.shape[1:], bool), []
    if mask is not None and mask.shape != excluded.shape:
        notes.append("The detector's pixel_mask has another size than the frames: it is not used.")
    elif mask is not None:
        excluded |= mask
    if masked := int(excluded.sum()):
        out = "1 pixel is" if masked == 1 else f"{masked} pixels are"
        notes.append(f"{out} left out, as the detector's pixel_mask says.")
    marked = frames.marked() & ~excluded
    if (number := int(marked.sum())) and not marked.all():
        out = "1 pixel is" if number == 1 else f"{number} pixels are"
        notes.append(f"{out} left out: of {frames.mark} in all frames, the detector's mark.")
        excluded |= marked
    return excluded if excluded.any() else None, notes


def _parts(data, path):
    """(file, dataset) of each part of the frames, in order.

    Links count before datasets: a virtual one over all of them holds the same frames again. A link
    may not lead out of the folder, whatever it says.
    """
    links = [(name, data.get(name, getlink=True)) for name in sorted(data, key=_number_last)]
    parts = [
        (path.parent / Path(link.filename).name, link.path)
        for _, link in links
        if isinstance(link, h5py.ExternalLink)
    ]
    if parts:
        return parts
    found = [data.get(name) for name, _ in links]
    found = [d for d in found if isinstance(d, h5py.Dataset) and d.ndim == 3]
    virtual = [d for d in found if d.is_virtual]
    if not virtual or len(virtual) < len(found):
        return [(path, d.name) for d in found if not d.is_virtual]
    sources = sorted(
        virtual[0].virtual_sources(), key=lambda source: source.vspace.get_select_bounds()[0]
    )
    files = {(source.file_name, source.dset_name): None for source in sources}
    return [
        (path if name == "." else path.parent / Path(name).name, dataset) for name, dataset in files
    ]


def _number_last(name):
    """Key by which `data_2` comes before `data_10`."""
    number = re.search(r"\d+$", name)
    return (name[: number.start()], int(number[0])) if number else (name, -1)


def _mask(file, path):
    """Detector pixels that are told to be faulty; None if none is told."""
    found = file.get(f"{DETECTOR}/detectorSpecific/pixel_mask", file.get(f"{DETECTOR}/pixel_mask"))
    if not isinstance(found, h5py.Dataset) or found.ndim != 2 or found.dtype.kind not in "biu":
        return None
    if found.size > LARGEST_MASK:
        return None
    return Stored(path, found.name)[: found.shape[0], : found.shape[1]] != 0


def _entry(file, name):
    found = file.get(name)
    return (
        _plain(small(found))
        if isinstance(found, h5py.Dataset) and found.dtype.kind in "iuf" and found.size == 1
        else None
    )


def _beside(path):
    """What the microscope's own file says, the scan shape, and where that stands."""
    nothing = {}, None, "the file"
    if not path.name.endswith(MASTER):
        return nothing
    beside = path.with_name(path.name[: -len(MASTER)] + ".h5")
    if not beside.is_file() or not h5py.is_hdf5(beside):
        return nothing
    sound = heap_is_sound(beside)
    with _opened(beside) as file:
        if "STEM Metadata" not in file:
            return nothing
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
    return said, (int(shape[0]), int(shape[1])) if whole else None, beside.name
