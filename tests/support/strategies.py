"""Scans drawn by hypothesis."""

import numpy as np
from hypothesis import strategies as st

from recon.scan.events import ElectronEvents


@st.composite
def scans(draw, most=6, brightest=12, unique=False, metadata=None):
    """A small scan of any aspect, with empty frames and, unless `unique`, repeated pixels.

    Frames of a `unique` scan are strictly increasing; others come in no order.
    """
    scan_shape = draw(st.tuples(st.integers(1, most), st.integers(1, most)))
    frame_shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    size = frame_shape[0] * frame_shape[1]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    brightest = draw(st.sampled_from([0, 1, brightest]))
    counts = rng.integers(0, brightest + 1, scan_shape[0] * scan_shape[1])
    if unique:
        counts = np.minimum(counts, size)
        frames = [np.sort(rng.choice(size, count, replace=False)) for count in counts]
    else:
        frames = [rng.integers(0, size, count) for count in counts]
    pixels = np.concatenate([*frames, np.empty(0)]).astype(np.uint32)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return ElectronEvents(pixels, offsets, scan_shape, frame_shape, metadata or {})


def dense(events):
    """(Sy, Sx, Ky, Kx) int64 counts: the naive reference."""
    frames = np.repeat(np.arange(events.positions), np.diff(events.offsets))
    cube = np.zeros((events.positions, events.frame_shape[0] * events.frame_shape[1]), np.int64)
    np.add.at(cube, (frames, events.pixels), 1)
    return cube.reshape(*events.scan_shape, *events.frame_shape)
