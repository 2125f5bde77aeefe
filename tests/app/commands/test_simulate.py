"""`livestem simulate` keeps the truth, or says why it cannot."""

import numpy as np
import pytest

from app.cli import main
from recon.io import open_events


def test_simulate_keeps_the_truth_and_repeats_itself(tmp_path, capsys):
    options = "--scan 12,16 --detector 40,44 --defocus-nm 7 --rotation-deg 30 --transpose --seed 5"
    scans = []
    for name in ("one.npz", "two.h5"):
        assert main(["simulate", str(tmp_path / name), *options.split()]) == 0
        scans.append(open_events(tmp_path / name))
    one, two = scans
    assert (one.scan_shape, one.frame_shape) == ((12, 16), (40, 44))
    np.testing.assert_array_equal(one.pixels, two.pixels)
    for events in scans:
        assert events.source.flyback == "none"
        assert events.metadata["aberrations"] == {"C10": -70.0}
        assert events.metadata["rotation_deg"] == 30
        assert events.metadata["transpose"] is True
        assert events.metadata["energy"] == 80e3
        assert events.metadata["seed"] == 5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--scan 0", "at least 1"),
        ("--scan 5,5,5", "3 numbers"),
        ("--scan many", "rows,columns"),
        ("--dose 0", "must be positive"),
        ("--dose 1e12", "GB of memory"),
        ("--detector 1000000", "larger than any camera"),
        ("--defocus-nm 5 --aberration C10=2", "not both"),
        ("--aberration C60=1", "no aberration coefficient"),
        ("--seed -1", "0 to"),
    ],
)
def test_a_scan_that_cannot_be_simulated_is_refused(options, words, tmp_path, refused):
    assert words in refused("simulate", tmp_path / "scan.npz", *options.split())
    assert list(tmp_path.iterdir()) == []
