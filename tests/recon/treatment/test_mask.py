"""Excluded pixels: every sum is that of a scan on a detector that never had them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recon.device.backend import CPU, on_host
from recon.dpc.integrate import integrate_com_direct
from recon.io import losses
from recon.kernels.host import masking
from recon.scan.events import from_frames
from recon.scan.frames import of_array
from recon.scan.low_counts import events_from_frames
from recon.ssb import build
from recon.ssb.bright_field import bright_field
from recon.ssb.phase import single_sideband
from recon.ssb.planning import plan
from recon.sums import either as sums
from recon.sums.com import scan_deflection
from recon.treatment import crop as cropping
from recon.treatment import crop_frames as frames_cropping
from recon.treatment.dose import thin_events
from recon.treatment.mask import without
from recon.treatment.subpixel import refine_detector
from tests.support.equations import averaged_phase, hard_phase
from tests.support.fake_gpu import fake_gpu
from tests.support.scans import ABERRATIONS, CALIBRATION, FRAME_SHAPE, SCAN_SHAPE, weak_events
from tests.support.strategies import dense

ACROSS = 6
HOT = np.zeros(FRAME_SHAPE, bool)
for place in [(15, 12), (16, 12), (14, 5), (23, 12), (2, 3), (27, 25)]:
    HOT[place] = True
HOT[9:12, 14:17] = True
"""In the middle, at the rim, outside of the disc; and a block of more than a binned pixel."""


@pytest.fixture(scope="module")
def clean():
    """(Sy, Sx, Ky, Kx) counts of a scan without hot pixels."""
    return dense(weak_events(3000))


@pytest.fixture(scope="module")
def spoiled(clean):
    noise = np.random.default_rng(0).poisson(40, (*SCAN_SHAPE, HOT.sum()))
    cube = clean.copy()
    cube[..., HOT] += noise
    return cube


@pytest.fixture(scope="module", params=["events", "frames", "real numbers"])
def masked(request, spoiled):
    frames = of_array(spoiled.astype({"real numbers": np.float32}.get(request.param, np.uint16)))
    return without(events_from_frames(frames) if request.param == "events" else frames, HOT)


@pytest.fixture(scope="module")
def left(clean):
    """(Sy, Sx, Ky, Kx) the clean counts on the pixels that are left."""
    return np.where(HOT, 0, clean).astype(float)


def test_sums_over_the_detector_are_those_of_the_clean_scan(masked, left):
    np.testing.assert_array_equal(sums.pacbed(masked), left.sum((0, 1)))
    np.testing.assert_array_equal(sums.intensity(masked), left.sum((2, 3)))
    found = sums.annuli(masked, CALIBRATION.centre, {"BF": (0, 9.0), "DF": (9.0, np.inf)})
    y, x = np.indices(FRAME_SHAPE)
    inside = np.hypot(y - CALIBRATION.centre[0], x - CALIBRATION.centre[1]) < 9.0
    np.testing.assert_array_equal(found["BF"], left[..., inside].sum(-1))
    np.testing.assert_array_equal(found["DF"], left[..., ~inside].sum(-1))


def test_centre_of_mass_and_dpc_are_those_of_the_clean_scan(masked, left):
    grid = np.indices(FRAME_SHAPE)
    com = np.stack([(left * axis).sum((2, 3)) for axis in grid]) / left.sum((2, 3))
    found = sums.centre_of_mass(masked)
    np.testing.assert_allclose(found, com, rtol=1e-6)
    phase, expected = (
        integrate_com_direct(scan_deflection(field, CALIBRATION), CALIBRATION).phase
        for field in (found, com.astype(np.float32))
    )
    np.testing.assert_allclose(phase, expected, atol=1e-4 * np.ptp(expected))


def shares():
    """Share of the lit pixels that is left in each binned one, counted by hand; NaN if none."""
    disc = bright_field(CALIBRATION, FRAME_SHAPE, ACROSS)
    y, x = np.indices(FRAME_SHAPE)
    lit = np.hypot(y - CALIBRATION.centre[0], x - CALIBRATION.centre[1]).ravel() < 9.0
    found = []
    for plane in range(disc.size):
        members = disc.lookup == plane
        every = members & lit if (members & lit).any() else members
        found.append((every & ~HOT.ravel()).sum() / every.sum())
    return disc, np.array(found)


def planes(left):
    disc, share = shares()
    counts = np.stack(
        [left.reshape(*SCAN_SHAPE, -1)[..., disc.lookup == n].sum(-1) for n in range(disc.size)]
    )
    keep = share >= 0.5
    assert np.count_nonzero(share[keep] < 1) > 0
    assert not keep.all()
    kept = replace(disc, k=disc.k[:, keep], coverage=disc.coverage[keep])
    return counts[keep] / share[keep, None, None], kept


@pytest.mark.parametrize("mode", ["exact", "draft"])
def test_g_and_phase_are_the_equations_on_the_pixels_that_are_left(masked, left, mode):
    counts, disc = planes(left)
    g = build.build_g(masked, CALIBRATION, ACROSS, CPU)
    np.testing.assert_allclose(g.pacbed, counts.mean((1, 2)), rtol=1e-5)
    assert g.electrons == left.sum()
    equation = averaged_phase if mode == "exact" else hard_phase
    expected = equation(counts, disc, CALIBRATION, ABERRATIONS)
    found = single_sideband(g, ABERRATIONS, mode)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.ptp(expected))


def test_the_phase_has_its_size_again_which_hot_pixels_took_from_it(masked, clean, spoiled):
    exact, wrong, found = (
        single_sideband(build.build_g(scan, CALIBRATION, ACROSS, CPU), ABERRATIONS)
        for scan in (of_array(clean), of_array(spoiled), masked)
    )
    size = (exact**2).sum()
    assert (wrong * exact).sum() / size < 0.9
    assert (found * exact).sum() / size == pytest.approx(1, abs=0.02)


def test_an_even_disc_has_the_same_counts_in_each_binned_pixel_masked_or_not():
    even = np.ones((8, 8, *FRAME_SHAPE), np.uint16)
    whole, some = (
        build.build_g(scan, CALIBRATION, ACROSS, CPU)
        for scan in (of_array(even), without(of_array(even), HOT))
    )
    inner = some.bright_field.coverage == 1
    assert some.bright_field.kept[inner].min() < 1
    np.testing.assert_allclose(some.pacbed[inner], whole.pacbed.max(), rtol=1e-6)


def test_g_on_a_device_knows_the_mask(monkeypatch, spoiled):
    device = fake_gpu("cpu", monkeypatch).device
    events = without(events_from_frames(of_array(spoiled[:8, :9].astype(np.uint16))), HOT)
    there = events.to_device(device)
    assert there.excluded is events.excluded
    ours, theirs = (build.build_g(e, CALIBRATION, ACROSS, e.device) for e in (there, events))
    np.testing.assert_allclose(ours.pacbed, theirs.pacbed, rtol=1e-6)
    found = on_host(single_sideband(ours.to_device(CPU), ABERRATIONS))
    expected = single_sideband(theirs, ABERRATIONS)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.ptp(expected))
    again = without(there, HOT)
    assert again.device is device
    np.testing.assert_array_equal(again.pixels, events.pixels)


def scattered(seed=3):
    """Events with places in their pixels, all over a detector of 6 × 7."""
    rng = np.random.default_rng(seed)
    events = from_frames(rng.integers(0, 42, (20, 30)), (4, 5), (6, 7))
    places = rng.integers(0, 256, events.electrons, dtype=np.uint8)
    excluded = rng.random((6, 7)) < 0.2
    return without(replace(events, subpixel=places), excluded), excluded


def in_blocks(mask, factor):
    """Whether any pixel of a block is excluded."""
    h, w = (n // factor for n in mask.shape)
    return mask[: h * factor, : w * factor].reshape(h, factor, w, factor).any((1, 3))


CHANGES = {
    "crop_scan": (lambda e: cropping.crop_scan(e, (1, 3), (0, 4)), lambda m: m),
    "bin_scan": (lambda e: cropping.bin_scan(e, 2), lambda m: m),
    "crop_detector": (lambda e: cropping.crop_detector(e, (1, 5), (2, 7)), lambda m: m[1:5, 2:7]),
    "bin_detector": (lambda e: cropping.bin_detector(e, 2), lambda m: in_blocks(m, 2)),
    "rotate_detector": (
        lambda e: cropping.rotate_detector(
            cropping.crop_detector(e, (0, 6), (0, 6)), 90, (2.5, 2.5)
        ),
        lambda m: np.rot90(m[:, :6], -1),
    ),
    "refine_detector": (lambda e: refine_detector(e, 2), lambda m: np.kron(m, np.ones((2, 2)))),
    "thin_events": (lambda e: thin_events(e, 0.5), lambda m: m),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_mask_goes_along_with_what_is_made_of_the_scan(name):
    events, excluded = scattered()
    change, expected = CHANGES[name]
    changed = change(events)
    np.testing.assert_array_equal(changed.excluded, expected(excluded).astype(bool))
    assert changed.electrons > 0
    assert not changed.excluded.ravel()[changed.pixels].any()


def test_the_mask_of_frames_goes_along():
    array = np.random.default_rng(1).integers(1, 9, (4, 5, 6, 7)).astype(np.uint8)
    mask = np.zeros((6, 7), bool)
    mask[2, 3] = True
    frames = without(of_array(array), mask)
    assert frames.read(3, 4)[0, 2, 3] == 0
    assert array.all()  # what lies in memory stays
    part = frames_cropping.crop_detector(frames, (1, 5), (2, 7))
    np.testing.assert_array_equal(np.argwhere(part.excluded), [[1, 1]])
    binned = frames_cropping.bin_scan(frames_cropping.crop_scan(frames, (0, 4), (1, 5)), 2)
    np.testing.assert_array_equal(binned.excluded, mask)
    np.testing.assert_array_equal(binned.read(0, 4)[:, mask], 0)
    np.testing.assert_array_equal(events_from_frames(frames).excluded, mask)


def test_masks_are_joined_and_an_empty_one_is_none():
    events, excluded = scattered()
    first = np.zeros((6, 7), bool)
    first[0, 0] = True
    np.testing.assert_array_equal(without(events, first).excluded, excluded | first)
    assert without(events, np.zeros((6, 7), bool)) is events
    assert without(events, None) is events


def test_nan_in_an_excluded_pixel_is_no_part_of_a_sum():
    array = np.ones((3, 3, 6, 7), np.float32)
    array[..., 2, 3] = np.nan
    mask = np.isnan(array[0, 0])
    np.testing.assert_array_equal(sums.pacbed(without(of_array(array), mask)), np.where(mask, 0, 9))


@pytest.mark.parametrize("scan", [of_array(np.ones((2, 2, 6, 7))), scattered()[0]])
def test_a_mask_of_another_detector_is_refused(scan):
    with pytest.raises(ValueError, match="3 × 4 pixels, the detector 6 × 7"):
        without(scan, np.zeros((3, 4), bool))


def test_the_plan_is_that_of_the_pixels_that_are_left():
    from recon.ssb.build import planned

    events = without(weak_events(10), HOT)
    shapes = SCAN_SHAPE, FRAME_SHAPE, events.electrons, CALIBRATION, ACROSS
    assert planned(events, CALIBRATION, ACROSS) == plan(*shapes, excluded=HOT)
    assert planned(events, CALIBRATION, ACROSS).entries < plan(*shapes).entries


def test_a_file_that_would_forget_the_mask_is_told_of():
    events, excluded = scattered()
    (sentence,) = losses("scan.h5", events)
    assert sentence.startswith(f"{excluded.sum()} detector pixels are left out")


def test_no_kernel_runs_beside_others():
    """Numba's own threads end the process where two threads launch parallel kernels at once."""
    once = "compiled = njit(parallel=True, cache=True, nogil=True, fastmath=fastmath)(function)"
    for file in Path(masking.__file__).parents[2].rglob("*.py"):
        assert "parallel=True" not in file.read_text().replace(once, ""), file
