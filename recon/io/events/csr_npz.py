"""Our compact file of events: NumPy's `.npz` with the compressed sparse rows as they are.

    pixels        (E,) uint32     linear pixel indices
    offsets       (F + 1,) int64  the events of position f are pixels[offsets[f]:offsets[f + 1]]
    scan_shape    (2,) integer    positions (y, x)
    frame_shape   (2,) integer    detector pixels (y, x)
    metadata      text            optional; JSON, entries as in `recon.io.metadata`
    subpixel      (E,) uint8      optional; place of each electron in its pixel, as in
                                  `recon.scan.events`

There is no flyback column in it. `numpy.load` reads it, and `numpy.savez` can write it; we store
it uncompressed and aligned, so that reading it is one copy from the file.
"""

import json
import struct
import zipfile
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from recon.errors import UnreadableFile
from recon.io.events import npz
from recon.io.files.atomic import replacing
from recon.io.metadata import known_metadata
from recon.io.scanning import contradicted, without_last_column
from recon.scan.events import ElectronEvents, Source

NAME = "event NPZ"
SUFFIXES = (".npz",)
OPTIONS: dict[str, str] = {}
MOST_NAMED, LONGEST = 4, 100
"""Arrays of others, and characters of their names, that a refusal lists."""
LARGE = 1 << 30
"""Bytes from which on an entry has sizes of eight bytes."""
ALIGNED = 64
"""Bytes: arrays begin at multiples of them, for whoever maps them into memory."""


def matches(path: Path) -> bool:
    """Whether the file begins as a zip archive."""
    return npz.is_zip(path)


def holds_events(path: Path) -> bool:
    """Whether the file is an archive of events in compressed sparse rows."""
    return "frame_shape" in npz.names(path)


def read(
    path: Path, *, keep_flyback=None, scan_shape=None, progress, rows: tuple[int, int] | None = None
) -> ElectronEvents:
    """Events of a file, or of some of its rows; see `recon.io.open_events`."""
    if (found := npz.names(path)) and "frame_shape" not in found:
        listed = ", ".join(sorted(found)[:MOST_NAMED])
        raise UnreadableFile(
            f"the archive holds {listed[:LONGEST]}, and no electron events (pixels, offsets, "
            "scan_shape, frame_shape): of frames, save the array alone, as .npy"
        )
    with npz.opened(path) as archive:
        frame_shape = archive.pair("frame_shape")
        stated = archive.pair("scan_shape") if scan_shape is None else _stated(archive)
        notes = contradicted(stated, scan_shape)
        scan_shape = scan_shape or stated
        offsets = archive.array("offsets", np.int64)
        scan_shape, offsets, part = _rows(scan_shape, offsets, rows)
        pixels = archive.array("pixels", np.uint32, progress=progress, part=part)
        subpixel = archive.array("subpixel", np.uint8, part=part) if "subpixel" in archive else None
        metadata = _metadata(archive)
    events = ElectronEvents(
        pixels,
        offsets,
        scan_shape,
        frame_shape,
        metadata,
        Source(path.name, NAME, notes=notes),
        subpixel=subpixel,
    )
    return without_last_column(events) if keep_flyback is False else events


def _rows(scan_shape, offsets, rows):
    """Shape, offsets and range of electrons of some rows; no range for all of them."""
    if rows is None:
        return scan_shape, offsets, None
    (begin, end), width = rows, scan_shape[1]
    kept = offsets[begin * width : end * width + 1]
    if not 0 <= begin < end <= scan_shape[0] or kept.size != (end - begin) * width + 1:
        raise UnreadableFile(f"rows {begin} to {end} are not in a scan of {scan_shape[0]} rows")
    if not 0 <= kept[0] <= kept[-1]:
        raise UnreadableFile("the frames' offsets decrease: the event list is damaged")
    return (end - begin, width), kept - kept[0], (int(kept[0]), int(kept[-1]))


def _stated(archive):
    """The scan shape that the file states; None if it states none that can be read."""
    try:
        return archive.pair("scan_shape")
    except UnreadableFile:
        return None


def write(path: Path, events: ElectronEvents, *, progress) -> None:
    """Write events; see `recon.io.write_events`."""
    arrays = {
        "scan_shape": np.array(events.scan_shape, np.int64),
        "frame_shape": np.array(events.frame_shape, np.int64),
        "metadata": np.array(json.dumps(known_metadata(events.metadata))),
        "offsets": events.offsets,
        "pixels": events.pixels,
    }
    if events.subpixel is not None:
        arrays["subpixel"] = events.subpixel
    with (
        replacing(path, events.nbytes) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive,
    ):
        for name, array in arrays.items():
            # An entry's time is part of it: a fixed one makes equal events equal files.
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.extra = _padding(file.tell(), entry.filename, array.nbytes > LARGE)
            with archive.open(entry, "w", force_zip64=array.nbytes > LARGE) as member:
                npy.write_array_header_1_0(member, npy.header_data_from_array_1_0(array))
                values = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
                for start in range(0, values.size, npz.PIECE):
                    member.write(values[start : start + npz.PIECE])
                    if name == "pixels":
                        progress(start / values.size)


def _padding(place, name, large):
    """Extra field of an entry at `place`, after which its content begins aligned.

    A field is four bytes of its number and size, and as many bytes; number 0xD935 is what
    Android's zipalign uses for the same. Sizes of eight bytes are a field of twenty bytes.
    """
    start = place + 30 + len(name.encode()) + (20 if large else 0) + 4
    fill = -start % ALIGNED
    return struct.pack("<HH", 0xD935, fill) + bytes(fill)


def _metadata(archive):
    try:
        return known_metadata(json.loads(str(archive.small("metadata"))))
    except (ValueError, AttributeError, RecursionError, zipfile.BadZipFile):
        return {}
