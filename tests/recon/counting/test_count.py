"""Electron counting against plain NumPy, and against simulated frames with a known truth."""

import numba
import numpy as np
import pytest
from scipy import ndimage

from recon.counting import count as counting
from recon.counting.correction import Readout, correction
from recon.counting.count import METHODS, count_electrons, sample_frames
from recon.counting.thresholds import Thresholds
from recon.errors import Cancelled
from recon.scan.frames import of_array
from tests.support.detector import Camera, matched


def reference(raw, dark, gain, background, xray, method, saturation=65535, common="none"):
    """Electrons (frame, y, x) of raw frames in double precision, with whole-array operations."""
    dark, gain = np.float32(dark).astype(float), np.float32(gain / np.median(gain)).astype(float)
    found = []
    for number, frame in enumerate(raw):
        value = (frame.astype(float) - dark) / gain
        value[frame >= saturation] = saturation - np.median(dark)
        for axis, names in ((1, ("rows", "both")), (0, ("columns", "both"))):
            if common in names:
                middle = np.median(value, axis=axis, keepdims=True)
                quiet = np.where(np.abs(value - middle) <= background, value, np.nan)
                value = value - np.nanmean(quiet, axis=axis, keepdims=True)
        if method == "cluster":
            labels, count = ndimage.label(value > background, np.ones((3, 3)))
            for label in range(1, count + 1):
                places = np.argwhere(labels == label)
                weights = value[labels == label]
                # From the first pixel on, so that one pixel's centroid is its centre exactly.
                centre = places[0] + weights @ (places - places[0]) / weights.sum()
                if weights.max() < xray:
                    found.append((number, *centre))
            continue
        padded = np.pad(value, 1, constant_values=-np.inf)
        for y, x in np.argwhere((value > background) & (value < xray)):
            around = padded[y : y + 3, x : x + 3]
            if around.argmax() != 4:  # The first of equals is the peak.
                continue
            weights = np.maximum(around, 0)
            step = np.arange(-1, 2)
            total = weights.sum()
            found.append(
                (
                    number,
                    y + (weights.sum(axis=1) * step).sum() / total,
                    x + (weights.sum(axis=0) * step).sum() / total,
                )
            )
    return found


