"""Arrays of frames in HDF5: HyperSpy, py4DSTEM, Velox, and any file with one such dataset."""

import json
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np

from recon.errors import UnreadableFile
from recon.io.apart import Apart, is_harmless
from recon.io.dense.arrays import Array, hyperspy, step
from recon.io.dense.attributes import attribute, heap_is_sound
from recon.io.dense.chunks import Chunks, is_ours
from recon.io.hdf5_walk import visit

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
        found = self._read(ranges)
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


def read(path: Path, asked=None) -> Array:
    """The largest array of three or four dimensions in the file."""
    with _opened(path) as file:
        found = _arrays(file)
        if not found:
            raise UnreadableFile("the HDF5 file has no array of three or four dimensions")
        largest = max(size for size, _ in found)
        names = [name for size, name in found if size == largest]
        if len(names) > 1:
            raise UnreadableFile(
                f"{len(names)} arrays in the HDF5 file are equally large "
                f"({', '.join(names[:4])}): it is not clear which is the scan"
            )
        name = names[0]
        velox = name.startswith("/Data/Image/") and "Version" in file
        said = _velox(file[name].parent) if velox else _said(file[name], heap_is_sound(path))
        form = _form(file[name], velox)
    return Array(Stored(path, name, frames_last=velox), path.name, form, said)


def _arrays(file):
    """(size, name) of each dataset that frames could be in."""
    found = []

    def look(name, item):
        if isinstance(item, h5py.Dataset) and item.ndim in (3, 4) and item.dtype.kind in "buif":
            found.append((item.size, f"/{name}"))

    visit(file, look)
    return found


def _form(dataset, velox):
    if velox:
        return "Velox EMD"
    if dataset.name.startswith("/Experiments/"):
        return "HyperSpy HDF5"
    if "emd_group_type" in dataset.parent.attrs:
        return "EMD (HDF5)"
    return f"HDF5, array {dataset.name}"


def _said(dataset, sound):
    """What HyperSpy's axes and metadata, or EMD's dimensions, say of the scan."""
    parent, said = dataset.parent, {}
    axes = [parent.get(f"axis-{n}") for n in range(2)]
    if all(isinstance(a, h5py.Group) for a in axes) and dataset.ndim == 4:
        scales = [_plain(attribute(a, "scale", sound)) for a in axes]
        said |= step(*scales, _text(attribute(axes[0], "units", sound)), "axes' scale")
        instrument = parent.get("metadata/Acquisition_instrument/TEM")
        if isinstance(instrument, h5py.Group):
            said |= hyperspy(lambda name: _plain(attribute(instrument, name, sound)))
    first = 0 if isinstance(parent.get("dim0"), h5py.Dataset) else 1
    dims = [parent.get(f"dim{n}") for n in (first, first + 1)]
    if dataset.ndim == 4 and all(isinstance(d, h5py.Dataset) and d.size > 1 for d in dims):
        steps = [_plain(small(d, 1)) - _plain(small(d, 0)) for d in dims if d.ndim == 1]
        unit = _text(attribute(dims[0], "units", sound)).strip("[]")
        if len(steps) == 2:
            said |= step(*steps, unit, f"{dims[0].name}, {dims[1].name}")
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


def _text(value):
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
