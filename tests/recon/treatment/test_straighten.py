"""Descan and ellipticity, put into simulated scans and taken out again."""

from dataclasses import replace

import numba
import numpy as np
import pytest
from scipy.stats import chi2

from recon.calibration import Calibration
from recon.device.backend import on_host
from recon.errors import Cancelled, Unfitted
from recon.focus.fit import fit_aberrations
from recon.geometry.descan import Descan, measure_descan
from recon.geometry.disc import fit_disc
from recon.geometry.ellipse import Ellipse, fit_ellipse
from recon.io import open_events
from recon.optics import Aberrations
from recon.scan.events import ElectronEvents, from_frames
from recon.scan.frames import of_array
from recon.simulate.scan import expected_intensities, sample_events
from recon.ssb.gfunction import build_sidebands
from recon.ssb.phase import single_sideband
from recon.sums.detectors import pacbed
from recon.treatment.mask import without
from recon.treatment.rows import ScanDistortion, regrid
from recon.treatment.straighten import straighten, straighten_frames
from tests.support import scans
from tests.support.fake_gpu import fake_gpu

SHAPE = (32, 36)
CALIBRATION = Calibration(80e3, 25.0, (0.42, 0.42), (30.3, 27.1), 18.0, -12.0)
ABERRATIONS = Aberrations(C10=-180.0, C12a=30.0)
DESCAN = Descan((2.5, -1.0, 0.5, 0.3, -0.6), (-0.8, 2.0, 0.2, -0.4, 0.5))
ELLIPSE = Ellipse(1.12, 35.0, CALIBRATION.centre)


@pytest.fixture(scope="module")
def intensities():
    phase = 2 * scans.weak_phase(SHAPE) + scans.atoms_phase(SHAPE) / 2
    return expected_intensities(phase, CALIBRATION, ABERRATIONS, frame_shape=(60, 56), subpixels=2)


@pytest.fixture(scope="module")
def scan(intensities):
    return sample_events(intensities, 4000, metadata={"centre": CALIBRATION.centre})


@pytest.fixture(scope="module")
def thin(intensities):
    """A tenth of its electrons, for what they are not measured by."""
    return sample_events(intensities, 400, metadata={"centre": CALIBRATION.centre})


def distorted(events, descan=None, ellipse=None):
    """The scan through worse optics: k → c + M⁻¹ (k - c) + shift(R), from anywhere in a pixel."""
    frame = np.repeat(np.arange(events.positions), np.diff(events.offsets))
    k = np.stack(np.divmod(events.pixels.astype(int), events.frame_shape[1]))
    k = k + np.random.default_rng(5).uniform(-0.5, 0.5, k.shape)
    if ellipse:
        centre = np.array(ellipse.centre)[:, None]
        angle = np.deg2rad(ellipse.angle_deg)
        along = np.array([[np.sin(angle)], [np.cos(angle)]])
        across = np.array([[np.cos(angle)], [-np.sin(angle)]])
        root = np.sqrt(ellipse.ratio)
        k = (root * along @ along.T + across @ across.T / root) @ (k - centre) + centre
    if descan:
        u, v = np.meshgrid(*(np.linspace(-1, 1, n) for n in events.scan_shape), indexing="ij")
        terms = np.stack([t - t.mean() for t in (u, v, u * u, u * v, v * v)]).reshape(5, -1)
        k = k + (np.array([descan.y, descan.x]) @ terms)[:, frame]
    y, x = np.floor(k + 0.5).astype(int)
    height, width = events.frame_shape
    seen = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    counts = np.bincount(frame[seen], minlength=events.positions)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return replace(events, pixels=(y * width + x)[seen].astype(np.uint32), offsets=offsets)


def phase_of(events):
    """The phase with the disc fitted anew, as a user would have it."""
    disc = fit_disc(pacbed(events))
    calibration = replace(CALIBRATION, centre=disc.centre, radius=disc.radius)
    return single_sideband(build_sidebands(events, calibration, 18), ABERRATIONS, band_limit=0.8)


