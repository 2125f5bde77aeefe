"""LiberTEM's raw CSR: a TOML file beside three flat binary files.

    [params]   filetype = "raw_csr", nav_shape, sig_shape
    [raw_csr]  indptr_file, indptr_dtype    where each position begins among the counts
               indices_file, indices_dtype  linear pixel of each count
               data_file, data_dtype        the counts

Binary files are looked for next to the TOML file and nowhere else. Counts above one become that
many electrons.

What we write adds a table [livestem], which LiberTEM passes over: the metadata as JSON and, where
they are known, a fourth file with the place of each electron in its pixel (`recon.scan.events`).
A recording that was cut off has a table [unfinished] instead (`recon.io.events.unfinished`).

Format: docs of LiberTEM, "Raw binary files in CSR format".
"""

import json
import os
import re
import stat
import tomllib
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np

from recon.errors import UnreadableFile
from recon.io.events import unfinished
from recon.io.events.sparse import counted
from recon.io.files.atomic import replacing
from recon.io.files.slabs import FileArray
from recon.io.metadata import known_metadata
from recon.io.scanning import contradicted, fill, pair, without_last_column
from recon.scan.events import ElectronEvents, Source

NAME = "LiberTEM raw CSR"
SUFFIXES = (".toml",)
OPTIONS: dict[str, str] = {}
LARGEST_TEXT = 1 << 20
MOST = 1000
"""Notes that are told, and characters of each."""
LARGEST_DETECTOR = 1 << 27
EXPANSION = 64
"""Electrons for each byte of the files that counts may stand for, beyond `ALLOWANCE`."""
ALLOWANCE = 1 << 26
SIDES = ("indptr", "indices", "data", "subpixel")
PIECE = 1 << 22
"""Electrons between two reports of progress."""
NUMBER = re.compile(r"[<>=|]?(?:[iuf][1248]|u?int(?:8|16|32|64)|float(?:32|64)|bool)")
OURS = re.compile(r"[^/\\]+\.(?:\d+\.)?(?:indptr|indices|data|subpixel)\.raw")


def matches(path: Path) -> bool:
    """Whether the file is a short text that speaks of raw CSR."""
    if os.path.getsize(path) > LARGEST_TEXT:
        return False
    text = path.read_bytes()
    return b"\0" not in text and bool(
        re.search(rb"(?im)^\s*(\[raw_csr\]|filetype\s*=.*raw_csr)", text)
    )


def read(path: Path, *, keep_flyback=None, scan_shape=None, progress) -> ElectronEvents:
    """Events of a file; see `recon.io.open_events`."""
    header = _header(path)
    if "unfinished" in header:
        events = _unfinished(path, header, progress)
        if scan_shape is not None:
            events = replace(events, scan_shape=fill(events.positions, scan_shape))
        return without_last_column(events) if keep_flyback is False else events
    parameters, files = (_table(header, name) for name in ("params", "raw_csr"))
    indptr = _column(path, files, "indptr", "iu")
    indices = _column(path, files, "indices", "iu")
    data = _column(path, files, "data", "iuf") if "data_file" in files else None
    frame_shape = pair(parameters.get("sig_shape"), "detector")
    if frame_shape[0] * frame_shape[1] > LARGEST_DETECTOR:
        raise UnreadableFile("no detector has {} × {} pixels".format(*frame_shape))
    stated = parameters.get("nav_shape")
    shape, notes = _scan_shape(indptr.size - 1, stated, scan_shape)
    offsets = indptr.read().astype(np.int64, copy=False)
    _check_rise(offsets, indices, data)
    progress(0.1)
    if indices.dtype in (np.int32, np.uint32):
        # As events are held. Negative ones become too large, and are refused as such.
        indices = indices.read().view(np.uint32)
    progress(0.5)
    most = EXPANSION * sum(_size(path, files, name) for name in ("indices", "data")) + ALLOWANCE
    pixels, offsets = counted(indices, data, offsets, frame_shape[0] * frame_shape[1], most)
    events = ElectronEvents(
        pixels,
        offsets,
        shape,
        frame_shape,
        _metadata(header),
        Source(path.name, NAME, notes=(*notes, *_notes(header))),
        subpixel=_places(path, header, pixels.size),
    )
    return without_last_column(events) if keep_flyback is False else events


