"""A result is its array to NumPy and Matplotlib, and says what it means."""

import numpy as np
import pytest

from recon.result import Result

VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_numpy_takes_it_for_its_array():
    phase = Result(VALUES, "rad", (0.5, 0.25), title="phase")
    assert np.asarray(phase) is VALUES
    assert np.asarray(phase, float).dtype == np.float64
    copied = np.array(phase)
    copied[0, 0] = 7
    assert VALUES[0, 0] == 0
    assert np.mean(phase) == VALUES.mean()
    assert np.abs(phase).sum() == VALUES.sum()
    assert (phase.shape, phase.dtype, len(phase)) == ((2, 3), np.float32, 2)
    assert phase[1, 2] == 5
    with pytest.raises(ValueError, match="copy"):
        np.array(phase, float, copy=False)


def test_the_extent_is_that_of_all_pixels():
    # 3 pixels of 0.25 across, 2 of 0.5 down.
    assert Result(VALUES, "rad", (0.5, 0.25)).extent == (0, 0.75, 1.0, 0)
    stack = Result(np.zeros((2, 4, 5)), "mrad", (1.0, 2.0))
    assert stack.extent == (0, 10, 4, 0)
    with pytest.raises(ValueError, match="The curve has no sampling"):
        _ = Result(VALUES, title="The curve").extent
