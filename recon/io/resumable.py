"""A conversion into raw CSR that goes on where it was interrupted.

What is done lies in a hidden folder beside the target, `.NAME.resume`: the electrons and the
number in each frame, appended and flushed to the disk, and after them a journal that says how much
of it counts. To go on, the files are cut to what the journal says. It is refused where the source
is not the same any more: its files' sizes and times, its shape, or what the reader was told. The
checksum of the electrons runs along in the journal, so that the finished file can be held to all
that was ever written, before and after.

Frames are skipped unread; a source of events is decoded from its beginning, which its codes leave
no way around, and only the writing goes on.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from recon.errors import UnreadableFile
from recon.io.checksum import Running
from recon.io.events import libertem_csr
from recon.io.files.atomic import reason, replacing
from recon.locks import lock
from recon.scan.kinds import by_kind, tells_places
from recon.scan.low_counts import NoCounts, electrons_of

PART = 1 << 24
"""Electrons written between two entries in the journal."""
SIZES = {"indices": 4, "counts": 8, "subpixel": 1}
"""Files in the folder, and bytes of their numbers."""
LARGEST_JOURNAL = 1 << 24
BESIDE = (".h5", ".raw", ".hdr", ".xml", ".mib", ".dm3", ".dm4")
"""Endings of files that are read along with another."""


@dataclass
class Journal:
    """How far a conversion has come, and of what."""

    source: list
    """[name, size, time of the last change] of each file of the source."""
    told: dict
    scan_shape: list
    frame_shape: list
    placed: bool
    frames: int = 0
    electrons: int = 0
    total: int = 0
    places: int = 0
    names: dict = field(default_factory=dict)
    """Of the binary files, once they are complete."""

    def same_source(self, other: "Journal") -> bool:
        """Whether another is of the same source, read in the same way."""
        names = "source", "told", "scan_shape", "frame_shape", "placed"
        return all(getattr(self, name) == getattr(other, name) for name in names)


def begun(target) -> Path:
    """The folder in which a conversion into `target` is kept until it is complete."""
    target = Path(os.path.realpath(target))
    return target.with_name(f".{target.name[:200]}.resume")


def convert(source, target, scan, told=None, progress=None) -> tuple[int, str, str | None, int]:
    """Write a scan as raw CSR, from where an earlier call was interrupted.

    Parameters
    ----------
    source : path-like
        Where `scan` was read from.
    target : path-like
        The `.toml` to write, which appears when all is complete.
    scan : ElectronEvents or DenseFrames
        Frames of low counts are read from `source` part by part.
    told : mapping, optional
        What the reader was told besides; plain values.
    progress : callable, optional
        Called with the fraction done; whatever it raises leaves what is done for the next call.

    Returns
    -------
    electrons : int
    checksum, places_checksum : str, str or None
        Of all that was written, to `recon.io.conversion.verify` the file by.
    start : int
        Frame from which this call went on.

    Raises
    ------
    ValueError
        If what was begun is of another source, or damaged, or frames hold no counts.
    OSError
        With one sentence for the user if it cannot be written.
    """
    source, target = Path(source), Path(os.path.realpath(target))
    placed = tells_places(scan)
    now = Journal(
        _stamp(source, target),
        json.loads(json.dumps(dict(told or {}))),
        list(scan.scan_shape),
        list(scan.frame_shape),
        placed,
    )
    folder = begun(target)
    try:
        folder.mkdir(exist_ok=True)
        with _locked(folder, target):
            journal = _journal(folder, target, now)
            start = journal.frames
            _append(folder, target, journal, scan, progress or (lambda fraction: None))
            _publish(folder, target, journal, scan)
            running = Running(journal.total, journal.places)
            digests = running.digests(journal.electrons, scan.scan_shape, scan.frame_shape, placed)
            shutil.rmtree(folder)
    except NoCounts:
        # Nothing that could be gone on with.
        shutil.rmtree(folder, ignore_errors=True)
        raise
    except OSError as error:
        raise OSError(f"{target.name} was not written: {reason(error)}.") from error
    return journal.electrons, *digests, start


def _stamp(source, target):
    """Names, sizes and times of a source's files: its own, and those that may be read with it."""
    if source.is_dir():
        files = [path for path in source.rglob("*") if path.is_file()]
    else:
        stem, ours = source.stem.removesuffix("_master"), f"{target.stem[:200]}."
        files = [source] + [
            path
            for path in source.parent.iterdir()
            if path.suffix.lower() in BESIDE
            and path not in (source, target)
            and (path.name.startswith(stem) or path.suffix.lower() == ".raw")
            and not (path.name.startswith(ours) and libertem_csr.OURS.fullmatch(path.name))
        ]
    found = []
    for path in sorted(files):
        status = path.stat()
        found.append([os.path.relpath(path, source.parent), status.st_size, status.st_mtime_ns])
    return found


@contextmanager
def _locked(folder, target):
    with open(folder / "lock", "wb") as file:
        if not lock(file):
            raise OSError("another process is writing it")
        yield


