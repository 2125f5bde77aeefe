"""Arrays of frames in HDF5: HyperSpy, py4DSTEM, Velox, and any file with one such dataset."""

import json
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np

from recon.errors import UnreadableFile
from recon.io.dense.arrays import Array, hyperspy
from recon.io.dense.attributes import attribute, heap_is_sound
from recon.io.dense.choosing import MOST_NAMED, OPTIONS, Found, chosen
from recon.io.dense.chunks import Chunks, is_ours
from recon.io.dense.emd import axes_of, high_tension, nion, py4dstem
from recon.io.files.apart import Apart, is_harmless
from recon.io.files.hdf5_missing import Unwritten, check_sources
from recon.io.files.hdf5_walk import visit

__all__ = ["NAME", "OPTIONS", "Stored", "matches", "read", "small"]

NAME = "HDF5 (HyperSpy, EMD, any array)"
LARGEST_TEXT = 1 << 22


def matches(path: Path) -> bool:
    """Whether a file is HDF5 without electron events in it."""
    if not path.is_file() or not h5py.is_hdf5(path):
        return False
    try:
        with h5py.File(path, "r") as file:
            return "electron_events" not in file
    except Exception:
        # h5py reports damage under any name; the reader of events says what is wrong.
        return False


class Stored:
    """A dataset that is opened for each read, so that no file stays open.

    Bitshuffle with LZ4 is decoded by `recon.io.dense.chunks`; other filters that are not HDF5's own
    run in a process of their own, which a damaged file may end without harm.

    Parameters
    ----------
    path, name
        Of the file, and of the dataset in it.
    frames_last : bool
        Whether the stored order is (ky, kx, frames), as Velox has it.
    """

    def __init__(self, path, name, frames_last=False):
        self.path, self.name, self.frames_last = path, name, frames_last
        with _opened(path) as file:
            dataset = file[name]
            shape, self.dtype = dataset.shape, dataset.dtype
            self.chunks = Chunks(dataset, path.stat().st_size) if is_ours(dataset) else None
            harmless = self.chunks is not None or is_harmless(dataset)
            self.unwritten = Unwritten(dataset)
        self.apart = None if harmless else Apart()
        self.stored = shape
        self.shape = (*shape[2:], *shape[:2]) if frames_last else shape

    def __getitem__(self, index):
        index = index if isinstance(index, tuple) else (index,)
        skipped = len(self.shape) - len(index)
        index = (*index, *[slice(None)] * skipped)
        ranges = [part.indices(n)[:2] for part, n in zip(index, self.shape, strict=True)]
        if self.frames_last:
            ranges = [*ranges[-2:], *ranges[:-2]]
        found = self.unwritten.empty(self._read(ranges), ranges)
        return np.moveaxis(found, (0, 1), (-2, -1)) if self.frames_last else found

    def _read(self, ranges):
        if self.apart is not None:
            return self.apart.read(self.path, self.name, ranges)
        with _opened(self.path) as file:
            dataset = file[self.name]
            if dataset.shape != self.stored or dataset.dtype != self.dtype:
                raise UnreadableFile("the file was changed since it was opened")
            if self.chunks is None:
                return dataset[tuple(slice(*pair) for pair in ranges)]
            if not is_ours(dataset):
                raise UnreadableFile("the file was changed since it was opened")
            return self.chunks.read(dataset, ranges)


def small(dataset, index=()):
    """A few numbers of a dataset; None where reading them here is not safe."""
    return dataset[index] if is_harmless(dataset) else None


