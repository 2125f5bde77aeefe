"""Files of dense frames, each format a module with NAME, `matches(path)` and `read(path, asked)`.

`read` gives an `Array`: how its frames fill a scan is settled here, for all formats alike.
"""

import os
import stat
from dataclasses import replace
from pathlib import Path

from recon.errors import Cancelled, Changed, UnreadableFile
from recon.events import ElectronEvents
from recon.frames import DenseFrames
from recon.frames_events import events_from_frames, takes_less_as_events
from recon.io.dense import blo, dectris, empad, hdf5, npy, rosetta, zarr_arrays
from recon.io.side_files import with_side_file
from recon.io.unchanged import Unchanged
from recon.io.words import sentence

READERS = (dectris, hdf5, zarr_arrays, npy, blo, empad, *rosetta.FORMATS)
"""In the order in which they are asked: the surest sign first."""

LARGEST_DETECTOR = 1 << 27
"""Pixels; no camera has that many, a damaged file may."""

LARGEST_SCAN = 1 << 28
"""Positions; a row of them takes 2 GB."""


def open_scan(
    path, *, scan_shape=None, keep_flyback=None, progress=None, **options
) -> ElectronEvents | DenseFrames:
    """A scan in any known format, as events where that is what it holds or can be told exactly.

    Parameters
    ----------
    path : path-like
        Electron events or dense frames; recognised by content.
    scan_shape : (Sy, Sx), optional
        Scan positions, in place of what the file says.
    keep_flyback, **options
        For files of events, as for `recon.io.open_events`.
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
    from recon.io import open_events

    path = Path(path)
    if not is_dense(path):
        return open_events(
            path, scan_shape=scan_shape, keep_flyback=keep_flyback, progress=progress, **options
        )
    if options := sorted(name for name, value in options.items() if value is not None):
        raise UnreadableFile(f"{path.name}: frames know no option {', '.join(options)}.")
    frames = open_frames(path, scan_shape=scan_shape)
    if not takes_less_as_events(frames):
        return frames
    return events_from_frames(frames, progress=progress)


def is_dense(path) -> bool:
    """Whether a file's content is one of the formats of dense frames."""
    return _reader_of(Path(path)) is not None


def open_frames(path, *, scan_shape=None, reference: bool = False) -> DenseFrames:
    """Dense frames of a file, read when they are needed.

    Parameters
    ----------
    path : path-like
        In one of `READERS`, recognised by content.
    scan_shape : (Sy, Sx), optional
        Scan positions, in place of what the file says.
    reference : bool
        For dark or gain references: the frames need not be a scan, and one image will do.

    Raises
    ------
    UnreadableFile
        If the file is missing, of another kind, damaged, or has to be told its scan shape.
    """
    path = Path(path)
    try:
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode):
            with open(path, "rb"):
                pass  # A file that may not be read is no file "of an unknown format".
            if status.st_size == 0:
                raise UnreadableFile("the file is empty")
        elif not stat.S_ISDIR(status.st_mode):
            raise UnreadableFile("this is not an ordinary file")
        reader = _reader_of(path)
        if reader is None:
            names = ", ".join(r.NAME for r in READERS)
            raise UnreadableFile(f"the content is of no known format of frames ({names})")
        files = Unchanged(path)
        with files:
            array = reader.read(path, scan_shape)
            frames = array.frames(scan_shape, reference)
        frames = _of_unchanged(files.also(array.beside), frames)
        if frames.frame_shape[0] * frames.frame_shape[1] > LARGEST_DETECTOR:
            raise UnreadableFile(
                "no detector has {} × {} pixels: the file is damaged".format(*frames.frame_shape)
            )
        if frames.positions > LARGEST_SCAN:
            raise UnreadableFile(
                "no scan has {} × {} positions: the file is damaged".format(*frames.scan_shape)
            )
        return frames if reference else with_side_file(frames, path)
    except (Cancelled, Changed):
        raise
    except MemoryError as error:
        raise UnreadableFile(f"{path.name}: there is not enough memory to read it.") from error
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{path.name or path}: {sentence(error)}") from error


def _of_unchanged(files, frames):
    """The same frames, none of which is of files that were changed after they were opened."""
    load = frames.load

    def guarded(first, last):
        with files:
            return load(first, last)

    return replace(frames, load=guarded)


def _reader_of(path):
    if not (path.is_file() or path.is_dir()):
        return None  # A pipe would be waited for.
    for reader in READERS:
        try:
            if reader.matches(path):
                return reader
        except OSError:
            continue
    return None
