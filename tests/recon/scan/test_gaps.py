"""What is no number in dense frames is left out of every sum, and said."""

import json

import h5py
import numpy as np
import pytest

from app.cli import main
from recon.errors import UnreadableFile
from recon.io import open_frames, open_scan
from recon.scan.events import ElectronEvents
from recon.scan.frames import of_array
from recon.scan.gaps import without_gaps
from recon.sums import dense as frames_sums

SCAN, DETECTOR = (10, 12), (16, 17)


def patterns(outside=0.4):
    """Counts of a disc (radius 4 px) that moves a little from position to position."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:16, :17]
    out = np.empty((*SCAN, *DETECTOR))
    for i, j in np.ndindex(*SCAN):
        inside = np.hypot(y - 7.5 - 0.2 * np.sin(i + j), x - 8 - 0.2 * np.cos(i - j)) < 4
        out[i, j] = random.poisson(np.where(inside, 60, outside))
    return out


@pytest.mark.parametrize("dtype", ["f2", ">f4", "f8"])
def test_a_pixel_that_is_never_a_number_is_left_out_of_all_sums(dtype):
    spoiled = patterns().astype(dtype)
    spoiled[:, :, 1, 2] = np.nan
    spoiled[:, :, 3, 4] = np.inf
    frames = without_gaps(of_array(spoiled))

    holes = np.zeros(DETECTOR, bool)
    holes[[1, 3], [2, 4]] = True
    np.testing.assert_array_equal(frames.excluded, holes)
    exact = np.where(holes, 0, patterns().astype(dtype).astype(float))
    np.testing.assert_array_equal(frames_sums.pacbed(frames), exact.sum(axis=(0, 1)))
    axes = np.mgrid[:16, :17]
    centres = [(exact * axis).sum((2, 3)) / exact.sum((2, 3)) for axis in axes]
    np.testing.assert_allclose(frames_sums.centre_of_mass(frames), centres, rtol=1e-6)
    assert frames.source.notes == (
        "2 of 272 detector pixels hold no number (NaN or infinite): left out of every sum.",
    )


def test_a_frame_without_numbers_is_empty_and_costs_no_pixel():
    spoiled = patterns()
    spoiled[2, 3] = np.nan
    spoiled[4, 5, 2:] = -np.inf
    spoiled[:, :, 0, 0] = np.nan
    frames = without_gaps(of_array(spoiled))
    assert frames.excluded.sum() == 1
    total = frames_sums.sum_masks(frames, {"m": np.ones(DETECTOR, bool)})["m"]
    assert np.argwhere(total == 0).tolist() == [[2, 3], [4, 5]]
    assert "2 of 120 frames hold no number" in frames.source.notes[1]


def test_a_pixel_that_fails_once_keeps_its_other_frames():
    spoiled, where = patterns(), (7, 8, 9, 10)
    spoiled[where] = np.nan
    frames = without_gaps(of_array(spoiled))
    spoiled[where] = 0
    np.testing.assert_array_equal(frames_sums.pacbed(frames), spoiled.sum(axis=(0, 1)))
    assert frames.excluded is None
    assert "In single frames 1 more pixel holds no number" in frames.source.notes[0]


def test_a_detector_that_is_masked_for_the_most_part_keeps_its_frames():
    spoiled, y = patterns(), np.arange(16)
    spoiled[:, :, (y < 3) | (y > 12)] = np.nan
    spoiled[0, 0] = np.nan
    frames = without_gaps(of_array(spoiled))
    assert frames.excluded.sum() == 6 * 17
    assert "1 of 120 frames holds" in frames.source.notes[1]


def test_what_lacks_nothing_is_left_as_it_is_and_nothing_at_all_is_refused():
    whole = of_array(patterns())
    assert without_gaps(whole) is whole
    whole = of_array(patterns().astype("i4"))
    assert without_gaps(whole) is whole
    with pytest.raises(UnreadableFile, match="every value is NaN or infinite"):
        without_gaps(of_array(np.full((2, 2, 4, 4), np.nan)))


@pytest.mark.parametrize("dtype", [">u2", "u4", "u8"])
def test_a_pixel_that_always_has_the_largest_number_is_marked(dtype):
    spoiled, mark = patterns().astype(dtype), np.iinfo(dtype).max
    spoiled[:, :, 3, 4] = mark
    spoiled[2, 3, 7, 8] = mark
    frames = without_gaps(of_array(spoiled))
    assert np.argwhere(frames.excluded).tolist() == [[3, 4]]
    assert f"1 of 272 detector pixels holds {mark} in all frames" in frames.source.notes[0]


def test_a_disc_that_is_saturated_stays():
    spoiled = patterns().astype("u2")
    spoiled[:, :, 5:10, 6:11] = 65535
    frames = of_array(spoiled)
    assert without_gaps(frames) is frames
    low = of_array(np.full((20, 20, 4, 4), 255, np.uint8))
    assert without_gaps(low) is low


def test_low_counts_around_a_hole_become_events_that_know_of_it(tmp_path):
    spoiled = np.random.default_rng(1).poisson(0.1, (*SCAN, *DETECTOR)).astype("f4")
    spoiled[:, :, 5, 6] = np.nan
    np.save(tmp_path / "scan.npy", spoiled)
    events = open_scan(tmp_path / "scan.npy")
    assert isinstance(events, ElectronEvents)
    assert events.excluded.sum() == 1
    assert events.electrons == np.nansum(spoiled)
    assert "1 of 272 detector pixels holds no number" in events.source.notes[0]


def test_a_reference_keeps_what_is_no_number(tmp_path):
    np.save(tmp_path / "dark.npy", np.full((3, 4), np.nan))
    assert np.isnan(open_frames(tmp_path / "dark.npy", reference=True).read(0, 1)).all()


def test_a_rare_number_below_zero_leaves_frames_dense_wherever_it_is(tmp_path):
    counts = np.random.default_rng(2).poisson(0.1, (20, 70, 8, 8)).astype("i2")
    for name, value in {"far": -1, "none": 0}.items():
        counts[14, 20, 3, 3] = value
        np.save(tmp_path / f"{name}.npy", counts)
    assert isinstance(open_scan(tmp_path / "none.npy"), ElectronEvents)
    frames = open_scan(tmp_path / "far.npy")
    assert "scan position 1000 holds -1" in frames.source.notes[0]
    counts[14, 20, 3, 3] = -1
    np.testing.assert_array_equal(frames_sums.pacbed(frames), counts.sum(axis=(0, 1)))


def test_reconstruct_says_what_it_left_out_and_finds_the_field_of_the_rest(tmp_path, capsys):
    spoiled = patterns().astype("f4")
    np.save(tmp_path / "whole.npy", spoiled)
    spoiled[:, :, 1, 1] = np.nan
    np.save(tmp_path / "spoiled.npy", spoiled)
    spread = {}
    for name in ("whole", "spoiled"):
        out = tmp_path / f"{name}.h5"
        told = (
            "--energy-kev 80 --semiangle-mrad 25 --scan-step-angstrom 0.3 --disc-centre 7.5,8 "
            "--disc-radius 4"
        )
        main(["reconstruct", f"{tmp_path / name}.npy", "-o", str(out), *told.split()])
        with h5py.File(out) as file:
            spread[name] = file["com"][:].std(axis=(1, 2))
            parameters = json.loads(file.attrs["parameters"])
            assert np.isfinite(file["virtual/adf"][:]).all()
    assert parameters["pixels_left_out"] == 1
    assert "1 of 272 detector pixels holds no number" in capsys.readouterr().out
    np.testing.assert_allclose(spread["spoiled"], spread["whole"], rtol=0.05)


def test_convert_says_what_is_no_count(tmp_path, capsys):
    np.save(tmp_path / "half.npy", np.full((3, 4, 5, 5), 0.5, "f2"))
    assert main(["convert", str(tmp_path / "half.npy"), str(tmp_path / "out.npz")]) == 2
    assert "scan position 0 holds 0.5: counts are whole numbers" in capsys.readouterr().err
    assert not (tmp_path / "out.npz").exists()
