"""Files of scans: `open_scan` opens what there is, `write_events` writes events.

Electron events are read here, each format by a module; dense frames in `recon.io.dense`. A reader
has NAME (in words), `matches(path)` (by content, never by suffix) and `read(path, ...)`;
OPTIONS names what can be asked of it beyond the scan shape, with one line each. A writer has
SUFFIXES and `write(path, events, ...)`.
"""

import os
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np

from recon.device.backend import amount
from recon.errors import Cancelled, Changed, UnreadableFile
from recon.io import checksum
from recon.io.dense import hint, is_dense, names, open_frames
from recon.io.dense.side_files import with_side_file
from recon.io.events import csr_npz, eer, libertem_csr, sparse_npz, stempy_hdf5, t3p, timepix3
from recon.io.events.sparse import events_from_sparse
from recon.io.files.unchanged import Unchanged
from recon.io.files.words import sentence
from recon.io.foreign import open_foreign
from recon.io.metadata import known_metadata
from recon.io.scanning import pair
from recon.io.told import checked, refuse_matlab
from recon.readers import reader_of
from recon.scan.events import ElectronEvents
from recon.scan.kinds import ScanData, by_kind
from recon.scan.low_counts import EVENT_BYTES, NoCounts, events_from_frames, takes_less_as_events

__all__ = [
    "READERS",
    "WRITERS",
    "describe",
    "events_from_sparse",
    "is_dense",
    "is_scan",
    "losses",
    "open_events",
    "open_frames",
    "open_scan",
    "statement",
    "write_events",
]

READERS = (stempy_hdf5, eer, timepix3, sparse_npz, csr_npz, libertem_csr, t3p)
"""In the order in which they are asked: the surest sign first."""
WRITERS = (stempy_hdf5, csr_npz, libertem_csr)
LARGEST_DETECTOR = 1 << 27
"""Pixels; no camera has that many, a damaged file may."""


def open_events(
    path, *, keep_flyback=None, scan_shape=None, progress=None, **options
) -> ElectronEvents:
    """Electron events of a file, whose format is recognised by its content.

    Parameters
    ----------
    path : path-like
        See `READERS`.
    keep_flyback : bool, optional
        Whether the last scan column stays. By default it is dropped, as the 4D Camera records
        the beam's flyback in it, unless the file says that it has none.
    scan_shape : (Sy, Sx), optional
        Scan positions, flyback included, in place of what the file says.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.
    **options
        What only this format needs to be told, such as the dwell time of a Timepix3 recording:
        see the reader's OPTIONS. Those that are None count as not given.

    Raises
    ------
    UnreadableFile
        If the file is missing, of another kind, damaged, contradicts itself, or needs to be told
        more (then the sentence is a question). Also for an option that the format does not have.
    """
    path = Path(path)
    progress = progress or (lambda fraction: None)
    try:
        reader = _reader_of(path)
        beside = libertem_csr.files(path) if reader is libertem_csr else ()
        with Unchanged(path, *beside):
            events = reader.read(
                path,
                keep_flyback=keep_flyback,
                scan_shape=None if scan_shape is None else pair(scan_shape, "scan"),
                progress=progress,
                **checked(options, reader),
            )
        events = with_side_file(events, path)
        if events.frame_shape[0] * events.frame_shape[1] > LARGEST_DETECTOR:
            raise UnreadableFile(
                "no detector has {} × {} pixels: the file is damaged".format(*events.frame_shape)
            )
        events.check_pixels()
    except (Cancelled, Changed):
        raise
    except MemoryError as error:
        raise UnreadableFile(f"{path.name}: there is not enough memory to read it.") from error
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{path.name or path}: {sentence(error)}") from error
    progress(1.0)
    return events


def write_events(path, events: ElectronEvents, *, progress=None) -> None:
    """Write events to a file, whose format follows from its suffix.

    Parameters
    ----------
    path : path-like
        `.h5` or `.hdf5`: 4D Camera layout, version 3, one frame a position, no flyback. `.npz`:
        compressed sparse rows, read several times faster. `.toml`: LiberTEM's raw CSR, with its
        binary files beside it. Replaced once the new one is complete. All of them hold where in
        its pixel an electron was, if that is known.
    events : ElectronEvents
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`, which leaves no file behind.

    Raises
    ------
    ValueError
        If the suffix is none of these.
    OSError
        With one sentence for the user if the file cannot be written.
    """
    path = Path(path)
    progress = progress or (lambda fraction: None)
    for writer in WRITERS:
        if path.suffix.lower() in writer.SUFFIXES:
            writer.write(path, events, progress=progress)
            progress(1.0)
            return
    known = ", ".join(suffix for writer in WRITERS for suffix in writer.SUFFIXES)
    raise ValueError(f"{path.name} was not written: events are stored as {known}.")


def losses(path, events: ElectronEvents) -> tuple[str, ...]:
    """What a file of this name would not hold of the events, in sentences; empty if nothing.

    All formats that are written hold each electron, in its order and with its place in its pixel.
    """
    name, sentences = Path(path).name, []
    # Where values stood is of no use once they stand in another file.
    known = {*known_metadata(events.metadata), "origins"}
    if unwritten := sorted(set(events.metadata) - known):
        sentences.append(f"Of the metadata, {', '.join(unwritten)} would not be kept in {name}.")
    if events.excluded is not None:
        sentences.append(
            f"{int(events.excluded.sum())} detector pixels are left out, and {name} would not say "
            "which: their electrons would just be missing."
        )
    return tuple(sentences)