def test_descan_is_measured_and_the_phase_comes_back(intensities, scan):
    bad = distorted(scan, DESCAN, ELLIPSE)
    disc = fit_disc(pacbed(bad))
    found = measure_descan(bad, disc.centre, disc.radius)
    for axis in "yx":
        truth, value, error = (
            np.array(getattr(d, axis)) for d in (DESCAN, found.descan, found.errors)
        )
        assert (abs(value - truth) < 4 * error).all()
        assert (error < 0.06).all()
    assert found.largest == pytest.approx(np.hypot(*DESCAN.shift(SHAPE)).max(), abs=0.1)
    ellipse = fit_ellipse(pacbed(straighten(bad, found.descan))).ellipse
    straight = straighten(bad, found.descan, ellipse)
    # Electrons placed anew in their pixels are not quite the same: less off than a scan repeated.
    undisturbed = phase_of(scan)
    noise, before, after = (
        np.linalg.norm(phase_of(events) - undisturbed)
        for events in (sample_events(intensities, 4000, seed=9), bad, straight)
    )
    assert before > 1.2 * np.linalg.norm(undisturbed)
    assert after < 0.7 * noise < 0.2 * np.linalg.norm(undisturbed)
    # What is left of it: nothing.
    with pytest.raises(Unfitted, match="does not move"):
        measure_descan(straight, CALIBRATION.centre, CALIBRATION.radius)


def test_an_ellipse_is_measured_and_no_longer_taken_for_astigmatism(scan):
    planted = Ellipse(1.16, 35.0, CALIBRATION.centre)
    bad = distorted(scan, None, planted)
    fit = fit_ellipse(pacbed(bad))
    assert abs(fit.ellipse.ratio - planted.ratio) < 4 * fit.ratio_error < 0.015
    assert abs(fit.ellipse.angle_deg - planted.angle_deg) < 4 * fit.angle_error_deg < 5
    assert fit.radius == pytest.approx(CALIBRATION.radius, abs=0.1)
    round_ = straighten(bad, None, fit.ellipse)

    def astigmatism(events):
        disc = fit_disc(pacbed(events))
        calibration = replace(CALIBRATION, centre=disc.centre, radius=disc.radius)
        found = fit_aberrations(build_sidebands(events, calibration, 18), orders=1).aberrations
        return complex(found.C12a, found.C12b)

    truth = complex(ABERRATIONS.C12a, ABERRATIONS.C12b)
    left = abs(astigmatism(round_) - truth)
    assert left < 3
    assert abs(astigmatism(bad) - truth) > 3 * left
    with pytest.raises(Unfitted, match="The disc is round"):
        fit_ellipse(pacbed(round_))


def test_a_straight_scan_shows_neither(scan):
    with pytest.raises(Unfitted, match="does not move over the scan"):
        measure_descan(scan, CALIBRATION.centre, CALIBRATION.radius)
    with pytest.raises(Unfitted, match="The disc is round"):
        fit_ellipse(pacbed(scan))
    with pytest.raises(Unfitted, match="show a disc"):
        measure_descan(scan, (5.0, 50.0), 6.0)
    with pytest.raises(ValueError, match="at least 8 × 8 positions, not 1 × 2"):
        measure_descan(from_frames([[1], [2]], (1, 2), (9, 9)), (4.0, 4.0), 3.0)


def test_dense_frames_show_the_same_descan(scan):
    bad = distorted(scan, DESCAN)
    dense = np.zeros((bad.positions, 60 * 56), np.uint16)
    np.add.at(dense, (np.repeat(np.arange(bad.positions), np.diff(bad.offsets)), bad.pixels), 1)
    frames = of_array(dense.reshape(*SHAPE, 60, 56))
    where = CALIBRATION.centre, CALIBRATION.radius
    fit = measure_descan(frames, *where)
    found = fit.descan
    for axis in "yx":
        off = np.subtract(getattr(found, axis), getattr(DESCAN, axis))
        assert (abs(off) < 4 * np.array(getattr(fit.errors, axis))).all()
    # Moved by whole pixels: what is left is below half a pixel everywhere.
    moved = straighten_frames(frames, found)
    whole = np.round(found.shift(SHAPE)).astype(int)
    for row, column in ((0, 0), (13, 20), (31, 35)):
        (dy, dx), at = whole[:, row, column], row * 36 + column
        expected = np.roll(frames.read(at, at + 1)[0], (-dy, -dx), (0, 1))
        inside = (slice(max(-dy, 0), 60 - max(dy, 0)), slice(max(-dx, 0), 56 - max(dx, 0)))
        got = moved.read(at, at + 1)[0]
        np.testing.assert_array_equal(got[inside], expected[inside])
        assert got.sum() == expected[inside].sum()


def marked(pixels, places=None, frame_shape=(6, 9), scan_shape=(1, 1), **more):
    pixels = np.asarray(pixels, np.uint32)
    offsets = np.linspace(0, pixels.size, scan_shape[0] * scan_shape[1] + 1).astype(np.int64)
    places = None if places is None else np.asarray(places, np.uint8)
    return ElectronEvents(pixels, offsets, scan_shape, frame_shape, subpixel=places, **more)


