"""Sums of the rows that have come against those of the stored scan."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon.device.backend import on_host
from recon.live.sums import GrowingSums
from recon.scan.events import from_frames
from recon.sums.com import centre_of_mass
from recon.sums.detectors import annulus, pacbed, sum_masks
from tests.support.fake_gpu import fake_gpu
from tests.support.growing_scans import blocks_of, rows_of
from tests.support.strategies import dense, scans


def detectors(frame_shape):
    centre = (frame_shape[0] - 1) / 2, (frame_shape[1] - 1) / 2
    return {
        "bf": annulus(frame_shape, centre, 0, 2.5),
        "abf": annulus(frame_shape, centre, 1, 2.5),
        "adf": annulus(frame_shape, centre, 2.5, np.inf),
    }


@settings(max_examples=40, deadline=None)
@given(scans(most=7), st.data())
def test_after_the_last_row_they_are_those_of_the_stored_scan(events, data):
    rows, masks = events.scan_shape[0], detectors(events.frame_shape)
    inner = data.draw(st.sets(st.integers(1, rows - 1), max_size=rows)) if rows > 1 else set()
    blocks = data.draw(st.permutations(blocks_of(events, [0, *sorted(inner), rows])))
    mask = masks["bf"] if data.draw(st.booleans()) else None
    made = GrowingSums(events.scan_shape, events.frame_shape, masks, mask)
    cube, scanned = dense(events), np.zeros(rows, bool)
    for first, part in blocks:
        made.add(first, part)
        scanned[first : first + part.scan_shape[0]] = True
        # Whatever has come is there, the rest is zero.
        there = cube * scanned[:, None, None, None]
        np.testing.assert_array_equal(made.pacbed(), there.sum((0, 1)))
        np.testing.assert_array_equal(made.counts(), there.sum((2, 3)))
        for name, image in made.images().items():
            np.testing.assert_array_equal(image, there[..., masks[name]].sum(-1))
        taken = there if mask is None else there * mask
        number = taken.sum((2, 3))
        y, x = np.indices(events.frame_shape)
        com = np.stack([(taken * axis).sum((2, 3)) for axis in (y, x)]) / np.maximum(number, 1)
        lit = number > 0
        middle = (np.array(events.frame_shape) - 1) / 2
        mean = com[:, lit].mean(1) if lit.any() else middle
        expected = np.where(lit, com, mean[:, None, None])
        np.testing.assert_allclose(made.centre_of_mass(), expected, rtol=1e-6)
    np.testing.assert_array_equal(made.pacbed(), pacbed(events))
    for name, image in sum_masks(events, masks).items():
        np.testing.assert_array_equal(made.images()[name], image)
    stored = centre_of_mass(events, mask)
    np.testing.assert_array_equal(made.centre_of_mass()[:, lit], stored[:, lit])
    np.testing.assert_allclose(made.centre_of_mass(), stored, rtol=1e-6)


def test_what_was_asked_for_stays_as_it_is():
    events = from_frames([[n % 12, 5] for n in range(24)], (6, 4), (3, 4))
    made = GrowingSums((6, 4), (3, 4), {"all": np.ones((3, 4), bool)})
    made.add(0, rows_of(events, 0, 3))
    seen = [made.pacbed(), made.counts(), made.images()["all"], made.centre_of_mass()]
    before = [array.copy() for array in seen]
    made.add(3, rows_of(events, 3, 6))
    for array, then in zip(seen, before, strict=True):
        np.testing.assert_array_equal(array, then)
    with pytest.raises(ValueError, match="Row 2 has come before"):
        made.add(2, rows_of(events, 2, 3))
    np.testing.assert_array_equal(made.pacbed(), pacbed(events))


def test_a_detector_has_the_frames_shape():
    with pytest.raises(ValueError, match="The mask 'bf' has 4 × 3 pixels, the detector 3 × 4"):
        GrowingSums((6, 4), (3, 4), {"bf": np.ones((4, 3), bool)})


def test_on_a_device_they_are_the_same_and_stay_there(monkeypatch):
    device = fake_gpu("cpu", monkeypatch).device
    events = from_frames([[n % 12, 5] for n in range(24)], (6, 4), (3, 4))
    masks = {"left": np.arange(12).reshape(3, 4) % 4 < 2}
    there, here = (GrowingSums((6, 4), (3, 4), masks, **o) for o in ({"device": device}, {}))
    for first, part in blocks_of(events, [0, 1, 6]):
        there.add(first, part)
        here.add(first, part)
    for name in ("pacbed", "centre_of_mass"):
        value = getattr(there, name)()
        assert isinstance(value, device.xp.ndarray)
        np.testing.assert_array_equal(on_host(value), getattr(here, name)())
    np.testing.assert_array_equal(on_host(there.images()["left"]), here.images()["left"])
