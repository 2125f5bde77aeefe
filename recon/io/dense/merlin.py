"""Quantum Detectors' Merlin (`.mib`): a header of text before each frame, rows from the bottom up.

A `.hdr` beside it says how the frames were triggered. The frames are counted here, and their number
held against it; a scan of one file a frame is opened by any of its files.
"""

import re
import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recon.errors import UnreadableFile
from recon.io.dense.arrays import Array
from recon.io.dense.filling import Selected
from recon.io.dense.records import Records

NAME = "Merlin .mib"
TYPES = {"U08": ">u1", "U16": ">u2", "U32": ">u4", "U64": ">u8"}
SERIES = re.compile(r"(.*?)\d+\.mib", re.IGNORECASE)
LONGEST_HEADER = 1 << 14
"""Bytes."""
LARGEST_SIDE = 1 << 14
"""Pixels."""
LONGEST_HDR = 1 << 20
"""Bytes of the text beside."""
TIMED = 4096
"""Frames whose times are looked at for the pauses between rows."""
SCATTER, UNITS = 20.0, 2
"""By how many standard deviations of the frames' times, and of their last digits, a pause stands
out."""


@dataclass(frozen=True)
class Header:
    """What stands before a frame."""

    number: int
    length: int
    shape: tuple[int, int]
    code: str
    fields: tuple[str, ...]


def matches(path: Path) -> bool:
    """Whether a file begins as Merlin's do."""
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return file.read(4) == b"MQ1,"


def hint(path: Path) -> str | None:
    """A sentence for the text beside the frames."""
    with open(path, "rb") as file:
        if file.read(4) != b"HDR,":
            return None
    return "it is Merlin's description of a scan: choose the .mib file beside it, with the frames"


def read(path: Path, asked=None) -> Array:
    """The frames of a file, or of a series of files, with what the `.hdr` says of them."""
    header = parsed(_start(path))
    if header.code not in TYPES:
        raise UnreadableFile(
            f"its frames are stored as {header.code[:8]}, which is not read: store them as U08, "
            "U16 or U32 (in Merlin's software, without Raw)"
        )
    frame = (TYPES[header.code], header.shape)
    record = np.dtype([("header", f"V{header.length}"), ("frame", *frame)])
    hdr, beside, doubt = _beside(path)
    shape, by = stated(hdr), beside.name if beside else "the file"
    files, index, notes = _series(path, header, record.itemsize, asked or shape)
    records = Records([(file, 0) for file in files], record, upwards=True)
    if records.shape[0] < 1:
        raise UnreadableFile(
            f"it is cut off within its first frame ({path.stat().st_size} of {record.itemsize} "
            "bytes)"
        )
    notes += (*records.cut(), *doubt)
    if index is None:
        index, lost = _lost(records, asked or shape)
        notes += lost
    stored = records if index is None else Selected(records, index)
    number = stored.shape[0]
    told = _whole(hdr.get("frames in acquisition (number)"))
    if shape is None:
        shape, by = None if index is not None else _by_pauses(records), "the timing of the frames"
        if shape is not None and asked is None:
            notes += (
                "Nothing states the scan's shape: it is taken from the pauses after every "
                f"{shape[1]} frames.",
            )
        if told and told != number:
            notes += (f"{beside.name} speaks of {told} frames, there are {number}.",)
    said = {}
    exposure = _seconds(header)
    if exposure is not None:
        said["dwell_time"] = (exposure, "header of the first frame")
    described = [beside] if beside else []
    return Array(stored, path.name, NAME, said, shape, by, beside=described, notes=notes)


def _start(path):
    with open(path, "rb") as file:
        return file.read(LONGEST_HEADER)


def parsed(start: bytes) -> Header:
    """The header that stands before a frame; `UnreadableFile` if it is none."""
    fields = tuple(start.decode("latin-1").split(","))
    try:
        number, length = int(fields[1]), int(fields[2])
        shape, code = (int(fields[5]), int(fields[4])), fields[6].strip()
    except (IndexError, ValueError) as error:
        raise UnreadableFile(
            "it looks like Merlin .mib, but is damaged or of an unknown variety: its header is "
            f"{start[:60].decode('ascii', 'replace')!r}"
        ) from error
    if not (32 <= length <= LONGEST_HEADER and min(shape) >= 1 and max(shape) <= LARGEST_SIDE):
        raise UnreadableFile(
            f"it looks like Merlin .mib, but is damaged: a header of {length} bytes before frames "
            f"of {shape[0]} × {shape[1]} pixels"
        )
    return Header(number, length, shape, code, tuple(f.strip() for f in fields))


