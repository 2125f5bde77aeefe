"""The HDF5 layout of the 4D Camera and of stempy, versions 1 to 3.

    /                                 version (absent: 1); livestem_flyback
    /electron_events/frames           one row of linear pixel indices a frame; Nx, Ny: detector
    /electron_events/scan_positions   linear scan positions; Nx, Ny: scan, flyback included
    /metadata                         optional; attributes as in `recon.io.metadata`
    /livestem/subpixel                optional, ours: (E,) uint8 place of each electron in its
                                      pixel, row after row, as in `recon.scan.events`

Version 1 has one row a position, version 2 any number, in any order, and version 3
`len(frames) / (Nx * Ny)` of them, position after position. The last column of a 4D Camera scan
is the flyback of the beam; nothing in the layout says whether there is one. We write the root
attribute `livestem_flyback` (True or False) to say so.

Nx counts columns. stempy swaps Nx and Ny of a detector that is not square; such a file is
recognised by its summed pattern, which only one of the two shapes makes continuous.
"""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np

from recon.errors import Cancelled, UnreadableFile
from recon.io.events.heap import append_rows, late_dataset, ragged_dataset
from recon.io.events.ragged import read_rows
from recon.io.files.apart import is_harmless
from recon.io.files.atomic import replacing
from recon.io.files.hdf5_missing import check_sources
from recon.io.metadata import ENTRIES, known_metadata
from recon.io.scanning import contradicted
from recon.optics import COEFFICIENTS
from recon.scan.events import ElectronEvents, Source

NAME = "4D Camera HDF5"
SUFFIXES = (".h5", ".hdf5")
OPTIONS: dict[str, str] = {}
UNWRITTEN_ROWS = 1 << 25
"""Rows a file may declare without storing any of them."""


def matches(path: Path) -> bool:
    """Whether the file is HDF5, by its signature."""
    return bool(h5py.is_hdf5(path))


def read(path: Path, *, keep_flyback=None, scan_shape=None, progress) -> ElectronEvents:
    """Events of a file; see `recon.io.open_events`."""
    try:
        with h5py.File(path, "r") as file:
            return _read(file, path.name, keep_flyback, scan_shape, progress)
    except (UnreadableFile, Cancelled):
        raise
    except MemoryError:
        raise
    except Exception as error:
        # h5py reports damage under any name.
        raise UnreadableFile(f"the file is damaged or truncated (HDF5 says: {error})") from error


@dataclass(frozen=True)
class _Layout:
    """How the rows of a file fill its scan."""

    version: int
    scan_shape: tuple[int, int]
    positions: np.ndarray
    """(R,) int64 linear scan position of each row."""
    notes: tuple[str, ...] = ()

    @property
    def frames_per_position(self) -> int:
        return int(np.bincount(self.positions).max(initial=0))


def _read(file, name, keep_flyback, scan_shape, progress):
    frames = _dataset(file, "electron_events/frames")
    base = h5py.check_vlen_dtype(frames.dtype)
    if frames.ndim != 1 or base is None or np.dtype(base).kind not in "ui":
        raise UnreadableFile(
            "electron_events/frames must hold one row of unsigned integers a frame, "
            f"but is of shape {frames.shape} and type {frames.dtype if base is None else base}"
        )
    if not np.dtype(base).isnative:
        # h5py 3.16 hands out the bytes of such rows as if they were native.
        raise UnreadableFile(f"the byte order of electron_events/frames ({base}) is not supported")
    frame_shape = _shape(frames, "detector")
    layout = _layout(file, frames, scan_shape)
    rows, (height, width) = layout.positions, layout.scan_shape

    declared = _declared_flyback(file)
    drop = declared is not False and width > 1 if keep_flyback is None else not keep_flyback
    if drop and width == 1:
        raise UnreadableFile("the scan has a single column; without flyback nothing is left")
    if drop:
        row, column = np.divmod(rows, width)
        width -= 1
        rows = np.where(column < width, row * width + column, -1)

    offsets = np.zeros(height * width + 1, np.int64)
    places = _Places(file)

    def place(lengths):
        found = _place(rows, lengths, offsets)
        places.take(lengths, *found)
        return found

    pixels = read_rows(frames, place, progress)
    form = f"{NAME}, version {layout.version}"
    if declared is None and _is_swapped(pixels, frame_shape):
        frame_shape = frame_shape[::-1]
        form += " (Nx of the detector counts rows)"
    return ElectronEvents(
        pixels,
        offsets,
        (height, width),
        frame_shape,
        _metadata(file),
        Source(
            name,
            form,
            layout.frames_per_position,
            "dropped" if drop else "none" if declared is False else "kept",
            layout.notes,
        ),
        subpixel=places.taken,
    )


