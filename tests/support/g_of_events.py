"""Electrons in the disc, and G compared."""

import numpy as np

from recon.calibration import Calibration
from recon.device.backend import on_host
from recon.scan.events import from_frames
from recon.ssb.sidebands import Sidebands

ARRAYS = "re", "im", "first", "runs", "hard", "hard_at", "masks"


CALIBRATION = Calibration(80e3, 25.0, (0.41, 0.37), (8.3, 7.6), 6.0, 15.0)


def events_in_disc(scan=(8, 9)):
    rng = np.random.default_rng(0)
    return from_frames(rng.integers(0, 17 * 18, (scan[0] * scan[1], 40)), scan, (17, 18))


def assert_same(g: Sidebands, expected: Sidebands):
    """The same G, to the last bit, wherever it lies."""
    for name in ARRAYS:
        np.testing.assert_array_equal(on_host(getattr(g, name)), on_host(getattr(expected, name)))
    for name in ("k", "pacbed"):
        value = getattr(g, name)
        assert type(value) is np.ndarray
        assert value.dtype == np.float64
        np.testing.assert_array_equal(value, getattr(expected, name))
    for name in ("calibration", "scan_shape", "full", "electrons", "scale", "entries", "nbytes"):
        assert getattr(g, name) == getattr(expected, name)
    assert (g.hard_entries, g.mean_counts) == (expected.hard_entries, expected.mean_counts)