def _unfinished(path, header, progress):
    """The rows of a recording that was cut off."""
    parameters, files = (_table(header, name) for name in ("params", "unfinished"))
    shapes = tuple(
        pair(parameters.get(name), of)
        for name, of in (("nav_shape", "scan"), ("sig_shape", "detector"))
    )
    wanted = ("rows", "pixels", *(["places"] if "places_file" in files else []))
    sides = {name: _side(path, files, name) for name in wanted}
    return unfinished.read(path, NAME, sides, shapes, _metadata(header), progress)


def write(path: Path, events: ElectronEvents, *, progress) -> None:
    """Write events; see `recon.io.write_events`.

    The binary files get names that are not taken, when all are complete. The TOML file is
    replaced last, after which those of the file before go: at any moment one of the two scans is
    there in full.
    """
    before = own_files(path)
    columns = {
        "indptr": (events.offsets, "<i8"),
        "indices": (events.pixels, "<i4"),
        "data": (None, "|u1"),
    }
    if events.subpixel is not None:
        columns["subpixel"] = (events.subpixel, "|u1")
    names = free_names(path)
    sides = {name: path.with_name(names[name]) for name in columns}
    try:
        with ExitStack() as stack:
            # None gets its name before all are complete; the first claims the room of all.
            left, files = events.nbytes + events.electrons, {}
            for name, side in sides.items():
                files[name] = stack.enter_context(replacing(side, left))
                left = 0
            for name, (values, _) in columns.items():
                write_column(files[name], name, values, events.electrons, progress)
        with replacing(path) as file:
            file.write(description(events, names, columns).encode())
    except BaseException:
        for side in sides.values():
            side.unlink(missing_ok=True)
        raise
    for old in before:
        old.unlink(missing_ok=True)


def write_column(file, name, values, electrons, progress):
    """Write numbers piece by piece; ones for each electron where `values` is None."""
    number = electrons if values is None else len(values)
    for first in range(0, number, PIECE):
        part = np.ones(min(PIECE, number - first), np.uint8)
        if values is not None:
            part = np.ascontiguousarray(values[first : first + PIECE])
            part = part.astype(part.dtype.newbyteorder("<"), copy=False)
        file.write(part.data)
        if name == "indices":
            progress(first / number)