def expected(found, scan_shape, frame_shape):
    """Pixels, offsets and nibbles that electrons (frame, y, x) make."""
    frame, y, x = np.array(found).reshape(-1, 3).T
    steps = [np.floor(16 * v + 0.5) + 8 for v in (y, x)]
    row, column = (step // 16 for step in steps)
    nibbles = [step % 16 for step in steps]
    offsets = np.searchsorted(frame, np.arange(scan_shape[0] * scan_shape[1] + 1))
    return row * frame_shape[1] + column, offsets, nibbles[0] * 16 + nibbles[1]


@pytest.mark.parametrize("common", ["none", "rows", "columns", "both"])
@pytest.mark.parametrize("method", METHODS)
def test_electrons_are_those_of_plain_numpy_in_double_precision(method, common):
    camera = Camera((37, 53), seed=3)
    raw = camera.expose(6, camera.electrons(6, 60), xrays=2)
    thresholds = Thresholds(25.0, 400.0)

    settings = (2, 3), camera.dark, camera.gain, thresholds, method
    events = count_electrons(raw, *settings, readout=Readout(common=common), subpixel=True)

    found = reference(raw, camera.dark, camera.gain, 25.0, 400.0, method, common=common)
    pixels, offsets, nibbles = expected(found, (2, 3), (37, 53))
    assert len(found) > 200
    np.testing.assert_array_equal(events.pixels, pixels)
    np.testing.assert_array_equal(events.offsets, offsets)
    np.testing.assert_array_equal(events.subpixel, nibbles)


@pytest.mark.parametrize(
    "dtype",
    # For it a kernel is compiled that no other test needs.
    ["u1", pytest.param("i2", marks=pytest.mark.slow), ">u2", "u4", "i4", "f2", "f4", "f8", "i8"],
)
def test_any_number_type_gives_the_same_electrons(dtype):
    random = np.random.default_rng(1)
    raw = random.integers(0, 100, (4, 20, 70))
    dark, gain = random.uniform(0, 30, (20, 70)), random.uniform(0.5, 2, (20, 70))
    thresholds = Thresholds(45.0, 90.0)

    settings = (2, 2), dark, gain, thresholds
    events = count_electrons(raw.astype(dtype), *settings, readout=Readout(saturation=1000))

    found = reference(raw, dark, gain, 45.0, 90.0, "maximum", saturation=1000)
    pixels, offsets, _ = expected(found, (2, 2), (20, 70))
    assert events.electrons > 50
    np.testing.assert_array_equal(events.pixels, pixels)
    np.testing.assert_array_equal(events.offsets, offsets)


def test_the_limit_of_a_pixel_is_the_last_number_not_above_the_background():
    random = np.random.default_rng(5)
    dark, gain = random.uniform(0, 3000, (40, 40)), random.uniform(0.3, 3, (40, 40))
    for dtype in (np.uint16, np.float32):
        correct = correction((40, 40), dtype, dark, gain, Readout(saturation=1e6))
        limits = correct.limits(20.0, dtype)
        following = limits + 1 if dtype == np.uint16 else np.nextafter(limits, np.float32(np.inf))
        assert np.all(correct.values(limits[None]) <= 20.0)
        assert np.all(correct.values(following[None]) > 20.0)


@pytest.mark.usefixtures("all_threads")
def test_results_do_not_depend_on_slabs_or_threads(monkeypatch):
    camera = Camera((40, 40), seed=4)
    raw = camera.expose(50, camera.electrons(50, 20))
    thresholds = Thresholds(25.0, 300.0)
    whole = count_electrons(raw, (5, 10), camera.dark, camera.gain, thresholds)
    threads = numba.get_num_threads()
    monkeypatch.setattr(counting, "SLAB_BYTES", 7 * raw[0].nbytes)
    numba.set_num_threads(1)
    try:
        cut = count_electrons(raw, (5, 10), camera.dark, camera.gain, thresholds)
    finally:
        numba.set_num_threads(threads)
    np.testing.assert_array_equal(cut.pixels, whole.pixels)
    np.testing.assert_array_equal(cut.offsets, whole.offsets)


def test_more_electrons_than_expected_are_all_counted():
    # One bright pixel in every 2 × 2: a thousand times what a first guess makes room for.
    raw = np.zeros((2, 256, 256), np.uint16)
    raw[:, ::2, ::2] = 100
    events = count_electrons(raw, (1, 2), thresholds=Thresholds(50.0))
    assert events.counts.tolist() == [[128 * 128] * 2]


def frame_with(**values):
    """A dark 6 × 7 frame with some pixels set: `y3x4=100`."""
    raw = np.zeros((1, 6, 7), np.uint16)
    for place, value in values.items():
        raw[0, int(place[1]), int(place[3])] = value
    return raw


def pixels_of(raw, **options):
    events = count_electrons(raw, (1, 1), thresholds=Thresholds(10.0, 1000.0), **options)
    return [divmod(int(p), 7) for p in events.pixels]


@pytest.mark.parametrize("method", METHODS)
def test_electrons_at_edges_and_corners_are_found(method):
    raw = frame_with(y0x0=50, y0x6=60, y5x0=70, y5x6=80, y0x3=90, y3x6=90)
    found = pixels_of(raw, method=method)
    assert found == [(0, 0), (0, 3), (0, 6), (3, 6), (5, 0), (5, 6)]


def test_opposite_edges_are_not_neighbours():
    # In memory, pixel (2, 6) lies beside (3, 0).
    assert pixels_of(frame_with(y2x6=50, y3x0=60)) == [(2, 6), (3, 0)]


@pytest.mark.parametrize("method", METHODS)
def test_saturated_neighbours_are_one_electron(method):
    dark = np.random.default_rng(0).uniform(0, 9, (6, 7))
    raw = frame_with(y2x2=500, y2x3=500, y3x2=500, y3x3=500)
    found = pixels_of(raw, method=method, dark=dark, readout=Readout(saturation=500))
    assert len(found) == 1
    assert found[0] in [(2, 2), (2, 3), (3, 2), (3, 3)]


@pytest.mark.parametrize("method", METHODS)
def test_an_xray_is_no_electron_nor_are_its_neighbours(method):
    raw = frame_with(y2x2=2000, y2x3=300, y1x2=200, y5x6=50)
    assert pixels_of(raw, method=method) == [(5, 6)]


def test_a_dead_pixel_hides_nothing_and_fires_never():
    gain = np.ones((6, 7))
    gain[2, 2] = 0
    gain[4, 4] = np.nan
    excluded = np.zeros((6, 7), bool)
    excluded[0, 0] = True
    raw = frame_with(y2x2=65535, y4x4=500, y2x3=50, y0x0=90)
    assert pixels_of(raw, gain=gain, readout=Readout(excluded=excluded)) == [(2, 3)]


def test_pixels_left_out_have_no_say_in_the_thresholds():
    camera = Camera((64, 64), seed=9)
    raw = camera.expose(40, camera.electrons(40, 20))
    loud = np.zeros((64, 64), bool)
    loud[::8] = True
    noisy = np.where(loud, np.random.default_rng(1).integers(0, 4000, raw.shape), raw)
    options = {"readout": Readout(excluded=loud)}
    of_quiet, of_noisy = (
        count_electrons(each.astype(np.uint16), (4, 10), camera.dark, camera.gain, **options)
        for each in (raw, noisy)
    )
    assert of_quiet.electrons > 400
    np.testing.assert_array_equal(of_quiet.pixels, of_noisy.pixels)


def test_two_touching_electrons_are_two_maxima_and_one_cluster():
    raw = frame_with(y2x1=90, y2x2=40, y2x3=80)
    assert pixels_of(raw, method="maximum") == [(2, 1), (2, 3)]
    assert len(pixels_of(raw, method="cluster")) == 1


def test_a_centroid_between_two_pixels_is_at_their_border():
    raw = frame_with(y2x2=100, y2x3=100)
    events = count_electrons(raw, (1, 1), thresholds=Thresholds(10.0), subpixel=True)
    # Centroid (2, 2.5): pixel 3 begins there, half a pixel from its centre.
    assert events.pixels.tolist() == [2 * 7 + 3]
    assert events.subpixel.tolist() == [8 << 4 | 0]


@pytest.mark.parametrize("method", METHODS)
def test_sparse_electrons_are_found_placed_and_not_invented(method):
    camera = Camera((96, 96), seed=7)
    places = camera.electrons(100, 8)
    raw = camera.expose(100, places, xrays=0.5)

    events = count_electrons(raw, (10, 10), camera.dark, camera.gain, method=method, subpixel=True)

    found, false, errors = matched(places, events, events.subpixel)
    assert found > 0.975 * places[0].size
    assert false <= 5  # in a hundred frames
    assert np.sqrt(np.mean(errors**2)) < (0.13 if method == "maximum" else 0.18)
    assert np.all(np.abs(errors.mean(axis=0)) < 0.02)
    _, _, whole = matched(places, events)
    # A pixel alone is uniform: 1/√12 = 0.289.
    assert np.sqrt(np.mean(whole**2)) == pytest.approx(12**-0.5, abs=0.02)


def test_coincidence_loss_grows_with_dose_as_overlap_does():
    lost = []
    for mean in (20, 80, 160):
        camera = Camera((64, 64), seed=mean)
        places = camera.electrons(60, mean)
        raw = camera.expose(60, places)
        events = count_electrons(raw, (6, 10), camera.dark, camera.gain, Thresholds(25.0))
        lost.append(1 - events.electrons / places[0].size)
    # Electrons in neighbouring pixels are one maximum: of those in 3 × 3 pixels, one is left.
    crowd = np.array([20, 80, 160]) / 64**2 * 9
    np.testing.assert_allclose(lost, 1 - (1 - np.exp(-crowd)) / crowd, rtol=0.35)
    assert lost[0] < lost[1] < lost[2]


def test_row_noise_makes_false_counts_unless_it_is_taken_off():
    camera = Camera((64, 64), row_noise=15.0, seed=8)
    places = camera.electrons(60, 10)
    raw = camera.expose(60, places)
    settings = (6, 10), camera.dark, camera.gain, Thresholds(28.0, 300.0)
    _, without, _ = matched(places, count_electrons(raw, *settings))
    found, false, _ = matched(
        places, count_electrons(raw, *settings, readout=Readout(common="rows"))
    )
    assert without > 300
    assert false < 20
    assert found > 0.95 * places[0].size


def test_frames_keep_their_scan_metadata_and_source():
    frames = of_array(np.zeros((3, 4, 5, 6), np.uint16), metadata={"energy": 3e5})
    events = count_electrons(frames, thresholds=Thresholds(1.0))
    assert (events.scan_shape, events.frame_shape, events.electrons) == ((3, 4), (5, 6), 0)
    assert events.metadata == {"energy": 3e5}
    assert "counted" in events.source.format


def test_a_sample_is_taken_from_all_over_the_scan():
    raw = np.arange(1000, dtype=np.uint16)[:, None, None] * np.ones((1, 2, 2), np.uint16)
    sample = sample_frames(raw, 11)
    assert sample.shape == (11, 2, 2)
    np.testing.assert_array_equal(sample[[0, -1], 0, 0], [0, 999])


def test_a_sample_of_large_frames_is_small_enough_for_memory():
    raw = np.broadcast_to(np.zeros((1, 1, 1), np.uint16), (50, 3000, 2000))
    assert sample_frames(raw).shape == (2, 3000, 2000)


def test_progress_runs_to_the_end_and_may_stop_it(monkeypatch):
    monkeypatch.setattr(counting, "SLAB_BYTES", 200)
    raw = np.zeros((8, 5, 5), np.uint16)
    heard = []
    count_electrons(raw, (2, 4), thresholds=Thresholds(1.0), progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0

    def stop(fraction):
        raise Cancelled

    with pytest.raises(Cancelled):
        count_electrons(raw, (2, 4), thresholds=Thresholds(1.0), progress=stop)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"dark": np.zeros((5, 4))}, "dark reference has 5 × 4 pixels"),
        ({"gain": np.ones((4, 4))}, "gain has 4 × 4 pixels"),
        ({"gain": np.zeros((5, 5))}, "No pixel has a gain above zero"),
        ({"method": "magic"}, "one of maximum, cluster"),
        ({"readout": Readout(common="diagonal")}, "one of none, rows"),
        ({"scan_shape": (3, 3)}, "8 frames do not fill a scan of 3 × 3"),
        ({"dark": np.full((5, 5), -100.0)}, "background threshold of 10 without any signal"),
        ({"readout": Readout(excluded=np.zeros((2, 2), bool))}, "another shape"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(options, sentence):
    settings = {"scan_shape": (2, 4), "thresholds": Thresholds(10.0)} | options
    with pytest.raises(ValueError, match=sentence):
        count_electrons(np.zeros((8, 5, 5), np.uint16), **settings)