def test_a_hand_case():
    """In a scan of 2 × 1 the rows lie at u = -1 and 1. A linear term of 1.25 px moves them so
    far, and all is moved back: (2, 3) at (8, 4)/16 goes to (3.25, 3) in the first row, that is
    to pixel 3 at 12/16, and to (0.75, 3), pixel 1 at 4/16, in the second."""
    events = marked([21, 21], [0x84, 0x84], scan_shape=(2, 1))
    straight = straighten(events, Descan((1.25, 0, 0, 0, 0), (0, 0, 0, 0, 0)))
    assert [divmod(int(pixel), 9) for pixel in straight.pixels] == [(3, 3), (1, 3)]
    np.testing.assert_array_equal(straight.subpixel, [0xC4, 0x44])


def test_moving_by_nothing_moves_nothing():
    rng = np.random.default_rng(0)
    pixels, places = rng.integers(0, 54, 500), rng.integers(0, 256, 500)
    none = Descan((0,) * 5, (0,) * 5)
    still = straighten(marked(pixels, places), none, Ellipse(1.0, 10.0, (2.0, 3.0)))
    np.testing.assert_array_equal(still.pixels, pixels)
    np.testing.assert_array_equal(still.subpixel, places)
    unknown = straighten(marked(pixels), none)
    np.testing.assert_array_equal(unknown.pixels, pixels)
    # A place that nobody told is drawn from the whole pixel.
    drawn = np.stack([unknown.subpixel >> 4, unknown.subpixel & 15])
    for axis in drawn:
        counts = np.bincount(axis, minlength=16)
        assert chi2.sf(((counts - 500 / 16) ** 2 / (500 / 16)).sum(), 15) > 1e-3
    assert abs(np.corrcoef(drawn)[0, 1]) < 0.15
    events = marked(pixels)
    assert straighten(events) is events


def test_even_illumination_stays_even():
    """Without rows that are empty or doubled: counts of every pixel scatter as Poisson's."""
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 60 * 60, 360_000)
    events = marked(pixels, frame_shape=(60, 60), scan_shape=(6, 6))
    descan = Descan((0.3, 0.2, 0, 0, 0), (0.1, -0.4, 0, 0, 0))
    straight = straighten(events, descan, Ellipse(1.08, 20.0, (29.5, 29.5)))
    counts = pacbed(straight)[6:-6, 6:-6].ravel()
    assert 1e-3 < chi2.sf((((counts - 100) ** 2) / 100).sum(), counts.size) < 1 - 1e-3


def test_a_place_is_known_to_a_sixteenth(scan):
    """M (k - c) + c by the definition of a stretch: along its axis by 1/√ratio, √ratio across."""
    rng = np.random.default_rng(2)
    pixels, places = rng.integers(0, 30 * 40, 400), rng.integers(0, 256, 400)
    ellipse = Ellipse(1.21, 90.0, (14.0, 20.0))
    events = marked(pixels, places, (30, 40), metadata={"centre": (15.0, 22.0), "radius": 9.0})
    straight = straighten(events, None, ellipse)
    y, x = pixels // 40 + (places // 16 - 8) / 16, pixels % 40 + (places % 16 - 8) / 16
    wanted = np.stack([14 + (y - 14) / 1.1, 20 + (x - 20) * 1.1])
    inside = ((wanted > -0.5) & (wanted < np.array([[29.5], [39.5]]))).all(axis=0)
    got = (
        np.stack(np.divmod(straight.pixels, 40))
        + (np.stack([straight.subpixel >> 4, straight.subpixel & 15]) - 8.0) / 16
    )
    assert straight.electrons < 400
    assert abs(inside.sum() - straight.electrons) <= 3
    if inside.sum() == straight.electrons:
        # Half a sixteenth by rounding, and as much again for where in its sixteenth it was.
        assert abs(got - wanted[:, inside]).max() < 1.1 / 16
    assert straight.metadata == {"centre": pytest.approx((14 + 1 / 1.1, 22.2)), "radius": 9.0}
    assert f"{400 - straight.electrons} of 400 electrons left" in straight.source.notes[-1]


