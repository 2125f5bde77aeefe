"""Planted faults of known size are found, and nothing on scans without faults."""

import json
from dataclasses import replace

import numpy as np
import pytest

from recon.quality.health import faulty_pixels, health
from recon.scan.events import from_frames
from recon.scan.frames import of_array
from recon.sums.com import centre_of_mass
from recon.sums.detectors import pacbed
from recon.treatment.mask import without
from tests.support.faulty_scans import FRAME, SCAN, disc, scan
from tests.support.scans import weak_events


@pytest.fixture(scope="module")
def clean():
    return scan()


@pytest.mark.parametrize("electrons", [5, 60])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_is_found_on_a_clean_scan(seed, electrons):
    report = health(scan(electrons=electrons, seed=seed))
    assert [f.name for f in report.findings if f.verdict != "ok"] == []
    assert report.summary == "No problems found."
    assert not report.hot.any()
    assert not report.dead.any()


def test_nothing_is_found_where_a_specimen_changes_the_patterns():
    assert health(weak_events()).summary == "No problems found."


def test_hot_pixels_are_found_in_the_dark_and_in_the_disc():
    places = [(2, 3), (24, 20), (24, 21), (40, 44)]

    def heat(expected):
        for place in places:
            expected[..., *place] = 3 * disc().max()

    report = health(scan(heat))
    assert list(map(tuple, np.argwhere(report.hot))) == places
    assert report["hot pixels"].values["in the disc"] == (2, "")
    assert report["hot pixels"].verdict == "bad"


def test_a_dead_pixel_and_a_dead_sector_are_told_apart():
    def kill(expected):
        expected[..., 20, 20] = 0
        expected[..., 26:36, 26:36] = 0

    report = health(scan(kill))
    assert report["dead pixels"].verdict == "look"
    assert report.dead[20, 20]
    sector = report["dead sectors"].picture
    assert sector[27:33, 27:33].all()
    assert not sector[:24].any()


def test_empty_and_over_full_frames_are_found():
    def spoil(expected):
        expected[10, 11] = 0
        expected[30, 31] *= 3

    finding = health(scan(spoil))["frames"]
    assert set(map(tuple, np.argwhere(finding.picture == -1))) == {(10, 11)}
    assert set(map(tuple, np.argwhere(finding.picture == 1))) == {(30, 31)}


def test_a_drift_of_the_beam_is_measured():
    def drift(expected):
        expected *= np.linspace(1.1, 0.9, SCAN[0])[:, None, None, None]

    finding = health(scan(drift))["beam current"]
    slope, error = (finding.values[n][0] for n in ("drift over the scan", "error"))
    assert finding.verdict != "ok"
    assert abs(slope + 20) < 4 * error < 8


def test_the_flyback_column_is_noticed():
    def fly(expected):
        expected[:, -1] *= 0.6

    finding = health(scan(fly))["flyback"]
    assert finding.verdict == "look"
    assert finding.values["counts, last column"][0] == pytest.approx(-40, abs=5)


def test_a_column_that_holds_nothing_lacks_all_that_its_neighbours_have():
    def off(expected):
        expected[:, 0] = 0

    finding = health(scan(off))["flyback"]
    assert finding.verdict == "look"
    assert finding.values["counts, first column"] == (-100, "%")
    assert "the first column's counts by -100 %." in finding.meaning


@pytest.mark.parametrize("first", [0, 1])
def test_empty_columns_all_over_the_scan_are_no_flyback(first):
    """Neither are those at the edges that are lit, beside those that are not."""

    def second(expected):
        expected[:, first::2] = 0

    report = health(scan(second))
    assert report["frames"].verdict == "bad"
    assert report["flyback"].verdict == "ok"
    assert all(abs(value) < 10 for value, _ in report["flyback"].values.values())


def test_descan_is_measured_in_pixels():
    def move(expected):
        for row, shift in enumerate(np.linspace(-1, 1, SCAN[0])):
            expected[row] = disc(shift)

    finding = health(scan(move))["descan"]
    assert finding.verdict == "look"
    # The weak background in the mask does not move with the disc.
    assert finding.values["disc along y down the scan"][0] == pytest.approx(2, abs=0.3)
    assert abs(finding.values["disc along x across the scan"][0]) < 0.3


def test_double_counts_are_measured(clean):
    rng = np.random.default_rng(4)
    frames = []
    for frame in clean.frames():
        twice = frame[rng.random(frame.size) < 0.1]
        frames.append(np.concatenate([frame, twice + 1]))
    finding = health(from_frames(frames, SCAN, FRAME))["double counts"]
    share, error = (finding.values[n][0] for n in ("excess neighbours", "error"))
    assert finding.verdict != "ok"
    assert abs(share - 100 * 0.1 / 1.1) < 4 * error < 5


def test_the_dose_needs_the_scan_step(clean):
    assert "dose on the detector" not in health(clean)["dose"].values
    report = health(replace(clean, metadata={"scan_sampling": (0.5, 0.4)}))
    dose = clean.electrons / clean.positions / 0.2
    assert report["dose"].values["dose on the detector"] == (pytest.approx(dose), "e/Å²")


