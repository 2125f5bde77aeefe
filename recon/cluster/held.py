"""What a worker holds: its rows of the scan, and its rows of q of a G.

Two actors a worker. Passes over the scan and transforms are tasks, so that redraws, which ask the
actors, need not wait for them; tasks find the actors of their worker by name. What nobody asks for
any more is let go by Dask, and then nothing here keeps it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4
from weakref import WeakValueDictionary

import numpy as np

from recon.calibration import Calibration
from recon.device.backend import CPU, Device, choose, on_host
from recon.scan.kinds import ScanData, electrons, on_device
from recon.specimen import Specimen
from recon.ssb.bright_field import BinnedPlanes, BrightField, plane_counts
from recon.ssb.gfunction import Packing, Transforms, planes_at_a_time
from recon.ssb.parallax import shifted_sum
from recon.ssb.sidebands import Sidebands, half_scale
from recon.ssb.tables import SidebandTables, find_tables
from recon.ssb.workspace import remembered, workspace
from recon.sums.current import BeamCurrent
from recon.sums.dense import binned_planes

_held: WeakValueDictionary = WeakValueDictionary()
"""Actors of this process by name: workers of one process share it."""


def new_name(kind: str) -> str:
    """A name that nothing else has."""
    return f"livestem-{kind}-{uuid4().hex}"


class Answers:
    """An actor that computes what it is asked, and tells what failed apart from a lost worker."""

    name: str

    def _subject(self):
        raise NotImplementedError

    def ask(self, function: Callable, *arguments) -> tuple[bool, Any]:
        """(True, `function(subject, *arguments)` on the host) or (False, the exception)."""
        try:
            return True, at_home(function(self._subject(), *arguments))
        except Exception as error:
            error.__traceback__ = None
            return False, error


def at_home(value):
    """The value with its arrays on the host."""
    if isinstance(value, tuple):
        return tuple(map(at_home, value))
    if isinstance(value, dict):
        return {name: at_home(part) for name, part in value.items()}
    return on_host(value) if hasattr(value, "__cuda_array_interface__") else value


class ScanRows(Answers):
    """Some rows of a scan, read by the worker itself.

    Parameters
    ----------
    name : str
    read : callable
        `read()` gives the rows as a scan of their own; whatever it raises is told when the rows
        are asked for.
    device : str
        Where passes over them run, as for `recon.device.backend.choose`.
    """

    def __init__(self, name: str, read: Callable[[], ScanData], device: str = "auto"):
        self.name, self._scan, self._failed = name, None, None
        self._known: dict[str, tuple] = {}
        self._binned: dict[str, np.ndarray] = {}
        _held[name] = self
        try:
            self._scan = on_device(read(), choose(device))
        except Exception as error:
            self._failed = error.with_traceback(None)

    def _subject(self):
        if self._failed is not None:
            raise self._failed
        return self._scan

    @property
    def scan(self) -> ScanData:
        """The rows."""
        return self._subject()

    def know(self, key: str, disc: BrightField, current: BeamCurrent | None = None) -> None:
        """Say what the planes are that will be asked for under a key, and what to take out."""
        self._known[key] = disc, current

    def current(self, key: str) -> BeamCurrent | None:
        """What is to be taken out of the transforms."""
        return self._known[key][1]

    def bin(self, key: str):
        """Of frames: both halves of the disc and the total; all planes are kept.

        Of events: how many electrons there are at each position, and in all.
        """
        if electrons(self.scan) is not None:
            return self.scan.counts, self.scan.electrons
        disc, _ = self._known[key]
        planes, total = binned_planes(self.scan, disc.lookup, disc.size)
        self._binned[key], middle = planes, disc.size // 2
        return planes[:middle].sum(axis=0), planes[middle:].sum(axis=0), total

    def counts(self, key: str, start: int, stop: int) -> np.ndarray:
        """(stop - start, rows, Sx) counts of some planes."""
        if electrons(self.scan) is not None:
            lookup = self._known[key][0].lookup
            return on_host(plane_counts(self.scan, lookup, start, stop))
        if key not in self._binned:
            self.bin(key)
        return self._binned[key][start:stop]

    def let_go(self, key: str) -> None:
        """Keep no planes, nor what they are."""
        self._binned.pop(key, None)
        self._known.pop(key, None)


@dataclass(frozen=True, eq=False)
class Job:
    """What a G is made of, alike for all of its slabs."""

    calibration: Calibration
    disc: BrightField
    scan_shape: tuple[int, int]
    full: bool
    half: bool
    lines: tuple[tuple[int, int], ...]
    """Rows of q of each slab."""
    device: str = "auto"


class Slab(Answers):
    """Some rows of q of a G: first filled, then asked.

    Parameters
    ----------
    name : str
    job : Job
    lines : (int, int)
        Its rows of q, the last excluded.
    """

    def __init__(self, name: str, job: Job, lines: tuple[int, int]):
        self.name, self.job, self.lines = name, job, lines
        self.device: Device = choose(job.device)
        self.half = job.half and self.device is not CPU
        how = job.calibration, job.disc, job.scan_shape, job.full, self.device, lines
        self.tables = find_tables(*how)
        self._packing = Packing(self.tables, self.device, self.half)
        self._transforms, self._g = None, None
        self.scale, self.columns = 1.0, extent(self.tables)[1]
        _held[name] = self

    def reach(self) -> int:
        """Columns of q beyond which it holds nothing."""
        return self.columns

    def begin(self, columns: tuple[int, ...], total: float, current: BeamCurrent | None) -> None:
        """Say how far each slab's columns reach, how much the scan holds, and what to take out."""
        job = self.job
        self.reaches = columns
        self.scale = half_scale(total / job.disc.kept.min()) if self.half else 1.0
        planes = BinnedPlanes(None, job.scan_shape, job.disc, self.device, current)
        positions = job.scan_shape[0] * job.scan_shape[1]
        self._batch = planes_at_a_time(self.device, positions, job.disc.size)[1]
        self._transforms = Transforms(planes, self._batch)

    def transform(self, counts, start: int):
        """Each slab's part of the transforms of the planes from `start` on; and their sums."""
        lines, size = self.job.lines, len(counts)
        pieces = [
            np.empty((size, end - begin, columns), np.complex64)
            for (begin, end), columns in zip(lines, self.reaches, strict=True)
        ]
        sums = self.device.xp.empty(size, np.float32)
        for first in range(0, size, self._batch):
            part = slice(first, min(first + self._batch, size))
            there = self.device.xp.asarray(counts[part])
            transform = self._transforms(there, start + first, sums[part])
            for piece, line, columns in zip(pieces, lines, self.reaches, strict=True):
                piece[part] = on_host(transform[:, slice(*line), :columns])
            del transform
        return pieces, on_host(sums)

    def pack(self, piece, start: int) -> None:
        """Take its part of the transforms of the planes from `start` on, in their order."""
        transform = self.device.xp.asarray(piece)
        if self.scale != 1:
            transform = transform * np.float32(self.scale)
        self._packing(transform, start)

    def finish(self, pacbed, total: float) -> tuple[int, int, int]:
        """Have all it was given: entries, those that a draft reads, and bytes."""
        self._transforms = None
        if self._g is None:
            self._g, self._packing = self._packed(pacbed, total), None
        return self._g.entries, self._g.hard_entries, self._g.nbytes

    def _packed(self, pacbed, total) -> Sidebands:
        job, tables = self.job, self.tables
        return Sidebands(
            job.calibration,
            job.disc,
            job.scan_shape,
            job.full,
            *self._packing.entries,
            tables.first,
            tables.runs,
            tables.hard,
            tables.hard_at,
            tables.masks,
            job.calibration.detector_to_scan @ job.disc.k,
            pacbed,
            total,
            device=self.device,
            scale=self.scale,
            lines=self.lines,
        )

    def _subject(self):
        return self._g


