"""Dense frames: slabs, events of low counts, and sums equal to those of the same data as events."""

import numpy as np
import pytest

from recon.calibration import Calibration
from recon.errors import Cancelled, UnreadableFile
from recon.scan.events import ElectronEvents, Source
from recon.scan.frames import DenseFrames, of_array
from recon.scan.low_counts import NoCounts, events_from_frames, takes_less_as_events
from recon.ssb import build
from recon.ssb.gfunction import build_sidebands
from recon.sums import com
from recon.sums import dense as frames_sums
from recon.sums import detectors as virtual
from tests.support.equations import planes

SCAN, DETECTOR = (5, 7), (9, 11)


def counts(mean=0.2, dtype=np.uint8, scan_shape=SCAN, frame_shape=DETECTOR):
    random = np.random.default_rng(0)
    return random.poisson(mean, (*scan_shape, *frame_shape)).astype(dtype)


def test_slabs_are_the_frames_in_raster_order_whatever_their_size():
    data = counts(dtype=np.uint16)
    for array, shape in ((data, None), (data.reshape(35, *DETECTOR), SCAN)):
        frames = of_array(array, shape)
        assert (frames.scan_shape, frames.frame_shape, frames.nbytes) == (
            SCAN,
            DETECTOR,
            data.nbytes,
        )
        for bytes_ in (1, 3 * frames.frame_bytes, 10 * frames.frame_bytes, 1 << 30):
            for ahead in (False, True):
                slabs = list(frames.slabs(bytes_, ahead))
                assert [first for first, _ in slabs] == np.cumsum([0, *(len(s) for _, s in slabs)])[
                    :-1
                ].tolist()
                assert all(s.nbytes <= max(bytes_, frames.frame_bytes) for _, s in slabs)
                got = np.concatenate([s for _, s in slabs])
                np.testing.assert_array_equal(got, data.reshape(35, *DETECTOR))


@pytest.mark.parametrize(("first", "last"), [(0, 35), (3, 4), (5, 16), (7, 21), (9, 9), (30, 35)])
def test_any_range_of_a_scan_stored_in_rows_can_be_read(first, last):
    data = counts()
    got = of_array(data).read(first, last) if last > first else np.empty((0, *DETECTOR), np.uint8)
    np.testing.assert_array_equal(got, data.reshape(35, *DETECTOR)[first:last])


def test_another_byte_order_is_read_as_the_machine_has_it():
    data = counts(dtype=">u2")
    frames = of_array(data)
    assert frames.dtype.isnative
    np.testing.assert_array_equal(frames.read(0, 35), data.reshape(35, *DETECTOR))


def test_frames_that_are_not_there_are_missed():
    frames = DenseFrames(lambda a, b: np.zeros((1, 4, 4)), (2, 3), (4, 4), float)
    with pytest.raises(UnreadableFile, match="cut off"):
        frames.read(0, 6)
    with pytest.raises(ValueError, match="not in a scan of 6"):
        frames.read(4, 7)


@pytest.mark.parametrize(
    ("array", "shape", "sentence"),
    [
        (np.zeros((4, 4)), None, "3 dimensions"),
        (np.zeros((6, 4, 4)), (2, 2), "6 frames do not fill a scan of 2 × 2"),
        (np.zeros((0, 4, 4)), None, "scan is empty"),
        (np.zeros((2, 2, 0, 4)), None, "detector is empty"),
        (np.zeros((2, 4, 4), complex), None, "not complex128"),
    ],
)
def test_what_is_no_scan_is_refused(array, shape, sentence):
    with pytest.raises(ValueError, match=sentence):
        of_array(array, shape)