def test_excluded_pixels_leave_no_dim_place_behind():
    """An even pattern with a hole, moved about: what is not excluded is as bright as ever."""
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 40 * 40, 640_000)
    hole = np.zeros((40, 40), bool)
    hole[19:21, 22] = True
    events = without(marked(pixels, frame_shape=(40, 40), scan_shape=(8, 8)), hole)
    descan = Descan((1.5, 0.2, 0, 0, 0), (0.1, -1.4, 0, 0, 0))
    straight = straighten(events, descan, Ellipse(1.06, 20.0, (19.5, 19.5)))
    counts = pacbed(straight)
    assert (counts[straight.excluded] == 0).all()
    assert 15 < straight.excluded.sum() < 60
    inner = counts[5:-5, 5:-5][~straight.excluded[5:-5, 5:-5]]
    assert 1e-3 < chi2.sf((((inner - 400) ** 2) / 400).sum(), inner.size) < 1 - 1e-3
    frames = of_array(np.ones((8, 8, 40, 40), np.uint8), excluded=hole)
    moved = straighten_frames(frames, descan)
    inner = moved.read(0, 64)[:, 5:-5, 5:-5]
    assert (inner[:, ~moved.excluded[5:-5, 5:-5]] == 1).all()


@pytest.mark.usefixtures("all_threads")
def test_threads_batches_and_a_map_of_the_file_change_nothing(thin, tmp_path, monkeypatch):
    whole = straighten(thin, DESCAN, ELLIPSE)
    np.save(tmp_path / "pixels.npy", thin.pixels)
    mapped = replace(thin, pixels=np.load(tmp_path / "pixels.npy", mmap_mode="r"))
    monkeypatch.setattr("recon.treatment.straighten.BATCH", 100_000)
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        parts = straighten(mapped, DESCAN, ELLIPSE)
    finally:
        numba.set_num_threads(threads)
    for name in ("pixels", "offsets", "subpixel"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    other = straighten(thin, DESCAN, ELLIPSE, seed=1)
    assert not np.array_equal(other.pixels, whole.pixels)


def test_a_scan_on_a_device_comes_back_there(thin, monkeypatch):
    device = fake_gpu("cpu", monkeypatch).device
    there = thin.to_device(device)
    bent = ScanDistortion(shear=0.1)
    for found, expected in (
        (straighten(there, DESCAN, ELLIPSE), straighten(thin, DESCAN, ELLIPSE)),
        (regrid(there, bent), regrid(thin, bent)),
    ):
        assert found.device is device
        np.testing.assert_array_equal(on_host(found.copy.pixels), expected.pixels)
        np.testing.assert_array_equal(on_host(found.copy.offsets), expected.offsets)
    assert fit_ellipse(pacbed(straighten(there, None, ELLIPSE))).ellipse.ratio > 1.1
    with pytest.raises(Unfitted, match="does not move"):
        measure_descan(there, CALIBRATION.centre, CALIBRATION.radius)


def test_it_stops_on_request_and_refuses_nonsense(thin):
    def stop(fraction):
        raise Cancelled

    for work in (
        lambda: straighten(thin, DESCAN, progress=stop),
        lambda: measure_descan(thin, CALIBRATION.centre, CALIBRATION.radius, progress=stop),
    ):
        with pytest.raises(Cancelled):
            work()
    with pytest.raises(ValueError, match="five finite coefficients along x"):
        Descan((0,) * 5, (0, 0, 0, 0, np.nan))
    with pytest.raises(ValueError, match=r"lies between 1 and 4, not 0\.9"):
        Ellipse(0.9, 0.0, (0.0, 0.0))
    with pytest.raises(ValueError, match="seed is a whole number"):
        straighten(thin, DESCAN, seed=-1)


def test_the_ellipse_of_a_real_scan(shared_data):
    """The virus scan's disc has axes 6 % apart, alike in both halves of the scan."""
    path = shared_data / "virus_4dcamera_v3.h5"
    if not path.is_file():
        pytest.skip("no scan of viruses")
    events = open_events(path)
    half = np.arange(events.scan_shape[0])[:, None] < events.scan_shape[0] // 2
    half = np.broadcast_to(half, events.scan_shape)
    fits = [fit_ellipse(pacbed(events, mask)) for mask in (half, ~half)]
    for fit in fits:
        assert 1.04 < fit.ellipse.ratio < 1.08
    difference = abs(fits[0].ellipse.ratio - fits[1].ellipse.ratio)
    assert difference < 3 * np.hypot(*(fit.ratio_error for fit in fits))
    straight = straighten(events, None, fits[0].ellipse)
    before, after = (fit_disc(pacbed(each)) for each in (events, straight))
    assert after.residual < 0.8 * before.residual
