"""A recording that is not finished: its rows lie in the order in which they came.

    [unfinished]  rows_file    a record for each row: its number (int64) and the electrons at each
                               of its positions (uint32); of a row that came in parts, several
                  pixels_file  linear pixel of each electron (uint32), record after record
                  places_file  its place in the pixel (uint8, see `recon.scan.events`), if known

All of it is little-endian. Files are appended to, the record of a row last, so that whatever ended
the recording, the records whose electrons are there are the rows that had come. It is read as a
scan of the rows up to the last one; what is missing among them is empty.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from recon.errors import UnreadableFile
from recon.io.files.slabs import FileArray
from recon.scan.events import ElectronEvents, Source
from recon.scan.regroup import regrouped

FILES = {"rows": None, "pixels": "<u4", "places": "|u1"}
PIECE = 1 << 22
"""Electrons that are copied in one go."""


def record_type(width: int) -> np.dtype:
    """Of a row with so many positions."""
    return np.dtype([("row", "<i8"), ("counts", "<u4", (width,))])


def offsets_of(rows, counts, height: int) -> np.ndarray:
    """(height * Sx + 1,) int64 where each position begins, from (R,) rows and (R, Sx) counts."""
    sums = np.zeros((height, counts.shape[1]), np.int64)
    np.add.at(sums, rows, counts)
    return np.concatenate([[0], np.cumsum(sums)])


def in_raster_order(rows, counts, take: Callable) -> Iterator[np.ndarray]:
    """What belongs to electrons, position after position, in pieces.

    Parameters
    ----------
    rows : (R,) int array
        Row of each record.
    counts : (R, Sx) int array
        Electrons at each position.
    take : callable
        `take(first, last)` returns what belongs to the electrons first..last in the order in which
        they came.
    """
    totals = counts.sum(axis=1, dtype=np.int64)
    ends = np.cumsum(totals)
    if np.all(np.diff(rows) > 0):
        last = int(ends[-1]) if ends.size else 0
        for first in range(0, last, PIECE):
            yield take(first, min(first + PIECE, last))
        return
    order = np.argsort(rows, kind="stable")
    borders = np.flatnonzero(np.diff(rows[order])) + 1
    for records in np.split(order, borders):
        found = [take(int(ends[r] - totals[r]), int(ends[r])) for r in records]
        if len(found) == 1:
            yield found[0]
            continue
        columns = np.tile(np.arange(counts.shape[1]), len(records))
        yield np.concatenate(found)[regrouped(columns, counts[records].reshape(-1))]


def read(path: Path, name: str, sides: dict, shapes, metadata, progress) -> ElectronEvents:
    """The rows that had come.

    Parameters
    ----------
    path : Path
        The TOML file.
    name : str
        Of the format.
    sides : dict
        Path of each of `FILES`, as far as the TOML file names them.
    shapes : ((Sy, Sx), (Ky, Kx))
        As announced.
    metadata : dict
    progress : callable
        Called with the fraction done.

    Raises
    ------
    UnreadableFile
        If no row had come, or a record makes no sense.
    """
    (height, width), frame_shape = shapes
    record = record_type(width)
    whole = {key: _whole(side, FILES[key] or record) for key, side in sides.items()}
    records = FileArray(sides["rows"], record, (whole["rows"],)).read()
    rows, counts = records["row"].astype(np.int64), records["counts"]
    ends = np.cumsum(counts.sum(axis=1, dtype=np.int64))
    there = min(number for key, number in whole.items() if key != "rows")
    number = int(np.searchsorted(ends, there, side="right"))
    rows, counts = rows[:number], counts[:number]
    if not number:
        raise UnreadableFile("the recording was ended before its first row")
    if rows.min() < 0 or rows.max() >= height:
        raise UnreadableFile(f"it has rows outside its scan of {height} × {width}: it is damaged")
    came = int(rows.max()) + 1
    offsets, columns = offsets_of(rows, counts, came), {}
    for key in whole:
        if key == "rows":
            continue
        column = FileArray(sides[key], FILES[key], (int(ends[number - 1]),))
        out, place = np.empty(len(column), column.dtype), 0
        for piece in in_raster_order(rows, counts, lambda a, b, column=column: column[a:b]):
            out[place : place + piece.size] = piece
            place += piece.size
            progress(place / out.size)
        columns[key] = out.astype(out.dtype.newbyteorder("="), copy=False)
    notes = [f"The recording is not finished: {came} of {height} rows are there."]
    if empty := came - np.unique(rows).size:
        notes.append(f"Among them, {empty} had not come: empty.")
    source = Source(path.name, name, notes=tuple(notes))
    return ElectronEvents(
        columns["pixels"],
        offsets,
        (came, width),
        frame_shape,
        metadata,
        source,
        subpixel=columns.get("places"),
    )


def _whole(side, dtype):
    """Elements of which a file has all bytes."""
    try:
        return side.stat().st_size // np.dtype(dtype).itemsize
    except OSError as error:
        raise UnreadableFile(f"its file {side.name}: {error.strerror}") from error