@pytest.mark.parametrize(
    "dtype",
    # For it a kernel is compiled that no other test needs.
    ["?", "u1", "i2", ">u4", pytest.param("i8", marks=pytest.mark.slow), "f2", ">f4", "f8"],
)
def test_counts_become_as_many_electrons_and_back(dtype):
    data = counts(0.4).astype(dtype)
    frames = of_array(data, metadata={"energy": 8e4}, source=Source("scan", "test"))
    events = events_from_frames(frames)
    assert isinstance(events, ElectronEvents)
    back = np.zeros(data.size, int)
    frame = np.repeat(np.arange(35), np.diff(events.offsets))
    np.add.at(back, frame * 99 + events.pixels, 1)
    np.testing.assert_array_equal(back.reshape(data.shape), data)
    assert all(np.all(np.diff(f.astype(int)) >= 0) for f in events.frames())
    assert events.metadata == {"energy": 8e4}
    assert "low counts as events" in events.source.format


def test_events_do_not_depend_on_slabs(monkeypatch):
    whole = events_from_frames(of_array(counts()))
    monkeypatch.setattr(DenseFrames.slabs, "__defaults__", (300, True, 0))
    cut = events_from_frames(of_array(counts()))
    np.testing.assert_array_equal(cut.pixels, whole.pixels)
    np.testing.assert_array_equal(cut.offsets, whole.offsets)


def test_sparse_counts_take_less_as_events_and_others_do_not():
    assert takes_less_as_events(of_array(counts(0.1, np.uint16)))
    assert not takes_less_as_events(of_array(counts(3.0, np.uint16)))
    assert takes_less_as_events(of_array(counts(0.1, np.float32)))
    assert not takes_less_as_events(of_array(counts(0.1, np.float32) + 0.5))
    assert not takes_less_as_events(of_array(-counts(0.1, np.int16)))


def test_what_is_no_count_is_not_made_an_electron():
    for value, dtype, why in [
        (-2, "i2", "holds -2: counts are not below zero"),
        (-2, "f4", "holds -2.0: counts are not below zero"),
        (0.5, "f8", "holds 0.5: counts are whole numbers"),
        (np.nan, "f4", "holds nan: counts are whole numbers"),
        (2**32 - 1, "u4", "holds 4294967295: no pixel counts so many"),
        (2**64 - 1, ">u8", "holds 18446744073709551615: no pixel counts so many"),
        (1e12, "f4", "holds 999999995904.0: counts are whole numbers"),
    ]:
        data = counts(dtype=dtype)
        data[2, 3, 4, 5] = value
        with pytest.raises(NoCounts, match=f"scan position 17 {why}"):
            events_from_frames(of_array(data))


def test_no_more_electrons_are_made_than_there_may_be():
    data = counts()
    assert events_from_frames(of_array(data), most=int(data.sum())).electrons == data.sum()
    with pytest.raises(NoCounts, match=rf"scan position 34 hold {data.sum()} counts, so many"):
        events_from_frames(of_array(data), most=int(data.sum()) - 1)


@pytest.mark.parametrize("dtype", ["f2", ">f2", "f4", "f8", np.longdouble])
def test_sums_of_real_numbers_are_those_of_the_same_counts_in_any_precision(dtype):
    data = counts(3.0)
    ours, theirs = of_array(data.astype(dtype)), of_array(data)
    mask = np.ones(DETECTOR, bool)
    for sums in (frames_sums.pacbed, frames_sums.centre_of_mass):
        np.testing.assert_array_equal(sums(ours), sums(theirs))
    np.testing.assert_array_equal(
        frames_sums.sum_masks(ours, {"m": mask})["m"], data.sum(axis=(2, 3))
    )


def both(mean=0.5, **kwargs):
    data = counts(mean, **kwargs)
    data[1, 2] = 0
    return of_array(data), events_from_frames(of_array(data)), data


def test_the_summed_pattern_is_that_of_events():
    frames, events, data = both()
    np.testing.assert_array_equal(frames_sums.pacbed(frames), virtual.pacbed(events))
    mask = np.random.default_rng(1).random(SCAN) < 0.5
    np.testing.assert_array_equal(
        frames_sums.pacbed(frames, mask), data[mask].sum(axis=0, dtype=float)
    )


def test_detectors_of_any_shape_are_those_of_events():
    frames, events, _ = both()
    random = np.random.default_rng(2)
    masks = {name: random.random(DETECTOR) < 0.4 for name in "abcde"}
    ours, theirs = frames_sums.sum_masks(frames, masks), virtual.sum_masks(events, masks)
    assert ours.keys() == theirs.keys()
    for name in masks:
        np.testing.assert_array_equal(ours[name], theirs[name])