class _Places:
    """Where in its pixel each electron of a file was, if the file says so."""

    def __init__(self, file):
        group = _group(file, "livestem")
        self.dataset = None if group is None else group.get("subpixel")
        self.filename, self.taken = file.filename, None

    def take(self, lengths, targets, electrons):
        """Read the places of the rows that are kept, in the order of their electrons."""
        stored = self.dataset
        if stored is None:
            return
        total = int(lengths.sum())
        plain = isinstance(stored, h5py.Dataset) and stored.dtype == np.uint8
        here = plain and stored.file.filename == self.filename and not stored.external
        if not here or stored.is_virtual or stored.shape != (total,):
            raise UnreadableFile(
                f"livestem/subpixel must hold one uint8 for each of the {total} electrons"
            )
        self.taken, starts = np.empty(electrons, np.uint8), np.cumsum(lengths) - lengths
        if electrons == total and np.array_equal(targets, starts):
            stored.read_direct(self.taken)
            return
        places = stored[()]
        for start, length, target in zip(starts, lengths, targets, strict=True):
            if target >= 0:
                self.taken[target : target + length] = places[start : start + length]


def write(path: Path, events: ElectronEvents, *, progress) -> None:
    """Write events as version 3, one row a position; see `recon.io.write_events`."""
    image = BytesIO()
    with h5py.File(image, "w", libver=("earliest", "v108")) as file:
        file.attrs["version"] = 3
        file.attrs["livestem_flyback"] = False
        group = file.create_group("electron_events")
        scan = group.create_dataset(
            "scan_positions", data=np.arange(events.positions, dtype=np.uint32)
        )
        scan.attrs["Ny"], scan.attrs["Nx"] = events.scan_shape
        frames = ragged_dataset(group, "frames", events.positions)
        frames.attrs["Ny"], frames.attrs["Nx"] = events.frame_shape
        _write_metadata(file.create_group("metadata"), events.metadata)
        if events.subpixel is not None:
            late_dataset(file.create_group("livestem"), "subpixel", events.subpixel)
        references = frames.id.get_offset()
    size = len(image.getbuffer()) + events.nbytes + 16 * events.positions
    rows = events.pixels, events.offsets
    with replacing(path, size) as file:
        append_rows(image, references, *rows, file, progress, late=events.subpixel)


def _write_metadata(group, metadata):
    metadata = known_metadata(metadata)
    aberrations = metadata.pop("aberrations", {})
    if "description" in metadata:
        # Of fixed length: text of any length lies in the heap, where HDF5 2.0 loops for ever
        # if it is damaged.
        metadata["description"] = np.bytes_(metadata["description"].encode() or b" ")
    group.attrs.update(metadata)
    group.create_group("aberrations").attrs.update(aberrations)


def _is_swapped(pixels, frame_shape):
    """Whether the summed pattern is continuous only if (Ky, Kx) are exchanged.

    In the wrong shape, what lies above one another in the picture did not on the detector.
    Decided only where electrons are many, and the difference is far beyond their noise.
    """
    height, width = frame_shape
    some = pixels[: 1 << 24]
    if height == width or min(frame_shape) < 16 or some.size < 16 * height * width:
        return False
    if some.max() >= height * width:
        return False
    pattern = np.bincount(some, minlength=height * width)

    def roughness(shape):
        return np.mean(np.diff(pattern.reshape(shape), axis=0) ** 2.0)

    return roughness((height, width)) > 4 * roughness((width, height))


def _place(rows, lengths, offsets):
    """Where each row starts among the events of all positions; fills `offsets`.

    Rows of the same position follow one another in the order of the file.
    """
    kept = np.flatnonzero(rows >= 0)
    positions = rows[kept]
    if np.any(positions[1:] < positions[:-1]):
        kept = kept[np.argsort(positions, kind="stable")]
        positions = rows[kept]
    stops = np.concatenate([[0], np.cumsum(lengths[kept])])
    offsets[:] = stops[np.searchsorted(positions, np.arange(offsets.size), side="left")]
    targets = np.full(rows.size, -1, np.int64)
    targets[kept] = stops[:-1]
    return targets, int(stops[-1])