class _opened:
    """An HDF5 file whose errors are `UnreadableFile`, under whatever name h5py reports them."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        # Registers the filters that detectors compress with; without it HDF5 names what it lacks.
        with suppress(ImportError):
            import hdf5plugin  # noqa: F401

        try:
            self.file = h5py.File(self.path, "r")
        except Exception as error:
            raise UnreadableFile(f"the file is damaged (HDF5 says: {error})") from error
        return self.file

    def __exit__(self, kind, error, trace):
        self.file.close()
        if kind is None or not issubclass(kind, Exception):
            return False
        if issubclass(kind, UnreadableFile | MemoryError):
            return False
        raise UnreadableFile(f"the file is damaged or truncated (HDF5 says: {error})") from error


def read(path: Path, asked=None, dataset=None) -> Array:
    """The largest array of three or four dimensions in the file, or the `dataset` of a name."""
    with _opened(path) as file:
        name, notes = chosen(_arrays(file, dataset), dataset, "HDF5 file", lambda: _links(file))
        found = file[name]
        notes += check_sources(found, path) + _matlab(found)
        velox = name.startswith("/Data/Image/") and "Version" in file
        sound = not velox and heap_is_sound(path)
        said = _velox(found.parent) if velox else _said(found, sound)
        axes = () if velox else axes_of(found, sound)
        form, scan_shape = _form(found, velox), _stem(file, found)
    stored = Stored(path, name, frames_last=velox)
    if stored.unwritten.note:
        notes += (stored.unwritten.note,)
    return Array(stored, path.name, form, said, scan_shape, axes=axes, notes=notes)


def _arrays(file, asked=None):
    """Each array in the file, and one that a link in the file leads to, where it is asked for."""
    found = []

    def look(name, item):
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            found.append(Found(f"/{name}", item.shape, item.dtype))

    visit(file, look)
    if asked is not None:
        item = file.get(str(asked))
        if isinstance(item, h5py.Dataset) and item.file.filename == file.filename:
            found.append(Found("/" + str(asked).strip("/"), item.shape, item.dtype))
    return found


def _links(file):
    """Links of the file that lead out of it, or nowhere, in words."""
    found = []

    def look(name, _):
        link = file.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            found.append(f"/{name}, a link to {link.path} of {link.filename}: open that file")
        elif isinstance(link, h5py.SoftLink) and file.get(name) is None:
            found.append(f"/{name}, a link to {link.path}, which is not there")
        return True if len(found) > MOST_NAMED else None

    visit(file, lambda name, item: None, look)
    return found[:MOST_NAMED]


def _matlab(dataset):
    """A note on the order of axes, which MATLAB reverses in its files."""
    if "MATLAB_class" not in dataset.attrs:
        return ()
    sizes = [str(size) for size in dataset.shape]
    return (
        f"MATLAB wrote it: its array of {' × '.join(sizes[::-1])} is taken for (kx, ky, x, y), or "
        f"(kx, ky, frames), so that frames have {sizes[-2]} × {sizes[-1]} pixels. If that is not "
        "so, permute it there.",
    )


def _stem(file, dataset):
    """(Sy, Sx) of the images that stempy keeps beside a stack of frames; None where none fit."""
    images = file.get("stem/images")
    if dataset.ndim != 3 or not isinstance(images, h5py.Dataset) or images.ndim not in (2, 3):
        return None
    shape = images.shape[-2:]
    return shape if shape[0] * shape[1] == dataset.shape[0] else None


def _form(dataset, velox):
    if velox:
        return "Velox EMD"
    if dataset.name.startswith("/Experiments/"):
        return "HyperSpy HDF5"
    if "emd_group_type" in dataset.parent.attrs:
        return "EMD (HDF5)"
    return f"HDF5, array {dataset.name}"


def _said(dataset, sound):
    """What HyperSpy, py4DSTEM or Nion Swift say of the scan."""
    said = py4dstem(dataset, sound) | high_tension(nion(dataset, sound))
    instrument = dataset.parent.get("metadata/Acquisition_instrument/TEM")
    if isinstance(instrument, h5py.Group):
        said |= hyperspy(lambda name: _plain(attribute(instrument, name, sound)))
    return said


def _velox(group):
    """What Velox's JSON says: volts, radians, metres, seconds."""
    try:
        text = bytes(small(group["Metadata"], np.s_[:LARGEST_TEXT, 0])).rstrip(b"\0").decode()
        notes = json.loads(text)
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
    wanted = {
        "energy": ("Optics", "AccelerationVoltage", 1.0),
        "semiangle_cutoff": ("Optics", "BeamConvergence", 1e3),
        "camera_length": ("Optics", "CameraLength", 1.0),
        "dwell_time": ("Scan", "DwellTime", 1.0),
    }
    said = {}
    for name, (part, entry, factor) in wanted.items():
        try:
            said[name] = (float(notes[part][entry]) * factor, f"Velox: {part}.{entry}")
        except (KeyError, TypeError, ValueError):
            continue
    return said


def _plain(value):
    try:
        return float(np.asarray(value).item())
    except (TypeError, ValueError):
        return float("nan")
