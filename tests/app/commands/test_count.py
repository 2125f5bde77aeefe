"""`livestem count`: raw frames in, events out, or one sentence."""

import numpy as np
import pytest

from app.cli import main
from recon.counting.count import count_electrons
from recon.counting.thresholds import Thresholds
from recon.io import open_events
from tests.support.detector import Camera


@pytest.fixture(scope="module")
def exposed(tmp_path_factory):
    """Folder with raw frames, dark frames and a gain; and the camera."""
    folder = tmp_path_factory.mktemp("camera")
    camera = Camera((48, 64), seed=1)
    raw = camera.expose(30, camera.electrons(30, 12))
    np.save(folder / "raw.npy", raw)
    nothing = np.empty(0, int), np.empty(0), np.empty(0)
    np.save(folder / "dark.npy", camera.expose(20, nothing))
    np.save(folder / "gain.npy", camera.gain)
    return folder, raw, camera


def arguments(folder, out, *more):
    references = "--dark", str(folder / "dark.npy"), "--gain", str(folder / "gain.npy")
    shape = "--scan-shape", "5,6"
    return ["count", str(folder / "raw.npy"), "-o", str(out), *references, *shape, *more]


@pytest.mark.parametrize("suffix", [".h5", ".npz"])
def test_raw_frames_become_a_file_of_events(suffix, exposed, tmp_path, capsys):
    folder, raw, camera = exposed
    out = tmp_path / f"events{suffix}"
    thresholds = "--background-threshold", "25", "--xray-threshold", "300"
    assert main(arguments(folder, out, *thresholds)) == 0
    dark = np.load(folder / "dark.npy").mean(axis=0)
    expected = count_electrons(raw, (5, 6), dark, camera.gain, Thresholds(25.0, 300.0))
    events = open_events(out)
    assert events.scan_shape == (5, 6)
    np.testing.assert_array_equal(events.pixels, expected.pixels)
    np.testing.assert_array_equal(events.offsets, expected.offsets)
    assert f"{expected.electrons} electrons" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".h5", ".npz", ".toml"])
def test_positions_finer_than_a_pixel_are_kept_on_request(exposed, tmp_path, suffix):
    folder, raw, camera = exposed
    out = tmp_path / f"events{suffix}"
    more = "--background-threshold", "25", "--xray-threshold", "300", "--subpixel"
    assert main(arguments(folder, out, *more)) == 0
    dark = np.load(folder / "dark.npy").mean(axis=0)
    references = dark, camera.gain, Thresholds(25.0, 300.0)
    expected = count_electrons(raw, (5, 6), *references, subpixel=True)
    np.testing.assert_array_equal(open_events(out).subpixel, expected.subpixel)


def test_thresholds_are_fitted_and_stated_unless_given(exposed, tmp_path, capsys):
    folder, _, _ = exposed
    assert main(arguments(folder, tmp_path / "events.npz", "--xray-threshold", "500")) == 0
    said = capsys.readouterr().err
    assert "noise" in said
    assert "electrons peak at" in said


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--scan-shape", "7,7"], "30 frames do not fill a scan of 7 × 7"),
        (["--background-threshold", "-1"], "must be positive"),
        (["--background-threshold", "30", "--xray-threshold", "20"], "above the background"),
        (["--dark", "missing.npy"], "There is no file missing.npy"),
        (["--gain", "{raw}"], None),
        (["--dark", "{small}"], "dark reference has 3 × 4 pixels"),
        (["--method", "magic"], "'maximum', 'cluster'"),
        (["--common", "planes"], "'planes' is not one of 'none', 'rows', 'columns', 'both'"),
        (["--device", "abacus"], "auto, cpu, gpu"),
        (["-o", "{folder}/none/events.h5"], "There is no folder"),
        (["-o", "{folder}/events.txt"], "no known format"),
    ],
)
def test_bad_input_ends_in_one_sentence_and_no_file(more, sentence, exposed, tmp_path, capsys):
    folder, _, _ = exposed
    np.save(tmp_path / "small.npy", np.zeros((3, 4)))
    places = {"raw": folder / "raw.npy", "small": tmp_path / "small.npy", "folder": tmp_path}
    out = tmp_path / "events.h5"
    code = main(arguments(folder, out, *(m.format(**places) for m in more)))
    said = capsys.readouterr().err.strip().splitlines()
    if sentence is None:  # Raw frames serve as a poor gain, but as one.
        assert code == 0
        return
    assert code == 2
    assert sentence in said[-1]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["small.npy"]


def test_what_is_no_scan_is_refused_in_a_sentence(tmp_path, capsys):
    (tmp_path / "raw.npy").write_bytes(b"\x93NUMPY rubbish")
    assert main(["count", str(tmp_path / "raw.npy"), "-o", str(tmp_path / "out.h5")]) == 2
    assert "damaged" in capsys.readouterr().err
    assert not (tmp_path / "out.h5").exists()
