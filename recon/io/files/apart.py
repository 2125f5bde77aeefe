"""HDF5 and Zarr arrays read in a process of their own, where a damaged file can do no harm.

HDF5's filters and Zarr's codecs are native code of many authors: a damaged chunk may end the
process or become too large for it, and HDF5 may loop for ever in a damaged heap. A child reads
what could, within limits of time and memory; if it fails, the sentence says so and the page goes
on. A child without work waits for the next file: its libraries take longer to load than a file.
"""

import atexit
import json
import os
import select
import subprocess
import sys
import time
import weakref
from math import prod
from pathlib import Path
from threading import Lock

import h5py
import numpy as np

from recon.errors import UnreadableFile

HARMLESS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32)
"""Filters of HDF5 itself that check what they read."""
LARGEST_CHUNK = 1 << 28
"""Bytes."""
PATIENCE_S = 60.0
"""In which a slab of some 64 MiB has to be there; the slowest filter takes about a second."""
MEMORY = 8 << 30
"""Bytes of address space that a child may take."""
PIECE = 1 << 20
LONGEST_HEAD = 1 << 16


def is_harmless(dataset) -> bool:
    """Whether a dataset can be read here: stored plainly, or with HARMLESS filters.

    A chunk is undone whole, with h5py's lock held: a large one of a small file is not read here.

    Raises
    ------
    UnreadableFile
        If its numbers lie in other files, which could be any on this machine.
    """
    if dataset.external:
        raise UnreadableFile(f"{dataset.name} keeps its numbers in other files: not supported")
    plist = dataset.id.get_create_plist()
    filters = [plist.get_filter(n)[0] for n in range(plist.get_nfilters())]
    if filters and prod(dataset.chunks) * dataset.dtype.itemsize > LARGEST_CHUNK:
        return False
    return not dataset.is_virtual and all(number in HARMLESS for number in filters)


_idle = []
"""A child without work, at most."""


class Apart:
    """A process that reads arrays, started when it is first needed.

    Parameters
    ----------
    kind : {"HDF5", "Zarr"}
    patience_s : float
        Time for one answer.
    """

    def __init__(self, kind: str = "HDF5", patience_s: float = PATIENCE_S):
        self.kind, self.patience_s = kind, patience_s
        self._lock, self._child = Lock(), None

    def read(self, path, name, ranges, rows: bool = False):
        """Elements first..last (exclusive) along each dimension.

        Parameters
        ----------
        path, name
            Of the file, and of the dataset or array in it.
        ranges : sequence of (first, last)
        rows : bool
            The dataset (HDF5's) is a list of rows of any length: return (R,) int64 lengths, and
            the elements of all rows.

        Raises
        ------
        UnreadableFile
            If the file is damaged, however that shows.
        """
        index = [[int(first), int(last)] for first, last in ranges]
        request = {"kind": self.kind, "path": os.path.abspath(path), "name": name}
        request |= {"index": index, "rows": rows}
        with self._lock:
            deadline = time.monotonic() + self.patience_s
            try:
                told, parts = self._ask(json.dumps(request).encode() + b"\n", deadline)
            except BaseException:
                self._end()
                raise
        if told is not None:
            raise UnreadableFile(f"the file is damaged or truncated ({self.kind} says: {told})")
        return parts if rows else parts[0]

    def close(self) -> None:
        """End the process; the next reading starts another."""
        with self._lock:
            self._end()

    def _ask(self, request, deadline):
        if not hasattr(select, "poll"):
            raise UnreadableFile(
                f"its {self.kind} data are compressed or kept in a way that livestem reads in a "
                "process of its own, which it cannot on Windows: convert it to plain arrays, or "
                "read it on Linux or macOS"
            )
        if self._child is None or self._child.poll() is not None:
            self._end()
            self._child = _waiting() or _start()
            self._stop = weakref.finalize(self, _spare, self._child)
        try:
            self._child.stdin.write(request)
            self._child.stdin.flush()
        except OSError as error:
            raise UnreadableFile("the process that reads it could not be started") from error
        source, head = self._child.stdout.fileno(), bytearray()
        while not head.endswith(b"\n"):
            # One byte at a time: what follows the line are the arrays.
            head += self._some(source, memoryview(bytearray(1)), deadline)
            if len(head) > LONGEST_HEAD:
                raise UnreadableFile("the process that reads it gave no answer")
        told = json.loads(head)
        if "error" in told:
            return told["error"], []
        parts = []
        for shape, dtype in told["parts"]:
            part = np.empty(prod(shape), dtype)
            room, done = memoryview(part.view(np.uint8)), 0
            while done < len(room):
                done += len(self._some(source, room[done : done + PIECE], deadline))
            parts.append(part.reshape(shape))
        return None, parts

    def _some(self, source, room, deadline):
        """What could be read into the beginning of `room`; at least one byte."""
        left = deadline - time.monotonic()
        # Unlike `select`, it takes descriptors of any number.
        answer = select.poll()
        answer.register(source, select.POLLIN)
        if left <= 0 or not answer.poll(1e3 * left):
            raise UnreadableFile(
                f"reading it took longer than {self.patience_s:g} s and was stopped: it is damaged"
            )
        count = os.readv(source, [room])
        if not count:
            code = self._child.wait()
            raise UnreadableFile(
                f"reading it ended {self.kind}'s process (code {code}): its compressed data are "
                "damaged, or not enough memory is left"
            )
        return room[:count]

    def _end(self):
        if self._child is not None:
            self._stop.detach()
            _end(self._child)
            self._child = None


def _start():
    child = Path(__file__).with_name("apart_child.py")
    try:
        return subprocess.Popen(
            [sys.executable, "-I", str(child), str(MEMORY)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError as error:
        raise UnreadableFile(f"a process to read it cannot be started: {error.strerror}") from error


def _waiting():
    """A child without work that still lives; None if there is none."""
    while True:
        try:
            # Of two readers that begin at once, only one gets it.
            child = _idle.pop()
        except IndexError:
            return None
        if child.poll() is None:
            return child
        _end(child)


def _spare(child):
    """Keep a child whose reader is gone for the next one, unless there is one already."""
    if not _idle and child.poll() is None:
        _idle.append(child)
    else:
        _end(child)


@atexit.register
def _end_idle():
    while _idle:
        _end(_idle.pop())


def _end(child):
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        try:
            pipe.close()
        except OSError:
            continue  # What was not sent is of no use to anyone.
