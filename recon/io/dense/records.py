"""Frames in records of one size, one behind the other in one file or several.

Files are opened for each read, and read rather than mapped: one that is cut off or written anew
meanwhile ends in a sentence.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from recon.io.files.unchanged import check, stamp


class Records:
    """Frames of files of records, as a stack (F, Ky, Kx) that is sliced along its first dimension.

    Parameters
    ----------
    files : sequence of (Path, int)
        Each file, and the bytes before its first record.
    record : dtype
        With a field `frame` of two dimensions.
    most : int, optional
        Records that are looked at: what follows is none.
    upwards : bool
        Whether the last row is stored first.

    Attributes
    ----------
    rest : int
        Bytes behind the last whole record of the last file.
    beyond : int
        Whole records behind those that are looked at.
    """

    def __init__(self, files, record, most=None, upwards=False):
        self.record, self.upwards = np.dtype(record), upwards
        self.files, counts = [], []
        for path, offset in files:
            known = stamp(path)
            size = known[2] if known else 0
            number, self.rest = divmod(max(0, size - offset), self.record.itemsize)
            self.files.append((Path(path), offset, known))
            counts.append(number)
        self.starts = np.concatenate([[0], np.cumsum(counts)])
        number = int(self.starts[-1])
        self.beyond = 0 if most is None else max(0, number - most)
        if most is not None and number >= most:
            number, self.rest = most, 0
        frame = self.record["frame"]
        self.shape, self.dtype = (number, *frame.shape), frame.base

    def __getitem__(self, index):
        first, last, _ = index.indices(self.shape[0])
        parts = [self._read(n, first, last) for n in self._files(first, last)]
        frames = np.concatenate(parts) if len(parts) != 1 else parts[0]
        return frames[:, ::-1] if self.upwards else frames

    def _files(self, first, last):
        """Which files hold some of these records; one at least."""
        begin = int(np.searchsorted(self.starts, first, side="right")) - 1
        end = int(np.searchsorted(self.starts, last, side="left"))
        begin = min(begin, len(self.files) - 1)
        return range(begin, max(end, begin + 1))

    def _read(self, number, first, last):
        start, stop = int(self.starts[number]), int(self.starts[number + 1])
        first, last = max(first, start), min(last, stop)
        path, offset, known = self.files[number]
        check(path, known)
        place = offset + (first - start) * self.record.itemsize
        found = np.fromfile(path, self.record, max(0, last - first), offset=place)["frame"]
        # One that was cut off or written anew meanwhile gave too few, or of both.
        check(path, known)
        return found

    def head(self, number: int, length: int) -> bytes:
        """The first bytes of a record."""
        return next(self.heads(length, number, number + 1))

    def heads(self, length: int, first: int = 0, last: int | None = None) -> Iterator[bytes]:
        """The first bytes of one record after the other."""
        last = self.shape[0] if last is None else last
        for file in self._files(first, last):
            path, offset, _ = self.files[file]
            start, stop = int(self.starts[file]), int(self.starts[file + 1])
            with open(path, "rb", buffering=0) as stream:
                for number in range(max(first, start), min(last, stop)):
                    stream.seek(offset + (number - start) * self.record.itemsize)
                    yield stream.read(length)

    def cut(self) -> tuple[str, ...]:
        """A sentence if the last frame is not whole."""
        if not self.rest:
            return ()
        return (
            f"{self.files[-1][0].name} ends within a frame ({self.rest} of "
            f"{self.record.itemsize} bytes): it is left out. Was the scan stopped, or is the file "
            "still being written?",
        )
