"""Files of dense frames, each format a module with NAME, `matches(path)` and `read(path, asked)`.

`read` gives an `Array`: how its frames fill a scan is settled there, for all formats alike. Some
have `hint(path)`, a sentence for a file that is of no use alone.
"""

import os
import stat
from dataclasses import replace
from pathlib import Path

from recon.errors import Cancelled, Changed, UnreadableFile
from recon.io.dense import (
    blo,
    dectris,
    dm_frames,
    empad,
    hdf5,
    merlin,
    mrc,
    npy,
    tvips,
    zarr_arrays,
)
from recon.io.dense.side_files import with_side_file
from recon.io.files.unchanged import Unchanged
from recon.io.files.words import sentence
from recon.io.told import checked, refuse_matlab
from recon.scan.frames import DenseFrames
from recon.scan.gaps import without_gaps

READERS = (dectris, hdf5, zarr_arrays, npy, blo, empad, merlin, dm_frames, mrc, tvips)
"""In the order in which they are asked: the surest sign first."""

LARGEST_DETECTOR = 1 << 27
"""Pixels; no camera has that many, a damaged file may."""

LARGEST_SCAN = 1 << 28
"""Positions; a row of them takes 2 GB."""


def is_dense(path) -> bool:
    """Whether a file's content is one of the formats of dense frames."""
    return _reader_of(Path(path)) is not None


def names() -> str:
    """The formats of dense frames, in words."""
    return ", ".join(reader.NAME for reader in READERS)


def hint(path: Path) -> str | None:
    """What belongs to a file that is half of a scan, in a sentence; None for any other."""
    for reader in READERS:
        look = getattr(reader, "hint", None)
        if look is not None and path.is_file() and (found := look(path)):
            return found
    return None


def open_frames(
    path, *, scan_shape=None, reference: bool = False, progress=None, **options
) -> DenseFrames:
    """Dense frames of a file, read when they are needed; those of real numbers once before.

    Parameters
    ----------
    path : path-like
        In one of `READERS`, recognised by content.
    scan_shape : (Sy, Sx), optional
        Scan positions, in place of what the file says.
    reference : bool
        For dark or gain references: the frames need not be a scan, and one image will do.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.
    **options
        What only this format needs to be told, such as the `dataset` of an HDF5 file with several:
        see the reader's OPTIONS. Those that are None count as not given.

    Returns
    -------
    DenseFrames
        Without values that are no numbers, see `recon.scan.gaps`; of a reference, as stored.

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
            known = f"the content is of no known format of frames ({names()})"
            refuse_matlab(path)
            raise UnreadableFile(hint(path) or known)
        files = Unchanged(path)
        with files:
            array = reader.read(path, scan_shape, **checked(options, reader))
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
        return frames if reference else with_side_file(without_gaps(frames, progress), path)
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