def _series(path, header, size, shape):
    """The files of a scan in order, which frame each place holds, and what is missing.

    One file is a series with others of the same name but for its last number, if each of them
    holds one frame, or if their frames are numbered on from file to file.
    """
    alone = [path], None, ()
    name = re.fullmatch(r"(.*?)(\d+)", path.stem)
    if name is None:
        return alone
    like = re.compile(re.escape(name[1]) + r"(\d+)" + re.escape(path.suffix), re.IGNORECASE)
    found = {}
    for other in path.parent.iterdir():
        number = like.fullmatch(other.name)
        if number and (count := _counted(other, header, size)):
            found[int(number[1])] = (other, *count)
    if len(found) < 2 or path not in (file for file, *_ in found.values()):
        return alone
    if path.stat().st_size // size == 1:
        found = {n: part for n, part in found.items() if part[2] == 1}
        return _one_a_frame(found, shape) or alone
    files, here, expected = [], False, None
    for _, (file, first, frames) in sorted(found.items()):
        if files and first != expected:
            if here:
                break
            files = []
        files.append(file)
        here, expected = here or file == path, first + frames
    if not here or len(files) < 2:
        return alone
    return files, None, (f"The frames are numbered on through {len(files)} files.",)


def without_followers(folder: Path, names) -> list[str]:
    """Names of files, of which those of one frame each but for a number stand for all of theirs.

    Parameters
    ----------
    folder : Path
    names : iterable of str
        Of files in it; in this order the first of a series stays.
    """
    kept, seen = [], {}
    for name in names:
        series = SERIES.fullmatch(name)
        if series is None:
            kept.append(name)
            continue
        size = _size(folder / name)
        if series[1] not in seen:
            seen[series[1]] = size if _is_one_frame(folder / name) else None
            kept.append(name)
        elif seen[series[1]] != size:
            kept.append(name)
    return kept


def _size(path):
    try:
        return path.lstat().st_size
    except OSError:
        return -1


def _is_one_frame(path):
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return False
        with open(path, "rb") as file:
            header = parsed(file.read(512))
    except (OSError, UnreadableFile):
        return False
    pixel = np.dtype(TYPES.get(header.code, "u1")).itemsize
    return path.stat().st_size == header.length + pixel * header.shape[0] * header.shape[1]


def _counted(file, header, size):
    """Number of the first frame, and how many there are, in a file like another; else None."""
    # A link is none of a series, wherever it leads.
    if not stat.S_ISREG(file.lstat().st_mode):
        return None
    try:
        with open(file, "rb") as stream:
            other = parsed(stream.read(512))
    except (OSError, UnreadableFile):
        return None
    if (other.length, other.shape, other.code) != (header.length, header.shape, header.code):
        return None
    return other.number, file.stat().st_size // size


def _begin(first, last, shape):
    """Number of the frame at the first position: 1 if the last one has that of the last."""
    return min(1, first) if shape is not None and last == shape[0] * shape[1] else first


def _one_a_frame(found, shape):
    """As `_series`, for files of one frame, by the numbers in their names; None if too few."""
    files, numbers = [part[0] for _, part in sorted(found.items())], sorted(found)
    counted = [part[1] for _, part in sorted(found.items())]
    begin = numbers[0]
    # By the frames' own numbers, unless each file's begin anew.
    if len(set(counted)) == len(files):
        files = [file for _, file in sorted(zip(counted, files, strict=True))]
        numbers = sorted(counted)
        begin = _begin(numbers[0], numbers[-1], shape)
    places = np.array(numbers) - begin
    missing = int(places[-1]) + 1 - len(files)
    if len(files) < 2 or missing > len(files):
        return None
    notes = (f"The scan is of {len(files)} files, one a frame.",)
    if not missing:
        return files, None, notes
    index = np.full(int(places[-1]) + 1, -1)
    index[places] = np.arange(len(files))
    lack = "1 frame of it has" if missing == 1 else f"{missing} frames of it have"
    return files, index, (*notes, f"{lack} no file, and nothing is counted there.")