def _layout(file, frames, scan_shape):
    version = _version(file)
    rows = frames.shape[0]
    stored = Path(file.filename).stat().st_size
    if rows > max(stored, UNWRITTEN_ROWS):
        raise UnreadableFile(f"{rows} frames cannot be in a file of {stored} bytes")
    scan = _dataset(file, "electron_events/scan_positions")
    if not is_harmless(scan):
        raise UnreadableFile(
            "electron_events/scan_positions is compressed by a filter that is not HDF5's own: "
            "store it plainly or with gzip"
        )
    height, width = _shape(scan, "scan") if scan_shape is None else _given(scan_shape)
    notes = () if scan_shape is None else contradicted(_stated(scan), scan_shape)
    size = height * width
    does_not_fit = UnreadableFile(
        f"a scan of {height} × {width} = {size} positions does not fit {rows} frames: "
        "was it stopped early, or is the scan shape wrong?"
    )
    if version == 3:
        if rows == 0 or rows % size:
            raise does_not_fit
        return _Layout(version, (height, width), _of_version_3(scan, rows, size), notes)
    # Version 2 may leave positions out, but an absurd shape must not be allocated.
    if rows < size if version == 1 else rows * 64 < size:
        raise does_not_fit
    if scan.shape != (rows,) or scan.dtype.kind not in "ui":
        raise UnreadableFile(
            f"electron_events/scan_positions must hold one integer for each of the {rows} frames, "
            f"but is of shape {scan.shape} and type {scan.dtype}"
        )
    positions = scan[()].astype(np.int64)
    outside = np.flatnonzero((positions < 0) | (positions >= size))
    if outside.size:
        raise UnreadableFile(
            f"frame {outside[0]} belongs to scan position {positions[outside[0]]}, outside the "
            f"scan of {height} × {width} positions ({size})"
        )
    return _Layout(version, (height, width), positions, notes)


def _of_version_3(scan, rows, size):
    """(R,) scan position of each row: raster order, unless the file lists another order."""
    positions = np.arange(size)
    if scan.shape == (size,) and scan.dtype.kind in "ui":
        listed = scan[()].astype(np.int64)
        if np.array_equal(np.sort(listed), positions):
            positions = listed
    return np.repeat(positions, rows // size)


def _version(file):
    version = np.asarray(file.attrs.get("version", 1))
    if version.size != 1 or version.item() not in (1, 2, 3):
        raise UnreadableFile(f"version {version} of the layout is not known; 1, 2 and 3 are")
    return int(version.item())


def _dataset(file, name):
    found = file.get(name)
    if not isinstance(found, h5py.Dataset) or found.file.filename != file.filename:
        raise UnreadableFile(
            f"the HDF5 file has no dataset {name}: it is not in the layout of the 4D Camera"
        )
    check_sources(found, Path(file.filename))
    return found


def _shape(dataset, of):
    """(rows, columns) from the attributes Ny and Nx."""
    values = []
    for name in ("Ny", "Nx"):
        if name not in dataset.attrs:
            raise UnreadableFile(
                f"{dataset.name[1:]} lacks the attribute {name}: the {of}'s shape is unknown"
            )
        value = np.asarray(dataset.attrs[name])
        if value.size != 1 or value.dtype.kind not in "uif" or value.item() != int(value.item()):
            raise UnreadableFile(f"{name} of {dataset.name[1:]} must be an integer, not {value}")
        values.append(int(value.item()))
    if min(values) < 1:
        raise UnreadableFile("the {} is empty: {} × {}".format(of, *values))
    return tuple(values)


def _stated(scan):
    """The scan shape that the file states; None if it states none."""
    try:
        return _shape(scan, "scan")
    except UnreadableFile:
        return None


def _given(scan_shape):
    height, width = (int(length) for length in scan_shape)
    if min(height, width) < 1:
        raise UnreadableFile(f"the scan is empty: {height} × {width}")
    return height, width


def _declared_flyback(file):
    """What the file says of a flyback column; None if nothing that can be understood."""
    value = np.asarray(file.attrs.get("livestem_flyback"))
    return bool(value.item()) if value.dtype.kind in "biu" and value.size == 1 else None


def _metadata(file):
    group = _group(file, "metadata")
    entries = _attributes(group, ENTRIES)
    entries["aberrations"] = _attributes(_group(group, "aberrations"), COEFFICIENTS)
    if not entries["aberrations"]:
        del entries["aberrations"]
    return known_metadata(entries)


def _group(parent, name):
    try:
        found = parent.get(name)
    except (OSError, RuntimeError, KeyError, ValueError, AttributeError):
        return None
    return found if isinstance(found, h5py.Group) else None


def _attributes(group, names):
    """Attributes of a group that can be read at all."""
    found = {}
    for name in names if group is not None else ():
        try:
            if name in group.attrs:
                found[name] = group.attrs[name]
        except (OSError, RuntimeError, KeyError, ValueError, TypeError):
            continue
    return found
