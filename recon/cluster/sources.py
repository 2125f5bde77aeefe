"""Where workers have their rows of a scan from: the file that each can see, or the one who asks."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from recon.cluster.failure import ClusterError
from recon.cluster.rows import open_rows, rows_of
from recon.scan.events import ElectronEvents
from recon.scan.frames import of_array
from recon.scan.kinds import ScanData, by_kind


@dataclass(frozen=True)
class FileRows:
    """Rows of the scan in a file that every worker can see.

    Parameters
    ----------
    path : str
    reading : mapping
        What `recon.io.open_scan` is told besides.
    size, changed : int
        Of the file, bytes and nanoseconds: a worker must see the same.
    """

    path: str
    size: int
    changed: int
    reading: Mapping[str, Any] = field(default_factory=dict)

    def reader(self, rows: tuple[int, int]) -> Callable[[], ScanData]:
        """What reads some rows on a worker."""
        return _FileReader(self, rows)


@dataclass(frozen=True)
class _FileReader:
    source: FileRows
    rows: tuple[int, int]

    def __call__(self) -> ScanData:
        where = Path(self.source.path)
        try:
            seen = os.stat(where)
        except OSError as error:
            raise ClusterError(
                f"A worker on {os.uname().nodename} cannot see {where} "
                f"({error.strerror}): put the file where all workers see it under this name."
            ) from error
        if (seen.st_size, seen.st_mtime_ns) != (self.source.size, self.source.changed):
            raise ClusterError(
                f"A worker on {os.uname().nodename} sees another {where} ({seen.st_size} bytes, "
                f"not {self.source.size}): put the same file where all workers see it."
            )
        return open_rows(where, self.rows, **self.source.reading)


@dataclass(frozen=True, eq=False)
class SentRows:
    """Rows of a scan that is at hand, as it was treated: they are sent."""

    scan: ScanData

    def reader(self, rows: tuple[int, int]) -> Callable[[], ScanData]:
        """What holds some rows on a worker."""
        part = rows_of(self.scan, rows)
        return by_kind(part, _sent_events, _sent_frames)(part)


def _sent_events(part):
    how = {"metadata": part.metadata, "source": part.source}
    arrays = part.pixels, part.offsets, part.subpixel
    return _SentReader(arrays, part.frame_shape, part.excluded, how, part.scan_shape)


def _sent_frames(part):
    # A file that this machine has open is not sent: its frames are.
    how = {"metadata": part.metadata, "source": part.source}
    frames = part.read(0, part.positions).reshape(*part.scan_shape, *part.frame_shape)
    return _SentReader((frames, None, None), part.frame_shape, part.excluded, how)


@dataclass(frozen=True, eq=False)
class _SentReader:
    arrays: tuple
    """Pixels, offsets and places of events; or frames alone."""
    frame_shape: tuple[int, int]
    excluded: Any
    how: Mapping[str, Any]
    scan_shape: tuple[int, int] | None = None
    """Of events."""

    def __call__(self) -> ScanData:
        # What lies in a message cannot be written to, which kernels are not compiled for.
        first, second, third = (None if a is None else np.array(a) for a in self.arrays)
        if self.scan_shape is None:
            return replace(of_array(first, **self.how), excluded=self.excluded)
        how = {**self.how, "subpixel": third, "excluded": self.excluded}
        return ElectronEvents(first, second, self.scan_shape, self.frame_shape, **how)


def file_rows(path, **reading) -> FileRows:
    """Rows of a file as it is now."""
    path = Path(path).resolve()
    told = os.stat(path)
    return FileRows(str(path), told.st_size, told.st_mtime_ns, reading)