# ---- tasks, on the worker that holds what they name ----


def binned(rows: str, key: str):
    """What `ScanRows.bin` gives."""
    return _held[rows].bin(key)


def counted(rows: str, key: str, start: int, stop: int):
    """What `ScanRows.counts` gives."""
    return _held[rows].counts(key, start, stop)


def transformed(slab: str, start: int, *counts):
    """Transforms of whole planes, cut for the slabs."""
    whole = counts[0] if len(counts) == 1 else np.concatenate(counts, axis=1)
    return _held[slab].transform(whole, start)


def shifted(rows: str, key: str, scan_shape, waves, upsample: int, before, *counts):
    """`recon.ssb.parallax.shifted_sum` of some planes, added to that of the planes `before`."""
    whole = counts[0] if len(counts) == 1 else np.concatenate(counts, axis=1)
    current = _held[rows].current(key)
    planes = BinnedPlanes(lambda a, b: whole[a:b], scan_shape, None, CPU, current)
    total, sums = shifted_sum(planes, waves, upsample)
    if before is not None:
        total += before[0]
        sums = np.concatenate([before[1], sums])
    return total, sums


def piece_of(made, slab: int):
    """What a slab takes of the transforms."""
    return made[0][slab]


def sums_of(made):
    """(n,) sums of the planes."""
    return made[1]


def packed(slab: str, start: int, piece, before=None) -> None:
    """Fill a slab's entries, after the planes `before`."""
    _held[slab].pack(piece, start)


# ---- what slabs are asked ----


def spectrum_of(g: Sidebands, specimen: Specimen, function: Callable, arguments):
    """What `function(g, work, *arguments)` fills of the spectrum, without what is always nothing.

    Returns
    -------
    (rows,) uint16 array, (rows, columns) complex64 array
        Which rows of the slab, and what they hold from the first column on.
    """
    g = g.through(specimen)
    rows, columns = held_extent(g)
    with workspace(g) as work:
        function(g, work, *arguments)
        # No longer the workspace's, which is lent to the next one who asks.
        return rows, on_host(work.spectrum[:, :columns][g.device.xp.asarray(rows)])


def held_extent(g: Sidebands) -> tuple[np.ndarray, int]:
    """The `extent` of a slab, found once."""
    return remembered(g, ("extent",), lambda: extent(g))


def extent(tables: Sidebands | SidebandTables) -> tuple[np.ndarray, int]:
    """(rows,) uint16 rows of q that have entries, and the columns that these reach."""
    rows = np.flatnonzero(np.diff(on_host(tables.first)[0])).astype(np.uint16)
    return rows, int(on_host(tables.runs)[:, 1:3].astype(int).sum(1).max(initial=0))


def rows_of(g: Sidebands, specimen: Specimen, function: Callable, arguments):
    """What `function(g, *arguments)` makes of a slab's rows."""
    return function(g.through(specimen), *arguments)
