"""Batches of counted frames, as interactEM hands them from operator to operator.

A ZeroMQ message of three parts: a MessageHeader (JSON, subject "bytes"), a BatchedFrameHeader
(msgpack), and the events of all frames one behind the other: linear pixel indices, uint32 unless a
frame's header names another dtype.

    BatchedFrameHeader  scan_number, headers, batch_size_bytes, total_batches, total_frames,
                        current_batch_index
    each of headers     scan_number, nSTEM_positions_per_row_m1, nSTEM_rows_m1,
                        STEM_x_position_in_row, STEM_row_in_scan, modules, frame_shape,
                        data_size_bytes, frame_number, dtype

The fields that end in _m1 hold full counts. Source: interactEM, `interactem.operators`, models of
BatchedFrames.
"""

import gc
import json
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter

import msgpack
import numpy as np

from recon.kernels.decode.headers import read_headers
from recon.scan.events import ElectronEvents

MESSAGE = json.dumps({"subject": "bytes"}).encode()
DTYPES = {"uint8", "uint16", "uint32", "int32"}
"""Of pixel indices; msgpack names them."""
LARGEST_SIDE = 1 << 14
"""Positions of a scan, or pixels of a detector, along a side."""
FIELDS = ("STEM_row_in_scan", "STEM_x_position_in_row", "data_size_bytes")
SHAPES = ("nSTEM_rows_m1", "nSTEM_positions_per_row_m1")
ALL = *FIELDS, *SHAPES, "frame_number", "frame_shape", "dtype"
NAMES = np.frombuffer("".join(ALL).encode(), np.uint8)
ENDS = np.cumsum([0, *map(len, ALL)])


@dataclass(frozen=True)
class Batch:
    """Frames of one scan.

    Parameters
    ----------
    number : int
        Of the scan.
    scan_shape, frame_shape : (int, int)
    total_frames : int or None
        That the scan has in all, if the sender says so.
    positions, counts : (n,) int64 array
        Place of each frame in raster order, and its electrons.
    pixels : (E,) uint32 array
    numbers : (n,) int64 array, or None
        What the camera calls each frame.
    cut : int
        Frames whose events the message lacks, in part or all; they are left out.
    strange : int
        Frames that state other shapes than the first one; they are left out.
    """

    number: int
    scan_shape: tuple[int, int]
    frame_shape: tuple[int, int]
    total_frames: int | None
    positions: np.ndarray
    counts: np.ndarray
    pixels: np.ndarray
    numbers: np.ndarray | None
    cut: int = 0
    strange: int = 0


def encode(scan: ElectronEvents, first: int, last: int, number: int, totals=None) -> list[bytes]:
    """The message of the frames first..last of a scan.

    Parameters
    ----------
    scan : ElectronEvents
    first, last : int
        In raster order.
    number : int
        Of the scan.
    totals : (int, int), optional
        This batch's place among all, and how many there are.
    """
    (height, width), offsets = scan.scan_shape, scan.offsets
    shapes = {
        "scan_number": number,
        "nSTEM_positions_per_row_m1": width,
        "nSTEM_rows_m1": height,
        "modules": [0, 1, 2, 3],
        "frame_shape": list(scan.frame_shape),
        "dtype": "uint32",
    }
    headers = [
        {
            **shapes,
            "STEM_x_position_in_row": frame % width,
            "STEM_row_in_scan": frame // width,
            "data_size_bytes": 4 * int(offsets[frame + 1] - offsets[frame]),
            "frame_number": frame,
        }
        for frame in range(first, last)
    ]
    pixels = np.ascontiguousarray(scan.pixels[offsets[first] : offsets[last]], "<u4")
    index, batches = totals or (None, None)
    batch = {
        "scan_number": number,
        "headers": headers,
        "batch_size_bytes": pixels.nbytes,
        "total_batches": batches,
        "total_frames": scan.positions,
        "current_batch_index": index,
    }
    return [MESSAGE, msgpack.packb(batch), pixels.tobytes()]


