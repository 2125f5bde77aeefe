"""Empty frames and noise of the beam's current: G is that of the specimen without them."""

from dataclasses import replace

import numpy as np
import pytest

from recon.calibration import Calibration
from recon.device.backend import CPU, on_host
from recon.optics import Aberrations
from recon.orientation.disc_entries import disc_entries
from recon.quality.halves import split_half
from recon.scan.frames import of_array
from recon.scan.low_counts import events_from_frames
from recon.simulate.scan import expected_intensities
from recon.ssb import build, gfunction
from recon.ssb.bright_field import bright_field
from recon.ssb.parallax import tilt_corrected
from recon.ssb.phase import single_sideband
from recon.sums import current
from recon.sums.current import beam_current
from tests.support.equations import planes
from tests.support.fake_gpu import fake_gpu
from tests.support.g_of_events import ARRAYS
from tests.support.weak_phase import binned

SCAN, FRAME = (40, 44), (20, 21)
CALIBRATION = Calibration(80e3, 25.0, (0.36, 0.36), (9.6, 10.3), 7.0, rotation_deg=12.0)
ABERRATIONS = Aberrations(C10=80.0)
ELECTRONS = 600
CURRENT = 0.1


def phase():
    """(Sy, Sx) phase [rad] of weak waves, all within the transferred band."""
    rng = np.random.default_rng(0)
    q = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n, 0.36) for n in SCAN), indexing="ij"))
    waves = np.fft.fft2(rng.normal(size=SCAN)) * (q < 1.4 * CALIBRATION.k0) * (q > 0.2)
    image = np.fft.ifft2(waves).real
    return 0.05 * image / image.std()


@pytest.fixture(scope="module")
def expected():
    """(Sy, Sx, Ky, Kx) probability of each pixel."""
    found = expected_intensities(phase(), CALIBRATION, ABERRATIONS, frame_shape=FRAME)
    return np.asarray(found)


def drawn(expected, factor=1.0, seed=1):
    rng = np.random.default_rng(seed)
    shares = expected / expected.sum((2, 3)).mean()
    return rng.poisson(shares * ELECTRONS * np.broadcast_to(factor, SCAN)[..., None, None])


@pytest.fixture(scope="module")
def clean(expected):
    return drawn(expected)


@pytest.fixture(scope="module")
def noisy(expected):
    return drawn(expected, 1 + CURRENT * np.random.default_rng(2).normal(size=SCAN))


@pytest.fixture(scope="module")
def lost(clean):
    """One frame in twenty is empty."""
    return np.where((np.random.default_rng(3).random(SCAN) < 0.05)[..., None, None], 0, clean)


def events(counts):
    return events_from_frames(of_array(counts.astype(np.uint16)))


def g_of(scan, **options):
    device = getattr(scan, "device", CPU)
    return build.build_g(scan, CALIBRATION, 12, device, **options)


def values(g):
    g = g.to_device(CPU)
    return g.re + 1j * g.im


def test_a_scan_without_either_is_transformed_to_the_last_bit_as_it_is(clean, monkeypatch):
    found = g_of(events(clean)), g_of(of_array(clean.astype(np.uint16)))
    assert [g.current for g in found] == [None, None]
    monkeypatch.setattr(gfunction, "beam_current", lambda *args, **options: None)
    plain = g_of(events(clean))
    for g in found:
        for name in ARRAYS:
            np.testing.assert_array_equal(getattr(g, name), getattr(plain, name))


def test_the_mean_pattern_stands_in_for_empty_frames(lost):
    """G is that of frames filled with the mean of the others, times the share there are."""
    g = g_of(events(lost))
    empty = lost.sum((2, 3)) == 0
    np.testing.assert_array_equal(g.current.empty, empty)
    assert g.current.noise == 0
    assert f"{empty.sum()} of {empty.size} frames" in g.current.statement
    filled = np.where(empty[..., None, None], lost[~empty].mean(0), lost)
    counts, disc = planes(filled, CALIBRATION, 12)
    there = binned(counts.astype(np.float32), disc)
    full = gfunction.sidebands_of_planes(there, CALIBRATION, 1, full=False)
    # The empty frames' own pattern is the mean of all, and not of the others.
    np.testing.assert_allclose(values(g), values(full), atol=1e-4 * abs(values(full)).max())
    np.testing.assert_allclose(g.pacbed, full.pacbed * (1 - empty.mean()), rtol=1e-5)


def test_frames_and_events_with_empty_frames_have_one_g(lost):
    of_events, of_frames = g_of(events(lost)), g_of(of_array(lost.astype(np.uint16)))
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(of_events, name), getattr(of_frames, name))


