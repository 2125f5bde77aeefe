"""What an HDF5 array promises and does not hold: sources that are away, chunks never written.

HDF5 reads its fill value, mostly zero, where a virtual dataset's source cannot be opened or a
chunk was never written, and says nothing.
"""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import h5py
import numpy as np

from recon.errors import UnreadableFile

DEEPEST = 8
"""Virtual datasets that lie upon each other."""
MOST = 1_000_000
"""Files or arrays that a numbered source may stand for."""


def check_sources(dataset, path: Path) -> tuple[str, ...]:
    """Refuse an array whose numbers lie elsewhere and are not all there.

    Parameters
    ----------
    dataset : h5py.Dataset
        Virtual, or not.
    path : Path
        Of its file.

    Returns
    -------
    tuple of str
        A sentence if no source stands for a part of it.

    Raises
    ------
    UnreadableFile
        If a source, or a source of that, cannot be opened, or holds less than is asked of it.
    """
    if not dataset.is_virtual:
        return ()
    _check(dataset, path, {}, 0)
    mapped = 0
    for source in dataset.virtual_sources():
        if _is_endless(source.vspace):
            return ()
        mapped += source.vspace.get_select_npoints()
    if mapped >= dataset.size:
        return ()
    share = f"{1 - mapped / dataset.size:.1%}"
    return (f"{share} of {dataset.name} is of no file and reads {dataset.fillvalue}.",)


def _check(dataset, path, found, depth):
    if depth > DEEPEST:
        raise UnreadableFile(f"more than {DEEPEST} virtual datasets lie upon each other")
    for source in dataset.virtual_sources():
        points = None if _is_endless(source.vspace) else source.vspace.get_select_npoints()
        whole = source.src_space.get_select_type() == h5py.h5s.SEL_ALL
        for file, name in _expanded(source, path):
            place = path if file == "." else _beside(path, file)
            if (place, name) not in found:
                found[place, name] = _size(place, name, found, depth)
            size = found[place, name]
            if whole and points is not None and size < points:
                raise UnreadableFile(
                    f"of {name} in {place.name}, {points} numbers are to be part of "
                    f"{dataset.name}, and it holds {size}"
                )


def _size(place, name, found, depth):
    """Numbers in a source."""
    try:
        with h5py.File(place, "r") as file:
            item = file.get(name)
            if not isinstance(item, h5py.Dataset):
                raise UnreadableFile(f"its frames should be {name} in {place.name}, which has none")
            if item.is_virtual:
                _check(item, place, found, depth + 1)
            return item.size
    except FileNotFoundError:
        raise UnreadableFile(f"its frames, {place.name}, are not beside it") from None
    except PermissionError:
        raise UnreadableFile(f"its frames, {place.name}, may not be read") from None
    except UnreadableFile:
        raise
    except Exception as error:
        # h5py reports damage under any name.
        reason = f"HDF5 says: {error}"
        raise UnreadableFile(f"its frames, {place.name}, cannot be opened ({reason})") from error


def _beside(path, name):
    """Where HDF5 looks for a source, first as named, then beside the file that names it."""
    named = Path(name)
    places = [path.parent / named, named, path.parent / named.name]
    return next((place for place in places if place.exists()), places[0])


def _is_endless(space):
    """Whether a selection goes on for as long as there are sources."""
    if space.get_select_type() != h5py.h5s.SEL_HYPERSLABS or not space.is_regular_hyperslab():
        return False
    _, _, count, block = space.get_regular_hyperslab()
    return h5py.h5s.UNLIMITED in (*count, *block)


def _expanded(source, path) -> Iterator[tuple[str, str]]:
    """(file, dataset) of each source: "%b" stands for numbers from 0 on, "%%" for "%"."""
    file, name = source.file_name, source.dset_name
    if "%b" not in file.replace("%%", "") + name.replace("%%", ""):
        yield file.replace("%%", "%"), name.replace("%%", "%")
        return
    count = max(_numbered(file, path), 1)
    for number in islice(range(count), MOST):
        yield tuple(
            text.replace("%%", "\0").replace("%b", str(number)).replace("\0", "%")
            for text in (file, name)
        )


def _numbered(file, path):
    """One more than the highest number among the files that are there."""
    pattern, folder = Path(file).name, (path.parent / file).parent
    parts = (re.escape(part.replace("%%", "%")) for part in pattern.split("%b"))
    wanted = re.compile("([0-9]+)".join(parts))
    if not folder.is_dir():
        return 0
    matches = (wanted.fullmatch(other.name) for other in folder.iterdir())
    return max((int(match[1]) + 1 for match in matches if match and match.groups()), default=0)


class Unwritten:
    """Chunks of a dataset that were never written.

    Parameters
    ----------
    dataset : h5py.Dataset
        Not virtual.

    Attributes
    ----------
    note : str
        How many there are, in a sentence; empty where none is missing.
    """

    def __init__(self, dataset):
        self.note, self._missing, self._fill = "", None, dataset.fillvalue
        if not dataset.size or dataset.is_virtual or dataset.external:
            return
        if not dataset.chunks:
            if not dataset.id.get_storage_size():
                self.note = f"{dataset.name} was never written: it reads {dataset.fillvalue}."
            return
        self._chunks = dataset.chunks
        grid = [-(-n // c) for n, c in zip(dataset.shape, dataset.chunks, strict=True)]
        every, there = int(np.prod(grid, dtype=float)), dataset.id.get_num_chunks()
        if there >= every:
            return
        self.note = (
            f"{every - there} of the {every} parts (chunks) of {dataset.name} were never written "
            "and count as empty: was the recording stopped?"
        )
        if self._fill == 0 or every > MOST:
            return
        self._missing = np.ones(grid, bool)

        def note(chunk):
            self._missing[tuple(np.floor_divide(chunk.chunk_offset, self._chunks))] = False

        dataset.id.chunk_iter(note)

    def empty(self, found, ranges):
        """Set to zero what was never written of the elements first..last along each dimension."""
        if self._missing is not None:
            places = (
                np.arange(first, last) // n
                for (first, last), n in zip(ranges, self._chunks, strict=True)
            )
            found[self._missing[np.ix_(*places)]] = 0
            # Of the chunk that was begun last, some frames were not.
            found[(found == self._fill).all(axis=(-2, -1))] = 0
        return found
