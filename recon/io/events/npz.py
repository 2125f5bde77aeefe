"""Arrays out of an `.npz` archive, with nothing allocated on the word of a header.

An uncompressed array is one copy from the file, in memory or where that is short in a temporary
file (`recon.scan.spill`). Checksums are not verified: that would take longer than reading.
"""

import struct
import zipfile
import zlib
from contextlib import contextmanager
from math import prod
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from recon.errors import UnreadableFile
from recon.scan import spill as room

PIECE = 1 << 24
"""Bytes between two reports of progress."""
LARGEST_TEXT = 1 << 20
EXPANSION = 64
"""How much larger than the whole file a compressed array may become, beyond `ALLOWANCE`."""
ALLOWANCE = 1 << 28


def is_zip(path: Path) -> bool:
    """Whether the file begins as a zip archive."""
    with open(path, "rb") as file:
        return file.read(4) == b"PK\x03\x04"


def names(path: Path) -> set[str]:
    """Names of the arrays of an archive; empty where it is none or damaged."""
    if not is_zip(path):
        return set()
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
    except (zipfile.BadZipFile, EOFError, ValueError, struct.error, NotImplementedError):
        return set()
    return {name[:-4] for name in members if name.endswith(".npy")}


@contextmanager
def opened(path: Path):
    """The archive at `path`; damage in it becomes `UnreadableFile`."""
    try:
        with zipfile.ZipFile(path) as archive, open(path, "rb", buffering=0) as raw:
            yield Archive(archive, raw, path)
    except zipfile.BadZipFile as error:
        raise UnreadableFile(f"the zip archive is damaged or truncated ({error})") from error
    except (EOFError, zlib.error, struct.error, RuntimeError, NotImplementedError) as error:
        raise UnreadableFile(f"the zip archive is damaged ({error})") from error


class Archive:
    """An open archive."""

    def __init__(self, archive, raw, path):
        self.archive, self.raw = archive, raw
        self.stored = path.stat().st_size

    def __contains__(self, name):
        return f"{name}.npy" in self.archive.NameToInfo

    def array(self, name, dtypes, dimensions=1, progress=None, part=None):
        """An array, straight from the file where it is uncompressed.

        Parameters
        ----------
        name : str
            Of the array.
        dtypes : dtype, or str of kinds such as "iu"
            What it may hold, as numbers of up to eight bytes in this machine's byte order.
        dimensions : int
            It must have.
        progress : callable, optional
            Called with the fraction done.
        part : (int, int), optional
            First and last item, excluded, of one dimension: only these are kept, and where the
            array is uncompressed only these are read.

        Raises
        ------
        UnreadableFile
            If the array is missing, of another type, or larger than the archive can hold.
        """
        entry, shape, order, found, header = self._header(name)
        if isinstance(dtypes, str):
            good = found.kind in dtypes and found.itemsize <= 8 and found.isnative
            wanted = "numbers" if "f" in dtypes else "integers"
        else:
            good, wanted = found == np.dtype(dtypes), np.dtype(dtypes)
        if not good or len(shape) != dimensions:
            ordinal = "one" if dimensions == 1 else dimensions
            raise UnreadableFile(
                f"{name} must be a {ordinal}-dimensional array of {wanted}, "
                f"but is of shape {shape} and type {found}"
            )
        size = prod(shape) * found.itemsize
        if size != entry.file_size - header or size > EXPANSION * self.stored + ALLOWANCE:
            raise UnreadableFile(
                f"{name} claims {size} bytes, which {entry.compress_size} bytes in a file of "
                f"{self.stored} cannot hold: it is damaged"
            )
        progress = progress or (lambda fraction: None)
        if entry.compress_type == zipfile.ZIP_STORED:
            start = self._start(entry) + header
            if start + size > self.stored:
                raise UnreadableFile(
                    f"{name} ends after {self.stored - start} of {size} bytes: truncated"
                )
            first, stop = part or (0, prod(shape))
            self.raw.seek(start + first * found.itemsize)
            array, part = room.array(stop - first, found), None
            _fill(self.raw, array, name, progress)
        else:
            with self.archive.open(entry) as member:
                member.read(header)
                array = room.array(prod(shape), found)
                _fill(member, array, name, progress)
        if part is not None:
            return array[slice(*part)].copy()
        return array if dimensions == 1 else array.reshape(shape, order="F" if order else "C")

    def small(self, name):
        """An array of less than a megabyte, of any type but objects.

        Raises
        ------
        UnreadableFile
            If it is missing or larger.
        """
        entry, *_ = self._header(name)
        if entry.file_size > LARGEST_TEXT:
            raise UnreadableFile(f"{name} claims {entry.file_size} bytes: it is damaged")
        with self.archive.open(entry) as member:
            return npy.read_array(member, allow_pickle=False)

    def pair(self, name):
        """Two integers (y, x)."""
        entry, shape, _, dtype, _ = self._header(name)
        if shape != (2,) or dtype.kind not in "ui" or entry.file_size > LARGEST_TEXT:
            raise UnreadableFile(
                f"{name} must be two integers, but is of shape {shape}, type {dtype}"
            )
        values = self.small(name)
        return int(values[0]), int(values[1])

    def _header(self, name):
        """Entry of an array, its shape, order and dtype, and the bytes of its NumPy header."""
        try:
            entry = self.archive.getinfo(f"{name}.npy")
        except KeyError:
            raise UnreadableFile(
                f"the archive has no array {name!r}: it holds no electron events"
            ) from None
        with self.archive.open(entry) as member:
            version = npy.read_magic(member)
            read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
            if version not in read_header:
                raise UnreadableFile(f"{name} is in version {version} of NumPy's format")
            shape, order, dtype = read_header[version](member)
            return entry, shape, order, dtype, member.tell()

    def _start(self, entry):
        """Where the bytes of an uncompressed entry begin: after its local header."""
        self.raw.seek(entry.header_offset + 26)
        name, extra = struct.unpack("<HH", self.raw.read(4))
        return entry.header_offset + 30 + name + extra


def _fill(stream, array, name, progress):
    buffer, done = memoryview(array.view(np.uint8)), 0
    while done < len(buffer):
        count = stream.readinto(buffer[done : done + PIECE])
        if not count:
            raise UnreadableFile(f"{name} ends after {done} of {len(buffer)} bytes: truncated")
        done += count
        progress(done / len(buffer))