@pytest.mark.parametrize("kind", ["lost", "noisy"])
def test_a_device_takes_out_the_same(kind, request, monkeypatch):
    counts = request.getfixturevalue(kind)
    device = fake_gpu("cpu", monkeypatch).device
    there = g_of(events(counts).to_device(device))
    here = g_of(events(counts))
    assert there.device is device
    np.testing.assert_allclose(values(there), values(here), atol=1e-4 * abs(values(here)).max())
    np.testing.assert_array_equal(there.current.excess, here.current.excess)
    moved = there.to_device(CPU)
    assert moved.current is there.current


def test_a_device_takes_it_out_of_entries_and_shifted_images(lost, monkeypatch):
    device = fake_gpu("cpu", monkeypatch).device
    here = events(lost)
    there = here.to_device(device)
    found, expected = (disc_entries(each, CALIBRATION, 8).values for each in (there, here))
    np.testing.assert_allclose(found, expected, atol=1e-4 * abs(expected).max())
    found, expected = (
        on_host(tilt_corrected(each, CALIBRATION, ABERRATIONS, 8).image) for each in (there, here)
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)


def error_of(g, truth):
    found = on_host(single_sideband(g, ABERRATIONS, "exact", "both", 0.7))
    return np.std(found - found.mean() - truth)


def test_noise_of_the_current_hardly_harms_the_phase(clean, noisy, monkeypatch):
    truth = phase()
    at_best = error_of(g_of(events(clean)), truth)
    scans = events(noisy), of_array(noisy.astype(np.uint16))
    for scan in scans:
        g = g_of(scan)
        assert g.current.noise == pytest.approx(CURRENT, rel=0.1)
        assert not g.current.empty.any()
        assert "beam current varies by" in g.current.statement
        assert error_of(g, truth) < 1.03 * at_best
    monkeypatch.setattr(gfunction, "beam_current", lambda *args, **options: None)
    assert error_of(g_of(scans[0]), truth) > 1.1 * at_best


def test_a_camera_with_a_gain_and_a_background_shows_the_same_noise(noisy):
    camera = (37 * noisy + 50).astype(np.float32)
    g = g_of(of_array(camera))
    # Of what the disc holds the background is a part that does not vary.
    inside = bright_field(CALIBRATION, FRAME, 12).lookup.reshape(FRAME) >= 0
    share = 37 * noisy[..., inside].sum() / camera[..., inside].sum()
    assert g.current.noise == pytest.approx(CURRENT * share, rel=0.15)
    without = g_of(of_array((37 * noisy).astype(np.float32)))
    a, b = (values(each) / abs(values(each)).max() for each in (g, without))
    np.testing.assert_allclose(a, b, atol=0.03)


def totals(mean, change=0.0, seed=4, shape=SCAN):
    return np.random.default_rng(seed).poisson(mean * np.broadcast_to(1 + change, shape))


@pytest.mark.parametrize("mean", [0.5, 3, 30, 1000])
def test_nothing_is_found_in_counting_noise(mean):
    assert not any(beam_current(totals(mean, seed=s), CALIBRATION) for s in range(30))


def test_nothing_is_found_in_what_a_specimen_scatters_out_of_the_detector():
    """Whatever it is, it holds no frequency beyond 2 k0."""
    y, x = np.indices(SCAN)
    q = 1.6 * CALIBRATION.k0 * 0.36
    columns = 0.1 * np.cos(2 * np.pi * np.rint(q * SCAN[1]) / SCAN[1] * x)
    columns = columns + 0.2 * np.cos(2 * np.pi * 3 * y / SCAN[0])
    assert beam_current(totals(1000, columns), CALIBRATION) is None
    # And where the current is noisy beside it, that stays in G.
    noise = 0.1 * np.random.default_rng(5).normal(size=SCAN)
    found = beam_current(totals(1000, (1 + columns) * (1 + noise) - 1), CALIBRATION)
    left, there = (np.fft.fft2(a)[3, 0] for a in (columns - found.excess, columns))
    taken, all_of_it = (
        np.fft.fft2(a)[0, int(np.rint(q * SCAN[1]))] for a in (found.excess, columns)
    )
    assert abs(taken) < 0.25 * abs(all_of_it)
    assert abs(there) > 0
    assert abs(left) < abs(there)  # what changes from row to row alone is the current's


def test_electrons_counted_twice_are_no_noise_of_the_current():
    rng = np.random.default_rng(6)
    once = rng.poisson(500, SCAN)
    assert beam_current(once + rng.binomial(once, 0.15), CALIBRATION) is None


def test_a_scan_too_coarse_to_tell_is_left_as_it_is(noisy):
    coarse = replace(CALIBRATION, scan_sampling=(0.8, 0.8))
    assert beam_current(noisy.sum((2, 3)), coarse) is None