def _journal(folder, target, now):
    """The journal of what is there, whose files are cut to it; `now` if there is nothing."""
    path, anew = folder / "journal.json", f"Remove {folder} to begin anew."
    if not path.is_file():
        for name in SIZES:
            (folder / name).write_bytes(b"")
        return now
    try:
        if path.stat().st_size > LARGEST_JOURNAL:
            raise ValueError("too long")
        found = Journal(**json.loads(path.read_bytes()))
        numbers = found.frames, found.electrons, found.total, found.places
        if not all(type(n) is int and 0 <= n < 1 << 64 for n in numbers):
            raise ValueError("no numbers")
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"The journal of what was begun is damaged. {anew}") from error
    if not found.same_source(now):
        raise ValueError(
            f"{target.name} was begun from another state of the source, or with other options: "
            f"nothing of it can be used. {anew}"
        )
    for name, size in SIZES.items():
        part = _place(folder, target, found, name)
        wanted = size * _number(found, name)
        if not part.is_file() or part.stat().st_size < wanted:
            raise ValueError(
                f"Of what was begun, {part.name} is shorter than its journal says. {anew}"
            )
        if part.parent == folder:
            os.truncate(part, wanted)
    return found


def _number(journal, name):
    if name == "subpixel" and not journal.placed:
        return 0
    return journal.frames if name == "counts" else journal.electrons


def _place(folder, target, journal, name):
    """Where a file is: in the folder, or moved to its final name already."""
    here = folder / name
    if here.exists() or name not in journal.names:
        return here
    return target.with_name(Path(journal.names[name]).name)


def _append(folder, target, journal, scan, progress):
    """Write all frames from the journal's on."""
    positions = scan.scan_shape[0] * scan.scan_shape[1]
    if journal.frames > positions:
        raise UnreadableFile("what was begun has more frames than the scan")
    if journal.frames == positions:
        return
    running = Running(journal.total, journal.places)
    with (
        open(folder / "indices", "ab") as indices,
        open(folder / "counts", "ab") as numbers,
        open(folder / "subpixel", "ab") as places,
    ):
        for first, counts, pixels, subpixel in _parts(scan, journal.frames):
            offsets = np.concatenate([[0], np.cumsum(counts)])
            running.add(pixels, subpixel, offsets, first)
            indices.write(np.ascontiguousarray(pixels, "<u4").data)
            numbers.write(np.ascontiguousarray(counts, "<i8").data)
            if subpixel is not None:
                places.write(np.ascontiguousarray(subpixel).data)
            for file in (indices, numbers, places):
                file.flush()
                os.fsync(file.fileno())
            journal.frames += len(counts)
            journal.electrons += len(pixels)
            journal.total, journal.places = running.total, running.places
            _note(folder, journal)
            progress(journal.frames / positions)


def _parts(scan, start) -> Iterator:
    """(first, counts, pixels, places or None) of the frames from `start` on."""
    return by_kind(scan, _parts_of_events, _parts_of_frames)(scan, start)


def _parts_of_frames(scan, start):
    for part in electrons_of(scan, start):
        yield *part, None


def _parts_of_events(scan, start):
    for first, last in scan.batches(PART):
        first = max(first, start)
        if first >= last:
            continue
        part = slice(scan.offsets[first], scan.offsets[last])
        places = None if scan.subpixel is None else scan.subpixel[part]
        yield first, np.diff(scan.offsets[first : last + 1]), scan.pixels[part], places


def _note(folder, journal):
    """Replace the journal; at any moment the one before or this one is there."""
    written = folder / "journal.new"
    with open(written, "wb") as file:
        file.write(json.dumps(asdict(journal)).encode())
        file.flush()
        os.fsync(file.fileno())
    os.replace(written, folder / "journal.json")


def _publish(folder, target, journal, scan):
    """Move what is complete to its final names, the description last."""
    before = [p for p in libertem_csr.own_files(target) if p.name not in journal.names.values()]
    if not journal.names:
        journal.names = libertem_csr.free_names(target)
        _note(folder, journal)
    sides = {name: target.with_name(side) for name, side in journal.names.items()}
    counts = np.fromfile(folder / "counts", "<i8")
    offsets = np.concatenate([[0], np.cumsum(counts)])
    columns = {"indptr": (offsets, "<i8"), "indices": (None, "<i4"), "data": (None, "|u1")}
    for name in ("indptr", "data"):
        with replacing(sides[name]) as file:
            libertem_csr.write_column(
                file, name, columns[name][0], journal.electrons, lambda fraction: None
            )
    for name in ("indices", *(["subpixel"] if journal.placed else [])):
        if (folder / name).exists():
            os.replace(folder / name, sides[name])
    if journal.placed:
        columns["subpixel"] = None, "|u1"
    with replacing(target) as file:
        file.write(libertem_csr.description(scan, journal.names, columns).encode())
    for old in before:
        old.unlink(missing_ok=True)
