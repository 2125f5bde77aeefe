"""Frames from electrons: counted by hand, swapped where they have to be."""

import h5py
import numpy as np
import pytest

from recon.handover.data import frames_size, write_frames
from recon.handover.start import cut_of
from recon.scan.events import from_frames
from recon.scan.frames import of_array
from tests.support.handed_over import SHAPE, start

FRAME = (24, 27)


@pytest.fixture
def counts():
    rng = np.random.default_rng(2)
    return rng.poisson(0.3, (*SHAPE, *FRAME)).astype(np.uint16)


def written(path, scan, begun, bin):
    cut = cut_of(begun.calibration, FRAME, bin)
    write_frames(path, scan, begun, cut)
    with h5py.File(path) as file:
        return cut, file["data"][()]


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("bin", [1, 2])
def test_electrons_and_frames_give_the_same_sums(tmp_path, counts, transpose, bin):
    begun = start(transpose, frame=FRAME, centre=(11.3, 13.8))
    frames = counts.reshape(-1, FRAME[0] * FRAME[1])
    events = from_frames([np.repeat(np.arange(f.size), f) for f in frames], SHAPE, FRAME)
    cut, found = written(tmp_path / "a.h5", events, begun, bin)
    dense = of_array(counts.astype(np.float32))
    _, other = written(tmp_path / "b.h5", dense, begun, bin)
    expected = np.zeros((*SHAPE, cut.pixels, cut.pixels))
    for y in range(cut.pixels):
        for x in range(cut.pixels):
            top, left = cut.first[0] + bin * y, cut.first[1] + bin * x
            pixel = counts[..., top : top + bin, left : left + bin].sum((2, 3))
            expected[(..., x, y) if transpose else (..., y, x)] = pixel
    assert np.array_equal(found, expected)
    assert found.dtype == np.uint16
    assert np.array_equal(other, expected)
    assert other.dtype == np.float32
    assert frames_size(events, cut) == found.nbytes


def test_results_of_another_scan_are_refused(tmp_path, counts):
    begun = start(phase=np.zeros((3, 3)), frame=FRAME, centre=(11.3, 13.8))
    with pytest.raises(ValueError, match="7 × 9 positions and its results have 3 × 3"):
        written(tmp_path / "a.h5", of_array(counts), begun, 1)
    assert not (tmp_path / "a.h5").exists()


def test_a_full_disk_is_told_before_anything_is_written(tmp_path, counts, monkeypatch):
    class Full:
        free = 1000

    monkeypatch.setattr("recon.handover.data.shutil.disk_usage", lambda folder: Full)
    begun = start(frame=FRAME, centre=(11.3, 13.8))
    with pytest.raises(OSError, match=r"the disk has 0 MB left\. Bin more\."):
        written(tmp_path / "a.h5", of_array(counts), begun, 1)
    assert not (tmp_path / "a.h5").exists()