def _reader_of(path):
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise UnreadableFile("this is a folder, not a file")
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableFile("this is not an ordinary file")
    if status.st_size == 0:
        raise UnreadableFile("the file is empty")
    with open(path, "rb"):
        pass  # A file that may not be read is no file "of an unknown format".
    for reader in READERS:
        if reader.matches(path):
            return reader
    events = ", ".join(r.NAME for r in READERS)
    known = f"the content is of no known format of events ({events}) or of frames ({names()})"
    refuse_matlab(path)
    raise UnreadableFile(hint(path) or known)


def statement(scan: ScanData) -> str:
    """What was found in a file, in one sentence."""
    return by_kind(scan, _stated_events, _stated_frames)(scan)


def _stated_frames(scan) -> str:
    return (
        f"{scan.source.format}: frames of {{}} × {{}} pixels ({scan.dtype}) at {{}} × {{}} "
        f"positions, {amount(scan.nbytes)}, read in slabs."
    ).format(*scan.frame_shape, *scan.scan_shape)


def _stated_events(scan) -> str:
    return (
        f"{scan.source.format}: {scan.electrons} electrons "
        f"({scan.electrons / scan.positions:.4g} a position) at "
        "{} × {} positions, on a detector of {} × {} pixels.".format(
            *scan.scan_shape, *scan.frame_shape
        )
    )


def describe(scan: ScanData) -> dict:
    """What there is to say of a scan in plain values, ready for JSON."""
    return {
        "format": scan.source.format,
        "statement": statement(scan),
        "scan_shape": list(scan.scan_shape),
        "frame_shape": list(scan.frame_shape),
        "notes": list(scan.source.notes),
        "metadata": scan.metadata,
    } | by_kind(scan, _described_events, _described_frames)(scan)


def _described_frames(scan) -> dict:
    return {"pixel": str(scan.dtype), "bytes": scan.nbytes}


def _described_events(scan) -> dict:
    counts = np.diff(scan.offsets)
    return {
        "electrons": int(scan.electrons),
        "checksum": checksum.checksum(scan),
        "places_checksum": checksum.places_checksum(scan),
        "frames_per_position": int(scan.source.frames_per_position),
        "flyback": scan.source.flyback,
        "empty_frames": int(np.count_nonzero(counts == 0)),
        "electrons_per_frame": {
            "mean": float(counts.mean()),
            "min": int(counts.min()),
            "max": int(counts.max()),
        },
    }


FEW = 1 << 20
"""Electrons for which there is always room."""


def open_scan(path, *, scan_shape=None, keep_flyback=None, progress=None, **options) -> ScanData:
    """A scan in any known format, as events where that is what it holds or can be told exactly.

    Parameters
    ----------
    path : path-like
        Electron events or dense frames; recognised by content. Readers of others (see
        `recon.readers`) are asked first.
    scan_shape : (Sy, Sx), optional
        Scan positions, in place of what the file says.
    keep_flyback : bool, optional
        For files of events, as for `recon.io.open_events`.
    **options
        As for `recon.io.open_events` or `open_frames`.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    ElectronEvents or DenseFrames
        Frames of counts so low that events take less memory become events, exactly: a pixel with
        two counts gives two electrons. Others are read from the file when they are needed.

    Raises
    ------
    UnreadableFile
        If the file is missing, of another kind, damaged, or has to be told its scan shape.
    """
    path = Path(path)
    reader, failures = reader_of(path) if path.exists() else (None, ())
    told = {"scan_shape": scan_shape, "keep_flyback": keep_flyback, **options}
    try:
        scan = _opened(path, reader, told, progress)
    except UnreadableFile as error:
        # What a reader of others would have said of the file, had it not failed.
        error.args = (" ".join((str(error), *failures)), *error.args[1:])
        raise
    if not failures:
        return scan
    return replace(scan, source=replace(scan.source, notes=(*scan.source.notes, *failures)))


def _opened(path, reader, told, progress):
    tell = progress or (lambda fraction: None)

    def half(part):
        tell(0.5 * part)

    if reader is not None:
        frames = open_foreign(reader, path, progress=half, **told)
    elif is_dense(path):
        frames = open_frames(path, progress=half, **_without(told, "keep_flyback"))
    else:
        return open_events(path, progress=progress, **told)
    if not takes_less_as_events(frames):
        return frames
    try:
        most = max(frames.nbytes // EVENT_BYTES, FEW)
        return events_from_frames(frames, lambda part: tell(0.5 + 0.5 * part), most)
    except NoCounts as refusal:
        notes = *frames.source.notes, f"{refusal} They are used as dense frames."
        return replace(frames, source=replace(frames.source, notes=notes))


def _without(options, name):
    return {key: value for key, value in options.items() if key != name}


def is_scan(path) -> bool:
    """Whether some reader, of others or of ours, takes a file's content for a scan."""
    path = Path(path)
    if not path.is_file():
        return False
    known = reader_of(path)[0] is not None or is_dense(path)
    return known or any(reader.matches(path) for reader in READERS)
