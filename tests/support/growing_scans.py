"""Scans cut into blocks of rows, and G of the rows that have come by its equation."""

from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from recon.calibration import Calibration
from recon.scan.events import ElectronEvents
from recon.ssb.bright_field import bright_field, plane_counts
from recon.treatment.mask import without


def rows_of(events, first, last):
    """Rows `first` to `last` (exclusive) of a scan, as a source gives them."""
    columns = events.scan_shape[1]
    offsets = events.offsets[first * columns : last * columns + 1]
    pixels = events.pixels[offsets[0] : offsets[-1]]
    shape = last - first, columns
    return ElectronEvents(
        pixels, offsets - offsets[0], shape, events.frame_shape, excluded=events.excluded
    )


def blocks_of(events, borders):
    """(first row, events) of the blocks between borders, such as [0, 3, 4, 11]."""
    return [(first, rows_of(events, first, last)) for first, last in pairwise(borders)]


def random_scan(scan_shape, calibration, frame_shape, seed=0, electrons=30):
    """Poisson electrons on the whole detector, more of them in the middle of the scan."""
    rng = np.random.default_rng(seed)
    positions = scan_shape[0] * scan_shape[1]
    means = electrons * (0.5 + np.sin(np.pi * (np.arange(positions) + 0.5) / positions))
    counts = rng.poisson(means)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    pixels = rng.integers(0, frame_shape[0] * frame_shape[1], offsets[-1]).astype(np.uint32)
    return ElectronEvents(pixels, offsets, tuple(scan_shape), tuple(frame_shape))


def filled_counts(events, disc, scanned):
    """(K, Sy, Sx) float64 counts, with each plane's mean over the scanned rows in the others.

    A row of one number is nothing but qx = 0: so its transform is that of the scanned rows, the
    others zero, with the mean of those in their place at qx = 0.
    """
    counts = plane_counts(events, disc.lookup, 0, disc.size).astype(float)
    counts /= disc.kept[:, None, None]
    counts[:, ~scanned] = counts[:, scanned].mean((1, 2))[:, None, None]
    return counts


def unpacked(g):
    """(K, Sy, Qx) complex128 of the entries that G keeps, NaN elsewhere."""
    dense = np.full((g.bright_field.size, *g.q_shape), np.nan, complex)
    for row in range(g.scan_shape[0]):
        at = g.first[2, row]
        for plane, column, length, _ in g.runs[g.first[0, row] : g.first[0, row + 1]].astype(int):
            values = g.re[at : at + length] + 1j * g.im[at : at + length]
            dense[plane, row, column : column + length] = values
            at += length
    return dense


def error_of(g, counts):
    """Difference of G's entries from the double-precision transform of counts, of its norm."""
    kept = unpacked(g)
    held = ~np.isnan(kept)
    expected = np.fft.rfft2(counts)[held]
    return np.linalg.norm(kept[held] - expected) / np.linalg.norm(expected)


@st.composite
def scans_in_blocks(draw):
    """A scan, its calibration, pixels across the disc, excluded pixels, and its blocks in an order.

    Odd and even sizes, not square, turned or mirrored; the disc may be cut by the detector's edge,
    and is binned by one or more.
    """
    scan_shape = draw(st.integers(4, 23)), draw(st.integers(4, 21))
    radius = draw(st.sampled_from([4.0, 6.0, 9.5]))
    across = draw(st.sampled_from([4, 6, 8]))
    centre = radius + draw(st.sampled_from([-1.6, 0.3, 2.4])), radius + 1.7
    frame_shape = int(2 * radius) + draw(st.integers(3, 6)), int(2 * radius) + 4
    turned = draw(st.sampled_from([0.0, 31.0, -90.0])), draw(st.booleans())
    calibration = Calibration(80e3, 25.0, (0.41, 0.37), centre, radius, *turned)
    seed = draw(st.integers(0, 2**32 - 1))
    excluded = None
    if draw(st.booleans()):
        excluded = np.random.default_rng(seed).random(frame_shape) < 0.03
    rows = scan_shape[0]
    inner = draw(st.sets(st.integers(1, rows - 1), max_size=rows - 1))
    events = random_scan(scan_shape, calibration, frame_shape, seed)
    if excluded is not None:
        events = without(events, excluded)
    blocks = blocks_of(events, [0, *sorted(inner), rows])
    if draw(st.booleans()):
        blocks = draw(st.permutations(blocks))
    disc = bright_field(calibration, frame_shape, across, excluded)
    return events, calibration, across, disc, blocks
