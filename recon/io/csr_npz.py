"""Our compact file of events: NumPy's `.npz` with the compressed sparse rows as they are.

    pixels        (E,) uint32     linear pixel indices
    offsets       (F + 1,) int64  the events of position f are pixels[offsets[f]:offsets[f + 1]]
    scan_shape    (2,) integer    positions (y, x)
    frame_shape   (2,) integer    detector pixels (y, x)
    metadata      text            optional; JSON, entries as in `recon.io.metadata`

There is no flyback column in it. `numpy.load` reads it, and `numpy.savez` can write it; we store
it uncompressed, so that reading it is one copy from the file. Checksums are not verified:
that would take longer than reading.
"""

import json
import struct
import zipfile
import zlib
from math import prod
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from recon.errors import UnreadableFile
from recon.events import ElectronEvents, Source
from recon.io.atomic import replacing
from recon.io.metadata import known_metadata
from recon.io.scanning import without_last_column

NAME = "event NPZ"
SUFFIXES = (".npz",)
OPTIONS: dict[str, str] = {}
PIECE = 1 << 24
"""Bytes between two reports of progress."""
LARGEST_TEXT = 1 << 20
EXPANSION = 64
"""How much larger than the whole file a compressed array may become, beyond `ALLOWANCE`."""
ALLOWANCE = 1 << 28


def matches(path: Path) -> bool:
    """Whether the file begins as a zip archive."""
    with open(path, "rb") as file:
        return file.read(4) == b"PK\x03\x04"


def read(path: Path, *, keep_flyback=None, scan_shape=None, progress) -> ElectronEvents:
    """Events of a file; see `recon.io.open_events`."""
    try:
        with zipfile.ZipFile(path) as archive, open(path, "rb", buffering=0) as raw:
            frame_shape = _shape(archive, raw, "frame_shape")
            scan_shape = scan_shape or _shape(archive, raw, "scan_shape")
            scan_shape = tuple(int(length) for length in scan_shape)
            offsets = _array(archive, raw, "offsets", np.int64, lambda fraction: None)
            pixels = _array(archive, raw, "pixels", np.uint32, progress)
            metadata = _metadata(archive)
    except zipfile.BadZipFile as error:
        raise UnreadableFile(f"the zip archive is damaged or truncated ({error})") from error
    except (EOFError, zlib.error, struct.error, RuntimeError, NotImplementedError) as error:
        raise UnreadableFile(f"the zip archive is damaged ({error})") from error
    events = ElectronEvents(
        pixels, offsets, scan_shape, frame_shape, metadata, Source(path.name, NAME)
    )
    return without_last_column(events) if keep_flyback is False else events


def write(path: Path, events: ElectronEvents, *, progress) -> None:
    """Write events; see `recon.io.write_events`."""
    arrays = {
        "scan_shape": np.array(events.scan_shape, np.int64),
        "frame_shape": np.array(events.frame_shape, np.int64),
        "metadata": np.array(json.dumps(known_metadata(events.metadata))),
        "offsets": events.offsets,
        "pixels": events.pixels,
    }
    with (
        replacing(path, events.nbytes) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive,
    ):
        for name, array in arrays.items():
            # An entry's time is part of it: a fixed one makes equal events equal files.
            entry = zipfile.ZipInfo(f"{name}.npy")
            with archive.open(entry, "w", force_zip64=array.nbytes > 1 << 30) as member:
                npy.write_array_header_1_0(member, npy.header_data_from_array_1_0(array))
                values = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
                for start in range(0, values.size, PIECE):
                    member.write(values[start : start + PIECE])
                    if name == "pixels":
                        progress(start / values.size)


def _array(archive, raw, name, dtype, progress):
    """One-dimensional array of the archive; straight from the file where it is uncompressed."""
    entry, shape, found, header = _header(archive, name)
    if found != np.dtype(dtype) or len(shape) != 1:
        raise UnreadableFile(
            f"{name} must be a one-dimensional array of {np.dtype(dtype)}, "
            f"but is of shape {shape} and type {found}"
        )
    size = prod(shape) * found.itemsize
    stored = Path(archive.filename).stat().st_size
    if size != entry.file_size - header or size > EXPANSION * stored + ALLOWANCE:
        raise UnreadableFile(
            f"{name} claims {size} bytes, which {entry.compress_size} bytes in a file of {stored} "
            "cannot hold: it is damaged"
        )
    if entry.compress_type == zipfile.ZIP_STORED:
        start = _start(raw, entry) + header
        if start + size > stored:
            raise UnreadableFile(f"{name} ends after {stored - start} of {size} bytes: truncated")
        raw.seek(start)
        return _fill(raw, np.empty(shape, dtype), name, progress)
    with archive.open(entry) as member:
        member.read(header)
        return _fill(member, np.empty(shape, dtype), name, progress)


def _fill(stream, array, name, progress):
    buffer, done = memoryview(array.view(np.uint8)), 0
    while done < len(buffer):
        count = stream.readinto(buffer[done : done + PIECE])
        if not count:
            raise UnreadableFile(f"{name} ends after {done} of {len(buffer)} bytes: truncated")
        done += count
        progress(done / len(buffer))
    return array


def _header(archive, name):
    """Entry of an array, its shape and dtype, and the bytes of its NumPy header."""
    try:
        entry = archive.getinfo(f"{name}.npy")
    except KeyError:
        raise UnreadableFile(
            f"the archive has no array {name!r}: it holds no electron events"
        ) from None
    with archive.open(entry) as member:
        version = npy.read_magic(member)
        read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        if version not in read_header:
            raise UnreadableFile(f"{name} is in version {version} of NumPy's format")
        shape, _, dtype = read_header[version](member)
        return entry, shape, dtype, member.tell()


def _start(raw, entry):
    """Where the bytes of an uncompressed entry begin: after its local header."""
    raw.seek(entry.header_offset + 26)
    name, extra = struct.unpack("<HH", raw.read(4))
    return entry.header_offset + 30 + name + extra


def _shape(archive, raw, name):
    entry, shape, dtype, _ = _header(archive, name)
    if shape != (2,) or dtype.kind not in "ui" or entry.file_size > LARGEST_TEXT:
        raise UnreadableFile(f"{name} must be two integers, but is of shape {shape}, type {dtype}")
    values = _array_of_any(archive, name)
    return int(values[0]), int(values[1])


def _array_of_any(archive, name):
    with archive.open(f"{name}.npy") as member:
        return npy.read_array(member, allow_pickle=False)


def _metadata(archive):
    try:
        if archive.getinfo("metadata.npy").file_size > LARGEST_TEXT:
            return {}
        return known_metadata(json.loads(str(_array_of_any(archive, "metadata"))))
    except (KeyError, ValueError, AttributeError, RecursionError, zipfile.BadZipFile):
        return {}
