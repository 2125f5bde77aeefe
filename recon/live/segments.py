"""Where G's kept entries lie, plane by plane: what rows are added to."""

from typing import NamedTuple

import numpy as np

from recon.device.backend import Device, on_host
from recon.kernels.cpu.simd import LANES
from recon.ssb.tables import SidebandTables


class Segments(NamedTuple):
    """Neighbouring entries of one plane and one row of q: runs of any kind, joined.

    Attributes
    ----------
    table : (S, 4) uint16 array
        Plane, row of q, first column, length; plane by plane.
    places : (S,) int64 array
        Where each begins in the entries.
    ends : (K + 1,) int64 array
        Where each plane's segments begin, and the last one's end.
    """

    table: np.ndarray
    places: np.ndarray
    ends: np.ndarray


class Column(NamedTuple):
    """The entries at qx = 0.

    Attributes
    ----------
    plane, row : (n,) int64 arrays
        Pixel and row of q of each.
    places : (n,) int64 array
        Where each lies in the entries.
    """

    plane: np.ndarray
    row: np.ndarray
    places: np.ndarray


def segments_of(tables: SidebandTables, planes: int) -> tuple[Segments, Column]:
    """Segments of the tables of runs, and the entries at qx = 0; on the host.

    Parameters
    ----------
    tables : SidebandTables
    planes : int
        Number of pixels, K.
    """
    runs, first = on_host(tables.runs), on_host(tables.first)[0]
    plane, column, length = (runs[:, n].astype(np.int64) for n in range(3))
    row = np.repeat(np.arange(first.size - 1), np.diff(first))
    begins = np.ones(len(runs), bool)
    begins[1:] = (plane[1:] != plane[:-1]) | (row[1:] != row[:-1])
    begins[1:] |= column[1:] != column[:-1] + length[:-1]
    starts = np.flatnonzero(begins)
    places = LANES + np.cumsum(length) - length
    joined = np.stack(
        [plane[starts], row[starts], column[starts], np.add.reduceat(length, starts)], axis=1
    )
    places = places[starts]
    order = np.argsort(joined[:, 0], kind="stable")
    joined, places = joined[order], places[order]
    ends = np.searchsorted(joined[:, 0], np.arange(planes + 1))
    table = joined.astype(np.uint16)
    at = np.flatnonzero(joined[:, 2] == 0)
    column = Column(joined[at, 0], joined[at, 1], places[at])
    return Segments(table, places, ends.astype(np.int64)), column


def on_device(arrays, device: Device):
    """The same with its arrays on a device."""
    return type(arrays)(*map(device.xp.asarray, arrays))
