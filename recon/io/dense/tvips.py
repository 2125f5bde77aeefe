"""TVIPS EMMENU recordings (`_000.tvips` and those that follow): frames with a header each.

The camera starts before the scan does and goes on after it. Each frame of version 2 says at which
position of the scan it was taken (`rotidx`, from 1), a little late now and then.
"""

import re
import stat
from pathlib import Path

import numpy as np

from recon.errors import UnreadableFile
from recon.io.dense.arrays import Array
from recon.io.dense.filling import Selected
from recon.io.dense.records import Records
from recon.io.scanning import pair

NAME = "TVIPS"
SUFFIXES = (".tvips", ".tvip")
OPTIONS = {"skip_frames": "frames before the scan's first, where their headers do not tell"}
HEADER = np.dtype(
    {
        "names": ["size", "version", "nx", "ny", "bits", "ht", "before"],
        "formats": ["<u4"] * 7,
        "offsets": [0, 4, 8, 12, 16, 40, 48],
        "itemsize": 256,
    }
)
POSITION = 48
"""Where a frame's header has the number of its position."""


def matches(path: Path) -> bool:
    """Whether a file begins as a recording does."""
    if not path.is_file() or path.suffix.lower() not in SUFFIXES:
        return False
    with open(path, "rb") as file:
        start = file.read(HEADER.itemsize)
    if len(start) < HEADER.itemsize:
        return False
    found = np.frombuffer(start, HEADER)[0]
    pixels = int(found["nx"]) * int(found["ny"])
    return (
        found["size"] == 256
        and found["version"] in (1, 2)
        and found["bits"] in (8, 16)
        and 0 < pixels < 1 << 27
    )


def hint(path: Path) -> str | None:
    """A sentence for the later files of a recording."""
    number = re.fullmatch(r"(.*_)(\d{3})", path.stem)
    if path.suffix.lower() not in SUFFIXES or number is None or number[2] == "000":
        return None
    return f"it goes on with a recording of TVIPS: choose {number[1]}000{path.suffix}"


def read(path: Path, asked=None, skip_frames=None) -> Array:
    """The frames of the scan, without those before it and after it."""
    with open(path, "rb") as file:
        header = np.frombuffer(file.read(HEADER.itemsize), HEADER)[0]
    before = 12 if header["version"] == 1 else int(header["before"])
    if before > 1 << 20:
        raise UnreadableFile(f"a header of {before} bytes before each frame: it is damaged")
    pixels = (f"<u{header['bits'] // 8}", (int(header["ny"]), int(header["nx"])))
    record = np.dtype([("before", f"V{before}"), ("frame", *pixels)])
    records = Records(_parts(path), record)
    frames = records.shape[0]
    if frames < 1:
        raise UnreadableFile(
            f"it is cut off or damaged: {path.stat().st_size} bytes hold no frame of "
            "{} × {} pixels".format(*pixels[1])
        )
    stored, notes = records, records.cut()
    size = None if asked is None else int(np.prod(pair(asked, "scan")))
    index, more = None, ()
    if skip_frames is not None:
        index, more = _from(skip_frames, frames, size)
    elif before >= POSITION + 4:
        index, more = _of_scan(_positions(records))
        # Whoever asks for all of the frames gets them.
        if index is not None and size == frames != index.size:
            index = None
    if index is not None:
        stored, notes = Selected(records, index), notes + more
    elif size is not None and size < frames:
        raise UnreadableFile(
            f"{frames} frames are more than the scan's {size}, and their headers do not say which "
            "are the scan's: give the option skip_frames, the number of frames before the scan "
            "(0 if there are none)"
        )
    said = {}
    if voltage := int(header["ht"]):
        # In kV; but no microscope has a thousand of them.
        said["energy"] = (voltage * 1e3 if voltage < 1000 else voltage * 1.0, "header HT")
    return Array(stored, path.name, NAME, said, notes=notes)


def _parts(path):
    """The files of a recording, each with the bytes before its first frame."""
    parts = [(path, HEADER.itemsize)]
    name = re.fullmatch(r"(.*_)000", path.stem)
    while name is not None:
        beside = path.with_name(f"{name[1]}{len(parts):03}{path.suffix}")
        try:
            if not stat.S_ISREG(beside.lstat().st_mode):
                break
        except OSError:
            break
        parts.append((beside, 0))
    return parts


def _from(skipped, frames, size):
    """Which frame is at each position of a scan that begins after so many, and what is left out."""
    whole = isinstance(skipped, int | float) and skipped == skipped // 1
    if not whole or not 0 <= skipped < frames:
        raise UnreadableFile(
            f"skip_frames must be a whole number from 0 to {frames - 1}, not {str(skipped)[:40]}"
        )
    first = int(skipped)
    last = frames if size is None else min(frames, first + size)
    if first + frames - last == 0:
        return np.arange(frames), ()
    return np.arange(first, last), (
        f"{first} frames before the scan and {frames - last} after it are left out.",
    )


def _positions(records):
    """The number of its position in each frame's header."""
    found = np.zeros(records.shape[0], np.int64)
    for number, head in enumerate(records.heads(POSITION + 4)):
        found[number] = int.from_bytes(head[POSITION:], "little")
    return found


def _of_scan(positions):
    """Which frame is at each position of the scan, and what is left out; None where none tells."""
    rises = np.flatnonzero(np.diff(positions) > 0)
    if not rises.size:
        return None, ()
    first = int(rises[0]) + (positions[rises[0]] == 0)
    last = int(rises[-1]) + 1
    numbers = positions[first : last + 1]
    size = int(numbers[-1])
    if np.any(np.diff(numbers) < 0) or numbers[0] < 1 or not 1 < size <= 2 * len(numbers):
        return None, ()
    index = np.full(size, -1, np.int64)
    values, starts, copies = np.unique(numbers, return_index=True, return_counts=True)
    room = np.diff(values, append=size + 1)
    for value, start, taken in zip(values, starts, np.minimum(copies, room), strict=True):
        # A number that comes twice stands for the next, too, where that was skipped.
        index[value - 1 : value - 1 + taken] = np.arange(taken) + first + start
    notes = []
    if left := len(positions) - int(np.count_nonzero(index >= 0)):
        notes.append(
            f"The scan runs from frame {first + 1} to {last + 1} of {len(positions)}, by the "
            f"positions in their headers: {left} frames before, after or twice are left out."
        )
    if empty := int(np.count_nonzero(index < 0)):
        lack = "1 position of the scan has" if empty == 1 else f"{empty} positions of the scan have"
        notes.append(f"{lack} no frame, and nothing is counted there.")
    return index, tuple(notes)