def _header(path):
    try:
        return tomllib.loads(path.read_bytes().decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        text = str(error).splitlines()[0][:200]
        raise UnreadableFile(f"its TOML is damaged ({text})") from error


def _table(header, name):
    table = header.get(name)
    if not isinstance(table, dict):
        raise UnreadableFile(f"it has no table [{name}]: it is not LiberTEM's raw CSR")
    return table


def _side(path, files, name):
    """The binary file of a column, next to the TOML file."""
    side = files.get(f"{name}_file")
    if not isinstance(side, str) or not side:
        raise UnreadableFile(f"{name}_file is not the name of a file")
    if re.search(r"[/\\\0]", side) or side in (".", "..") or len(side) > 255:
        raise UnreadableFile(
            f"{name}_file is {side[:80]!r}, which does not lie next to the TOML file: "
            "put it there and name it without folders"
        )
    return path.with_name(side)


def _size(path, files, name):
    return os.path.getsize(_side(path, files, name)) if f"{name}_file" in files else 0


def _column(path, files, name, kinds):
    """(N,) array in the file of a column."""
    side = _side(path, files, name)
    text = files.get(f"{name}_dtype")
    if not isinstance(text, str) or not NUMBER.fullmatch(text):
        raise UnreadableFile(f"{name}_dtype is no type of numbers: {str(text)[:40]!r}")
    dtype = np.dtype(text)
    if dtype.kind not in kinds + ("b" if "f" in kinds else ""):
        raise UnreadableFile(f"{name} cannot be of type {dtype}")
    try:
        status = os.stat(side)
    except OSError as error:
        raise UnreadableFile(f"its file {side.name}: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableFile(f"its file {side.name} is not an ordinary file")
    number, odd = divmod(status.st_size, dtype.itemsize)
    if odd:
        raise UnreadableFile(
            f"its file {side.name} has {status.st_size} bytes, no whole number of {dtype}: "
            "it is truncated, or of another type"
        )
    return FileArray(side, dtype, (number,))


def _scan_shape(frames, stated, asked):
    """The scan's shape, and sentences where the file contradicts it."""
    if frames < 1:
        raise UnreadableFile("indptr holds no positions: it is empty or truncated")
    if asked is not None:
        return fill(frames, asked), contradicted(
            stated if isinstance(stated, list) else None, asked
        )
    if not isinstance(stated, list) or len(stated) != 2:
        return fill(frames), ()
    return fill(frames, stated), ()


def _check_rise(offsets, indices, data):
    stored = indices.size if data is None else min(indices.size, data.size)
    if offsets[0] != 0 or np.any(offsets[1:] < offsets[:-1]):
        raise UnreadableFile("indptr does not rise from 0: it is damaged")
    if offsets[-1] > stored:
        raise UnreadableFile(
            f"indptr speaks of {offsets[-1]} counts, but the files hold {stored}: truncated?"
        )
    if offsets[-1] < stored:
        raise UnreadableFile(
            f"indptr speaks of {offsets[-1]} counts, but the files hold {stored}: "
            "is a type wrong, or are the files of different scans?"
        )


def _metadata(header):
    table = header.get("livestem")
    text = table.get("metadata") if isinstance(table, dict) else None
    try:
        return known_metadata(json.loads(text)) if isinstance(text, str) else {}
    except (ValueError, AttributeError, RecursionError):
        return {}


def _notes(header):
    """What whoever recorded the scan had to say of it."""
    table = header.get("livestem")
    notes = table.get("notes") if isinstance(table, dict) else None
    notes = notes[:MOST] if isinstance(notes, list) else ()
    return tuple(note[:MOST] for note in notes if isinstance(note, str))


def _places(path, header, electrons):
    """(E,) uint8 place of each electron in its pixel; None where the file does not say."""
    table = header.get("livestem")
    if not isinstance(table, dict) or "subpixel_file" not in table:
        return None
    places = _column(path, table, "subpixel", "u")
    if places.dtype != np.uint8 or places.size != electrons:
        raise UnreadableFile(
            f"its file {_side(path, table, 'subpixel').name} holds {places.size} places of "
            f"{places.dtype}, not one uint8 for each of {electrons} electrons: is it truncated, "
            "or of another scan?"
        )
    return places.read()


def files(path):
    """Binary files that belong to this TOML file, as far as it says."""
    try:
        header = _header(path)
        named = header.get("livestem", {}) | _table(header, "raw_csr")
        return [_side(path, named, name) for name in SIDES if f"{name}_file" in named]
    except (OSError, UnreadableFile, TypeError, AttributeError):
        return []


def own_files(path):
    """Binary files that an earlier writing of ours left beside this TOML file."""
    if not path.is_file() or not matches(path):
        return []
    return [side for side in files(path) if OURS.fullmatch(side.name)]


def free_names(path):
    """Names of the binary files, none of which is taken."""
    for number in count(1):
        mark = "" if number == 1 else f"{number}."
        names = {name: f"{path.stem[:200]}.{mark}{name}.raw" for name in SIDES}
        if not any(path.with_name(name).exists() for name in names.values()):
            return names


def quoted(text: str) -> str:
    """A text as TOML has it."""
    # JSON's strings are TOML's, but for one character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def description(scan, names, columns, notes=()):
    """The TOML file: names of the binary files, and (ignored, type) of their columns.

    `notes` are sentences that a reader is to tell.
    """
    lines = [
        "[params]",
        'filetype = "raw_csr"',
        "nav_shape = [{}, {}]".format(*scan.scan_shape),
        "sig_shape = [{}, {}]".format(*scan.frame_shape),
        "",
        "[raw_csr]",
    ]
    metadata = json.dumps(known_metadata(scan.metadata))
    ours = ["", "[livestem]", f"metadata = {quoted(metadata)}"]
    if notes:
        ours.append(f"notes = [{', '.join(map(quoted, notes))}]")
    for name, (_, dtype) in columns.items():
        table = ours if name == "subpixel" else lines
        table += [f"{name}_file = {quoted(names[name])}", f"{name}_dtype = {quoted(dtype)}"]
    return "\n".join([*lines, *ours, ""])
