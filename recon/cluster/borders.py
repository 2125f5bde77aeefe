"""Where the rows of a scan, and the rows of q, are cut into slabs."""

import numpy as np

from recon.calibration import Calibration


def even_borders(rows: int, parts: int) -> tuple[tuple[int, int], ...]:
    """Ranges of rows, the last excluded, of about one size; no more than there are rows."""
    ends = np.linspace(0, rows, min(parts, rows) + 1).round().astype(int)
    return tuple(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))


def balanced_borders(weights, parts: int) -> tuple[tuple[int, int], ...]:
    """Ranges of rows that weigh about the same, none empty; no more than there are rows."""
    weights = np.asarray(weights, float)
    parts = min(parts, weights.size)
    total = np.concatenate([[0], np.cumsum(weights + weights.sum() / (1e6 * weights.size) + 1e-12)])
    ends = np.searchsorted(total, total[-1] * np.arange(parts + 1) / parts)
    ends[0], ends[-1] = 0, weights.size
    for n in range(1, parts):
        ends[n] = np.clip(ends[n], ends[n - 1] + 1, weights.size - (parts - n))
    return tuple(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))


def overlap(s):
    """Share of an aperture's area that one displaced by 2 s of its radii has in common with it."""
    s = np.clip(s, 0, 1)
    return (np.arccos(s) - s * np.sqrt(1 - s**2)) * 2 / np.pi


def entries_of_rows(calibration: Calibration, scan_shape, full: bool) -> np.ndarray:
    """(Sy,) about how many entries each row of q holds, in units of the disc's pixels.

    At q both sidebands hold what the disc has in common with the displaced ones, less what all
    three have in common, the triple overlap: that is what the two displaced ones share.
    """
    steps = calibration.scan_sampling
    q_y, q_x = np.fft.fftfreq(scan_shape[0], steps[0]), np.fft.rfftfreq(scan_shape[1], steps[1])
    weights = np.empty(scan_shape[0])
    for row, y in enumerate(q_y):
        s = np.hypot(y, q_x) / (2 * calibration.k0)
        weights[row] = (2 * overlap(s) - (1 if full else 2) * overlap(2 * s)).sum()
    return weights