def test_the_centre_of_mass_is_that_of_events_empty_frames_included():
    frames, events, _ = both()
    mask = np.random.default_rng(3).random(DETECTOR) < 0.7
    for keep in (None, mask):
        np.testing.assert_allclose(
            frames_sums.centre_of_mass(frames, keep), com.centre_of_mass(events, keep), rtol=1e-6
        )


def test_sums_of_real_numbers_are_those_in_double_precision():
    data = np.random.default_rng(4).normal(3, 1, (*SCAN, *DETECTOR)).astype(np.float32)
    data[0, 0] = -1
    frames, exact = of_array(data), data.astype(float)
    np.testing.assert_allclose(frames_sums.pacbed(frames), exact.sum(axis=(0, 1)), rtol=1e-12)
    mask = np.random.default_rng(5).random(DETECTOR) < 0.5
    np.testing.assert_allclose(
        frames_sums.sum_masks(frames, {"m": mask})["m"], exact[..., mask].sum(-1), rtol=1e-12
    )
    y, x = np.mgrid[:9, :11]
    with np.errstate(all="ignore"):
        centre = np.stack([(exact * axis).sum((2, 3)) for axis in (y, x)]) / exact.sum((2, 3))
    centre[:, 0, 0] = centre.reshape(2, -1)[:, 1:].mean(axis=1)
    np.testing.assert_allclose(frames_sums.centre_of_mass(frames), centre, rtol=1e-6)


def test_frames_that_are_all_empty_have_their_centre_in_the_middle():
    field = frames_sums.centre_of_mass(of_array(np.zeros((2, 2, 5, 7))))
    assert np.all(field[0] == 2)
    assert np.all(field[1] == 3)


CALIBRATION = Calibration(80e3, 25.0, (0.41, 0.37), (8.3, 7.6), 6.0, 15.0)


def test_planes_are_the_binned_bright_field_of_the_equation():
    data = np.random.default_rng(6).normal(5, 1, (11, 14, 17, 18))
    expected, disc = planes(data, CALIBRATION, 12)
    images, total = frames_sums.binned_planes(of_array(data), disc.lookup, disc.size)
    np.testing.assert_allclose(images, expected, rtol=1e-6)
    assert total == pytest.approx(data.sum(), rel=1e-12)


def test_g_of_frames_is_g_of_the_same_data_as_events():
    frames, events, _ = both(2.0, scan_shape=(11, 14), frame_shape=(17, 18))
    ours = build.build_sidebands_dense(frames, CALIBRATION, 12)
    theirs = build_sidebands(events, CALIBRATION, 12)
    np.testing.assert_array_equal(ours.re, theirs.re)
    np.testing.assert_array_equal(ours.im, theirs.im)
    np.testing.assert_array_equal(ours.pacbed, theirs.pacbed)
    assert ours.electrons == theirs.electrons


def test_progress_of_g_runs_to_the_end_and_may_stop_it():
    frames, _, _ = both(2.0, scan_shape=(11, 14), frame_shape=(17, 18))
    heard = []
    build.build_sidebands_dense(frames, CALIBRATION, 12, progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0

    def stop(fraction):
        raise Cancelled

    for work in (frames_sums.pacbed, frames_sums.centre_of_mass, events_from_frames):
        with pytest.raises(Cancelled):
            work(frames, progress=stop)


def test_masks_of_another_shape_are_refused():
    frames, _, _ = both()
    wrong = np.zeros((3, 3), bool)
    with pytest.raises(ValueError, match="scan 5 × 7"):
        frames_sums.pacbed(frames, wrong)
    with pytest.raises(ValueError, match="detector 9 × 11"):
        frames_sums.sum_masks(frames, {"m": wrong})
    with pytest.raises(ValueError, match="detector 9 × 11"):
        frames_sums.centre_of_mass(frames, wrong)
    with pytest.raises(ValueError, match="65 detectors"):
        frames_sums.sum_masks(frames, dict.fromkeys(range(65), wrong))