def test_frames_that_are_empty_by_chance_are_not_lost():
    assert beam_current(totals(2.0), CALIBRATION) is None
    few = totals(40.0).astype(float)
    few[3, 4:9] = 0
    assert beam_current(few, CALIBRATION).empty.sum() == 5
    assert beam_current(np.zeros(SCAN), CALIBRATION) is None


def test_a_tiny_scan_and_a_row_are_looked_at_for_empty_frames_alone():
    row = np.full((1, 50), 100.0)
    assert beam_current(row, CALIBRATION) is None
    row[0, 7] = 0
    found = beam_current(row, CALIBRATION)
    assert found.excess.sum() == pytest.approx(0, abs=1e-4)
    assert "1 of 50 frames (2 %) is empty" in found.statement


def test_sidebands_of_an_unknown_orientation_and_shifted_images_are_without_it_too(
    lost, monkeypatch
):
    scan, truth = events(lost), phase()
    entries = disc_entries(scan, CALIBRATION, 12)
    image = tilt_corrected(scan, CALIBRATION, ABERRATIONS, 12, band_limit=0.7).image
    dense = build.tilt_corrected(
        of_array(lost.astype(np.uint16)), CALIBRATION, ABERRATIONS, 12, CPU, band_limit=0.7
    ).image
    np.testing.assert_allclose(dense, image, atol=1e-6)
    for module in ("recon.orientation.disc_entries", "recon.ssb.parallax"):
        monkeypatch.setattr(f"{module}.beam_current", lambda *args: None)
    plain = disc_entries(scan, CALIBRATION, 12)
    other = tilt_corrected(scan, CALIBRATION, ABERRATIONS, 12, band_limit=0.7).image
    agrees = [np.corrcoef(each.ravel(), truth.ravel())[0, 1] for each in (image, other)]
    assert agrees[0] > agrees[1]
    # Within the disc what all pixels have in common is gone.
    common = [abs(e.values.sum(1)).mean() for e in (entries, plain)]
    assert common[0] < 0.8 * common[1]


def test_halves_have_none_of_the_current_in_common():
    """A disc without any specimen, out of focus, in a beam whose current is noisy."""
    disc = bright_field(CALIBRATION, FRAME, 12)
    lit = np.where(disc.lookup >= 0, 1.0, 0).reshape(FRAME)
    noise = 1 + 0.2 * np.random.default_rng(7).normal(size=SCAN)
    scan = events(drawn(np.broadcast_to(lit, (*SCAN, *FRAME)), noise, seed=8))
    g = g_of(scan)
    assert g.current.noise == pytest.approx(0.2, rel=0.15)
    for whole in (g, None):
        halves = split_half(scan, CALIBRATION, ABERRATIONS, 12, whole=whole)
        assert halves.resolution() is None


def test_what_is_taken_out_leaves_the_sum_at_zero_frequency():
    transform = np.ones((2, 4, 3), np.complex64) * np.array([8, 16])[:, None, None]
    before = transform.copy()
    current.take_out(transform, None)
    np.testing.assert_array_equal(transform, before)
    excess = np.zeros((4, 4), np.float32)
    excess[0, 0], excess[0, 1] = 1, -1
    found = current.BeamCurrent(excess, excess > 2, 0.1)
    current.take_out(transform, found.added(np))
    expected = before - before[:, :1, :1] * np.fft.rfft2(excess) / 16
    np.testing.assert_allclose(transform, expected, atol=1e-6)


def test_noise_from_row_to_row_is_taken_out_too(expected, clean, monkeypatch):
    rows = 1 + CURRENT * np.random.default_rng(9).normal(size=(SCAN[0], 1))
    scan, truth = events(drawn(expected, rows)), phase()
    g = g_of(scan)
    assert g.current.noise == 0
    assert g.current.rows == pytest.approx(rows.std(), rel=0.3)
    assert "from row to row" in g.current.statement
    assert error_of(g, truth) < 1.1 * error_of(g_of(events(clean)), truth)
    monkeypatch.setattr(gfunction, "beam_current", lambda *args, **options: None)
    assert error_of(g_of(scan), truth) > 1.3 * error_of(g, truth)


def test_an_edge_along_the_rows_and_lattice_rows_are_no_noise_of_the_current():
    y, x = np.indices((64, 72))
    edge = 0.05 * (y > 30) + 0 * x
    lattice = 0.05 * np.cos(2 * np.pi * y * 12 / 64) + 0.05 * np.cos(2 * np.pi * y * 20 / 64)
    for mean in (30, 1000):
        for change in (edge, lattice):
            assert beam_current(totals(mean, change, shape=(64, 72)), CALIBRATION) is None