@contextmanager
def _no_collection():
    """Without a search for circles among the thousands of dicts of a batch: twice as fast."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def _quickly(data):
    """(batch, first header, columns, numbers, kept); None where headers are not all of a kind."""
    try:
        return _all_alike(data)
    except (msgpack.UnpackException, ValueError, TypeError):
        return None  # the plain way says what is wrong


def _all_alike(data):
    batch, rest, first = {}, msgpack.Unpacker(), msgpack.Unpacker()
    header = None
    rest.feed(data)
    for _ in range(rest.read_map_header()):
        name = rest.unpack()
        if name != "headers":
            batch[name] = rest.unpack()
            continue
        count, begin = rest.read_array_header(), rest.tell()
        if header is not None or not 0 < count * NAMES.size <= len(data) - begin:
            return None  # twice, or more than there can be
        columns = np.empty((count, len(FIELDS) + len(SHAPES) + 1), np.int64)
        end = read_headers(np.frombuffer(data, np.uint8), begin, columns, NAMES, ENDS)
        if end < 0:
            return None
        first.feed(rest.read_bytes(end - begin))
        header = first.unpack()
    if header is None or (columns[:, 3:5] != columns[0, 3:5]).any():
        return None
    return batch, header, columns[:, :3], columns[:, 5], np.ones(len(columns), bool)


def _one_by_one(data):
    """The same of headers that differ, or lack something; `numbers` may be None then."""
    with _no_collection():
        batch = msgpack.unpackb(data)
    headers = batch["headers"]
    first = headers[0]
    dtype = first.get("dtype", "uint32")
    columns = np.array(list(map(itemgetter(*FIELDS), headers)), np.int64).reshape(-1, 3)
    shape = itemgetter(*SHAPES, "frame_shape")
    same = shape(first)
    kept = np.array([shape(h) == same and h.get("dtype", "uint32") == dtype for h in headers])
    numbers = [h.get("frame_number") for h in headers]
    return batch, first, columns, None if None in numbers else np.array(numbers, np.int64), kept


def warm_up() -> None:
    """Have what reads headers compiled."""
    _quickly(msgpack.packb({"headers": [dict.fromkeys(ALL, 0)]}))


def decode(parts) -> Batch:
    """The frames of a message.

    Raises
    ------
    ValueError
        If it is no batch of counted frames; the message says why.
    """
    if len(parts) != 3:
        raise ValueError(f"a message of {len(parts)} parts (a batch of interactEM has 3)")
    try:
        header, first, columns, numbers, kept = _quickly(parts[1]) or _one_by_one(parts[1])
        number, total = int(header["scan_number"]), header.get("total_frames")
        scan_shape = tuple(int(first[name]) for name in SHAPES)
        frame_shape = tuple(int(n) for n in first["frame_shape"])
        dtype = first.get("dtype", "uint32")
    except (LookupError, TypeError, AttributeError, OverflowError, ValueError) as error:
        raise ValueError(
            f"a message that is no batch of counted frames ({error!r:.100})"
        ) from error
    shapes = *scan_shape, *frame_shape
    sensible = len(shapes) == 4 and min(shapes) >= 1 and max(shapes) <= LARGEST_SIDE
    if not sensible or dtype not in DTYPES:
        raise ValueError(
            f"a batch of {dtype} events, of a scan of {scan_shape} and frames of {frame_shape}"
        )
    sizes, dtype = columns[:, 2], np.dtype(dtype).newbyteorder("<")
    ends = np.cumsum(sizes)
    sound = (sizes >= 0) & (sizes % dtype.itemsize == 0) & (ends <= len(parts[2]))
    # After one that is not all there, nobody knows where the next one begins.
    whole = np.logical_and.accumulate(sound)
    counts = np.where(whole, sizes, 0) // dtype.itemsize
    values = np.frombuffer(parts[2], dtype, int(counts.sum()))
    cut, strange = np.count_nonzero(kept & ~whole), np.count_nonzero(~kept)
    kept &= whole
    if not kept.all():
        values = values[np.repeat(kept, counts)]
        columns, counts = columns[kept], counts[kept]
    known = None if numbers is None else numbers[kept]
    if dtype.kind == "i":
        # Negative indices become too large, and are told as such.
        values = values.astype(np.int64)
    within = (columns[:, 1] >= 0) & (columns[:, 1] < scan_shape[1])
    return Batch(
        number,
        scan_shape,
        frame_shape,
        total if isinstance(total, int) else None,
        np.where(within, columns[:, 0] * scan_shape[1] + columns[:, 1], -1),
        counts,
        values.astype(np.uint32, copy=False),
        known,
        int(cut),
        int(strange),
    )
