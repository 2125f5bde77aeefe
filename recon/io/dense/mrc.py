"""MRC stacks, those of Direct Electron's movies with the scan told in an `_info.txt` beside.

The header after MRC2014 (Cheng et al., J. Struct. Biol. 192, 146 (2015)). Of the frames that it
promises, those are read that are there.
"""

import re
import stat
from pathlib import Path

import numpy as np

from recon.errors import UnreadableFile
from recon.io.dense.arrays import Array, step
from recon.io.dense.filling import Selected
from recon.io.dense.records import Records

NAME = "MRC"
HEADER = 1024
TYPES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
"""Pixels by the header's mode."""
MOVIE = re.compile(r"(\d{8}_\d+)_(?:.*_)?movie", re.IGNORECASE)
"""Direct Electron's names: date, number, anything, `movie`."""
LARGEST_TEXT = 1 << 24


def matches(path: Path) -> bool:
    """Whether a file begins as an MRC stack does."""
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        start = file.read(HEADER)
    if len(start) < HEADER or start[208:212] != b"MAP ":
        return False
    columns, rows, _, mode = np.frombuffer(start, f"{_order(start)}u4", 4).tolist()
    return 0 < columns * rows < 1 << 27 and mode < 128


def read(path: Path, asked=None) -> Array:
    """The frames, and what an `_info.txt` beside them says."""
    with open(path, "rb") as file:
        start = file.read(HEADER)
    order = _order(start)
    columns, rows, sections, mode = np.frombuffer(start, f"{order}u4", 4).tolist()
    offset = HEADER + int(np.frombuffer(start, f"{order}u4", 24)[23])
    info, beside, doubt = _info(path)
    if mode not in TYPES:
        raise UnreadableFile(f"its pixels are of MRC's mode {mode}, which is not read")
    kind = TYPES[mode]
    if mode == 0 and (info or not _signed(start, order)):
        kind = "u1"
    record = np.dtype([("frame", f"{order}{kind}", (rows, columns))])
    records = Records([(path, offset)], record)
    frames = records.shape[0]
    if frames < 1:
        raise UnreadableFile(
            f"it is cut off or damaged: {path.stat().st_size} bytes hold no frame of {rows} × "
            f"{columns} pixels"
        )
    notes = doubt
    if sections and sections != frames:
        notes += (f"The header speaks of {sections} frames, the file holds {frames}.",)
    if sections > frames:
        notes += records.cut()
    shape, stored = _stated(info), records
    if info.get("Scan - Enable") == "Enable" and info.get("Scan - Type", "Raster") != "Raster":
        stored, shape, more = _by_positions(records, path, info["Scan - Type"])
        notes += more
    by = beside.name if beside else "the file"
    said = _said(info, by)
    files = [beside] if beside else []
    return Array(stored, path.name, NAME, said, shape, by, beside=files, notes=notes)


def _order(start):
    """Byte order, by the machine stamp, unless the mode makes sense in the other alone."""
    stamped, other = "><" if start[212] == 0x11 else "<>"
    modes = {order: int(np.frombuffer(start, f"{order}u4", 4)[3]) for order in "<>"}
    return other if modes[stamped] >= 128 > modes[other] else stamped


def _signed(start, order):
    """Whether bytes have a sign: so MRC2014, unless IMOD's flags say otherwise."""
    if start[152:156] in (b"IMOD", b"DOMI"):
        return bool(np.frombuffer(start, f"{order}u4", 40)[39] & 1)
    return True


def _beside(path, ending):
    """A file that belongs to Direct Electron's movie; None if there is none, or it is a link."""
    movie = MOVIE.fullmatch(path.stem)
    if movie is None:
        return None
    for other in sorted(path.parent.glob(f"{movie[1]}_*{ending}")):
        if stat.S_ISREG(other.lstat().st_mode) and other.stat().st_size <= LARGEST_TEXT:
            return other
    return None


def _info(path):
    """Entries of the `_info.txt` beside a movie, that file, and sentences of doubt."""
    beside = _beside(path, "info.txt")
    if beside is None:
        return {}, None, ()
    try:
        text = beside.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        return {}, None, (f"{beside.name} was not used: {error.strerror}.",)
    pairs = (line.partition("=") for line in text.splitlines())
    return {key.strip(): value.strip() for key, mark, value in pairs if mark}, beside, ()


def _stated(info):
    """The scan shape; None if the camera followed no scan."""
    if info.get("Scan - Enable") != "Enable":
        return None
    part = "ROI Size" if info.get("Scan - ROI Enable") == "Enable" else "Size"
    shape = [_number(info, f"Scan - {part} {axis}") for axis in "YX"]
    return tuple(int(n) for n in shape) if all(n and n == int(n) for n in shape) else None


def _number(info, name):
    """A number above zero; None if the camera's software did not know it (−1), or it is none."""
    try:
        value = float(info.get(name))
    except (TypeError, ValueError):
        return None
    return value if np.isfinite(value) and value > 0 else None


def _said(info, by):
    said = {}
    wanted = {
        "energy": ("Instrument Accelerating Voltage (V)", 1.0),
        "camera_length": ("Instrument Project Camera Length (centimeters)", 1e-2),
    }
    for name, (theirs, factor) in wanted.items():
        if value := _number(info, theirs):
            said[name] = (value * factor, f"{by}: {theirs}")
    sizes = [_number(info, f"Specimen Pixel Size {axis} (nanometers)") for axis in "YX"]
    return said | step(*sizes, "nm", f"{by}: Specimen Pixel Size")


def _by_positions(records, path, kind):
    """Frames of a scan that is not row by row, put where the list beside says that they were."""
    beside = _beside(path, "scan_coordinates.csv")
    if beside is None:
        raise UnreadableFile(
            f"its scan is {kind[:40]}, not row by row, and no _scan_coordinates.csv is beside it"
        )
    try:
        places = np.loadtxt(beside, delimiter=",", dtype=np.int64, ndmin=2)
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{beside.name} is no list of positions (x, y)") from error
    if places.shape[1] != 2 or not places.size or places.min() < 0 or places.max() >= 1 << 20:
        raise UnreadableFile(f"{beside.name} is no list of positions (x, y)")
    places = places[: records.shape[0]]
    width, height = (int(n) + 1 for n in places.max(axis=0))
    index = np.full(height * width, -1, np.int64)
    linear = places[:, 1] * width + places[:, 0]
    index[linear[::-1]] = np.arange(len(linear))[::-1]
    notes = []
    if left := records.shape[0] - int(np.count_nonzero(index >= 0)):
        notes.append(f"{left} frames at positions that were visited before are left out.")
    if empty := int(np.count_nonzero(index < 0)):
        notes.append(f"{empty} positions have no frame: they are empty.")
    return Selected(records, index), (height, width), tuple(notes)