def test_masking_a_hot_pixel_restores_the_centre_of_mass(clean):
    rng = np.random.default_rng(5)
    place = 2 * FRAME[1] + 3
    frames = [np.concatenate([f, np.full(rng.poisson(8), place)]) for f in clean.frames()]
    spoiled = from_frames(frames, SCAN, FRAME)
    masked = without(spoiled, health(spoiled).hot)
    untouched = np.zeros(FRAME, bool)
    untouched.flat[place] = True
    reference = without(clean, untouched)
    assert np.ptp(centre_of_mass(spoiled) - centre_of_mass(clean)) > 1
    np.testing.assert_array_equal(masked.pixels, reference.pixels)
    np.testing.assert_array_equal(masked.offsets, reference.offsets)
    np.testing.assert_array_equal(centre_of_mass(masked), centre_of_mass(reference))
    assert pacbed(masked).flat[place] == 0


@pytest.mark.parametrize("shape", [(1, 1), (3, 2)])
def test_a_scan_without_electrons_has_a_report(shape):
    empty = from_frames([[]] * (shape[0] * shape[1]), shape, (6, 5))
    report = health(empty)
    assert not report.hot.any()
    assert report["dose"].values["electrons a position"] == (0, "")


@pytest.mark.parametrize("shape", [(4, 5), (1, 16), (6, 1), (3, 3)])
def test_a_detector_of_few_pixels_has_a_report(shape):
    rng = np.random.default_rng(0)
    frames = rng.integers(0, shape[0] * shape[1], (12, 5))
    report = health(from_frames(frames, (3, 4), shape))
    assert report["double counts"].values["repeated pixels in a frame"][0] >= 0
    assert report["layout"].values["electrons"] == (60, "")


def test_info_tells_the_findings_in_words_and_in_numbers(tmp_path, capsys):
    pytest.importorskip("typer")
    from app.cli import main
    from recon.io import write_events

    def heat(expected):
        expected[..., 2, 3] = 3 * disc().max()

    path = tmp_path / "scan.npz"
    write_events(path, scan(heat))
    assert main(["info", "--health", str(path)]) == 0
    words = capsys.readouterr().out
    assert "hot pixels" in words
    assert "Mask them" in words
    assert main(["info", "--health", "--json", str(path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["hot_pixels"] == [[2, 3]]
    hot = next(f for f in found["findings"] if f["name"] == "hot pixels")
    assert hot["values"]["hot pixels"] == {"value": 1, "unit": ""}


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (8, 8)])
def test_a_scan_without_electrons_is_not_well_and_one_too_small_says_so(shape):
    found = health(from_frames([[]] * (shape[0] * shape[1]), shape, (16, 16)))
    assert found.summary == "1 finding."
    assert found["dose"].verdict == "bad"
    assert "No electron" in found["dose"].meaning
    json.dumps(found.numbers(), allow_nan=False)
    assert not any(word in f.meaning for f in found.findings for word in ("nan", "inf"))
    if shape[0] == 1:
        assert found["beam current"].meaning == "The scan is too small to tell."


def test_empty_frames_are_not_well():
    assert health(of_array(np.zeros((8, 9, 16, 16), np.float32)))["signal"].verdict == "bad"


def covered(shape, centre, radius, stop, counts):
    """(Ky, Kx) sum of frames of a sharp disc, with what a `stop` leaves of it."""
    y, x = np.indices(shape)
    r = np.hypot(y - centre[0], x - centre[1])
    expected = np.where(r < radius, counts, 1e-3 * counts)
    expected[stop(y - centre[0], x - centre[1])] = 0
    return np.random.default_rng(3).poisson(expected), r


@pytest.mark.parametrize(
    "stop",
    [
        lambda y, x: (np.hypot(y, x) < 6) | ((abs(x) < 2) & (y < 0)),
        lambda y, x: np.hypot(y, x) < 14,
        lambda y, x: (abs(x - y) < 4) & (y < 5),
        lambda y, x: np.hypot(y - 5, x + 6) < 3,
    ],
    ids=["a stop on its arm", "most of the disc", "a bar across", "beside the middle"],
)
@pytest.mark.parametrize("counts", [60, 3000])
def test_all_of_a_beam_stop_is_dead(stop, counts):
    pattern, r = covered((72, 64), (36.4, 31.3), 20.0, stop, counts)
    y, x = np.indices(pattern.shape)
    wanted = stop(y - 36.4, x - 31.3) & (r < 20)
    hot, dead = faulty_pixels(pattern)
    assert wanted.sum() > 25
    # A pixel on the rim that is lit in part may pass for either.
    assert dead[wanted & (r < 19.5)].all()
    assert not dead[~wanted & (r < 19.5)].any()
    assert not hot.any()


def test_a_disc_that_is_only_uneven_has_no_dead_pixels():
    """Thick crystals leave three quarters in their dark bands; a fifth is left here."""
    y, x = np.indices((72, 64))
    r = np.hypot(y - 36.4, x - 31.3)
    expected = np.where(r < 20, 500 * (0.6 + 0.4 * np.cos(y / 2) * np.cos(x / 2.5)), 0.5)
    assert not np.logical_or(*faulty_pixels(np.random.default_rng(1).poisson(expected))).any()