def _lost(records, shape):
    """Which frame each place holds, by their numbers, and a sentence, where some were lost.

    None where the numbers run on, and where the frames fill the scan: then what lies between two
    numbers was never meant to be kept, such as the flyback.
    """
    frames = records.shape[0]
    first, last = (parsed(records.head(n, 512)).number for n in (0, frames - 1))
    begin, size = _begin(first, last, shape), 0 if shape is None else shape[0] * shape[1]
    span = last - begin + 1
    # Numbers of six digits begin anew after a million frames.
    if span <= frames or last >= 999_999 or frames == size:
        return None, ()
    lost = "1 was" if span - frames == 1 else f"{span - frames} were"
    told = f"The frames are numbered {first} to {last}, there are {frames}: {lost} lost"
    if not frames < span <= size:
        return None, (f"{told}, and what follows stands too early in the scan.",)
    places = [parsed(head).number - begin for head in records.heads(512)]
    if np.any(np.diff(places) <= 0) or min(places) < 0:
        return None, (f"{told}, and the order of the others is not sure.",)
    index = np.full(span, -1, np.int64)
    index[places] = np.arange(frames)
    where = "its position" if span - frames == 1 else "their positions"
    return index, (f"{told}, and nothing is counted at {where}.",)


def _beside(path):
    """Entries of the `.hdr` beside a file, that file, and sentences of doubt."""
    stems = [path.stem.lower(), re.sub(r"[ _-]*\d+$", "", path.stem).lower()]
    found = {
        other.stem.lower(): other
        for other in sorted(path.parent.iterdir())
        if other.suffix.lower() == ".hdr" and other.stem.lower() in stems
    }
    beside = next((found[stem] for stem in stems if stem in found), None)
    try:
        if beside is None or not stat.S_ISREG(beside.lstat().st_mode):
            return {}, None, ()
        with open(beside, "rb") as file:
            content = file.read(LONGEST_HDR)
    except OSError as error:
        return {}, None, (f"{beside.name} was not used: {error.strerror}.",)
    return entries(content), beside, ()


def entries(hdr: bytes) -> dict[str, str]:
    """Entries of a `.hdr`, by their names in small letters."""
    found = {}
    # Merlin writes in the code page of its computer; nothing that counts is beyond ASCII.
    for line in hdr.decode("latin-1").splitlines():
        key, tab, value = line.partition("\t")
        if tab:
            found[key.strip().rstrip(":").strip().lower()] = value.strip()
    return found


def stated(hdr):
    """The scan shape that a `.hdr` states; None if it does not."""
    shape = _whole(hdr.get("scany")), _whole(hdr.get("scanx"))
    if all(shape):
        return shape
    frames = _whole(hdr.get("frames in acquisition (number)"))
    width = _whole(hdr.get("frames per trigger (number)"))
    # One trigger a frame tells no rows, and one for all of them neither.
    if not frames or not width or width < 2 or frames <= width:
        return None
    return -(-frames // width), width


def _whole(text):
    """A whole number above zero, or None."""
    try:
        number = int(str(text).split()[0])
    except (IndexError, ValueError):
        return None
    return number if 0 < number < 1 << 40 else None


def _seconds(header):
    """Exposure of a frame; None if the header does not say."""
    try:
        value = float(header.fields[10])
    except (IndexError, ValueError):
        return None
    return value if np.isfinite(value) and value > 0 else None


def _by_pauses(records):
    """The scan shape, if the times of the frames show a pause after each row and nowhere else."""
    number = records.shape[0]
    looked = min(number, TIMED)
    if looked < 4:
        return None
    times = [_time(head) for head in records.heads(512, 0, looked)]
    if None in times:
        return None
    times = np.array(times, "datetime64[ns]").astype(np.int64)
    apart = np.diff(times)
    usual = np.median(apart)
    scatter = 1.4826 * np.median(np.abs(apart - usual))
    # Times that are rounded alternate between two digits, and may do so with a period.
    digits = str(np.gcd.reduce(times))
    digit = 10 ** (len(digits) - len(digits.rstrip("0")))
    ends = np.flatnonzero(apart > usual + max(SCATTER * scatter, UNITS * digit)) + 1
    if usual <= 0 or not ends.size or ends[0] < 2:
        return None
    width = int(ends[0])
    rows = np.arange(width, looked, width)
    if not np.array_equal(ends, rows) or (rows.size == 1 and number != 2 * width):
        return None
    return -(-number // width), width


def _time(head):
    """When a frame began; None if its header does not say."""
    fields = head.decode("latin-1").split(",")
    try:
        text = fields[fields.index("MQ1A") + 1] if "MQ1A" in fields else fields[9]
        return np.datetime64(text.strip().rstrip("Z").replace(" ", "T"), "ns")
    except (IndexError, ValueError):
        return None
