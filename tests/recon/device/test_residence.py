"""Copies and streams of events on a device give what the host's arrays give."""

import gc
from dataclasses import replace

import numpy as np
import pytest

from recon.calibration import Calibration
from recon.device import backend, failure, residence
from recon.errors import Cancelled
from recon.geometry.disc import fit_disc
from recon.scan.events import ElectronEvents, from_frames
from recon.ssb.bright_field import bright_field, plane_counts
from recon.sums import com
from recon.sums import detectors as virtual
from recon.treatment import crop as cropping
from tests.support.fake_arrays import CUDARuntimeError
from tests.support.fake_gpu import fake_gpu

CALIBRATION = Calibration(80e3, 25.0, (0.4, 0.45), (7.2, 6.4), 4.0, 12.0)


@pytest.fixture
def fake(monkeypatch):
    return fake_gpu("cpu", monkeypatch)


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(residence, "CHUNK_ELECTRONS", 20)
    monkeypatch.setattr(residence, "CHUNK_FRAMES", 7)
    monkeypatch.setattr(residence, "SMALL", 9)


def electrons(shape=(9, 8), longest=12, seed=3):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, longest, shape[0] * shape[1])
    sizes[[0, 5]] = 0, 3 * longest
    return from_frames([rng.integers(0, 15 * 14, n) for n in sizes], shape, (15, 14))


def streamed(events, device):
    """Events on a device that has no room for a copy of them."""
    moved = replace(events, device=device)
    assert moved.copy is None
    return moved


PASSES = {
    "pacbed": virtual.pacbed,
    "part": lambda e: virtual.pacbed(e, np.arange(e.positions).reshape(e.scan_shape) % 3 > 0),
    "probe": lambda e: virtual.vacuum_probe(e, (0, 1, 0, e.scan_shape[1])),
    "presets": lambda e: virtual.virtual_detectors(e, CALIBRATION)["abf"],
    "rings": lambda e: virtual.radial_sums(e, (7, 6), np.linspace(0, 9, 13)),
    "com": com.centre_of_mass,
    "disc": lambda e: com.centre_of_mass(e, virtual.annulus(e.frame_shape, (7, 6), 0, 4)),
    "planes": lambda e: plane_counts(e, bright_field(CALIBRATION, (15, 14), 6).lookup, 3, 17),
}


@pytest.mark.parametrize("place", [ElectronEvents.to_device, streamed], ids=["copy", "stream"])
@pytest.mark.parametrize("name", PASSES)
def test_a_pass_on_a_device_is_the_hosts(fake, small_chunks, place, name):
    events = electrons()
    there = place(events, fake.device)
    result, expected = PASSES[name](there), PASSES[name](events)
    assert isinstance(result, fake.xp.ndarray)
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result.get(), expected)
    del result, there
    gc.collect()
    assert fake.live == 0
    assert not fake.problems


@pytest.mark.parametrize("seed", range(12))
def test_any_scan_can_be_streamed(fake, small_chunks, seed):
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, 7, 2)
    # Longest frames of no electron, of one, and of more than a piece has.
    sizes = rng.integers(0, 1 + [0, 1, 12, 30][seed % 4], shape.prod())
    events = from_frames([rng.integers(0, 45, n) for n in sizes], shape, (5, 9))
    there = streamed(events, fake.device)
    np.testing.assert_array_equal(virtual.pacbed(there).get(), virtual.pacbed(events))
    expected = com.centre_of_mass(events)
    np.testing.assert_array_equal(com.centre_of_mass(there).get(), expected)
    copied = events.to_device(fake.device)
    np.testing.assert_array_equal(com.centre_of_mass(copied).get(), expected)


def test_fields_are_turned_and_derived_where_they_are(fake):
    field = com.centre_of_mass(electrons())
    there = fake.xp.asarray(field)
    for work in (
        lambda f: com.scan_deflection(f, CALIBRATION),
        lambda f: com.inverse_angstrom(f, CALIBRATION),
        lambda f: com.curl(f, (0.4, 0.45)),
        lambda f: com.divergence(f, (0.4, 0.45)),
        lambda f: com.curl(f[:, :1], (0.4, 0.45)),
    ):
        result = work(there)
        assert isinstance(result, fake.xp.ndarray)
        np.testing.assert_allclose(result.get(), work(field), rtol=1e-6, atol=1e-6)


def test_patterns_on_a_device_are_fitted_like_others(fake):
    y, x = np.mgrid[:40, :40]
    pattern = np.where(np.hypot(y - 20, x - 19) < 11, 400, 3)
    assert fit_disc(fake.xp.asarray(pattern)) == fit_disc(pattern)
    profile = virtual.radial_profile(fake.xp.asarray(pattern), (20, 19), [0, 5, 15])
    np.testing.assert_array_equal(profile, virtual.radial_profile(pattern, (20, 19), [0, 5, 15]))


def test_a_copy_holds_the_electrons_and_nothing_else(fake):
    events = electrons()
    there = events.to_device(fake.device)
    assert there.nbytes_on_device == fake.live == events.nbytes
    assert there.pixels is events.pixels
    np.testing.assert_array_equal(there.copy.pixels.get(), events.pixels)
    assert there.to_device(fake.device) is there
    back = there.to_device(backend.CPU)
    assert back.copy.pixels is events.pixels
    assert (back.nbytes_on_device, events.nbytes_on_device) == (0, 0)


def test_no_copy_takes_more_than_half_of_what_is_usable(fake):
    events = electrons()
    fake.total = 2 * events.nbytes - 1
    there = events.to_device(fake.device)
    assert there.copy is None
    assert fake.live == there.nbytes_on_device == 0
    fake.total = 2 * events.nbytes
    assert events.to_device(fake.device).copy is not None


@pytest.mark.parametrize("failing", [1, 2])
def test_a_copy_that_finds_no_room_after_all_becomes_a_stream(fake, failing):
    events = electrons()
    fake.fail_at(failing)
    there = events.to_device(fake.device)
    assert there.copy is None
    assert fake.live == 0
    np.testing.assert_array_equal(virtual.pacbed(there).get(), virtual.pacbed(events))


def test_a_device_that_fails_at_a_copy_says_so(fake, monkeypatch):
    def fail(*arguments, **options):
        raise CUDARuntimeError("cudaErrorECCUncorrectable: uncorrectable ECC error")

    monkeypatch.setattr(residence._Buffer, "send", fail)
    with pytest.raises(failure.DeviceError, match="ECC error"):
        electrons().to_device(fake.device)
    assert fake.live == 0


@pytest.mark.parametrize("at", [1, 2, 5])
def test_a_copy_can_be_cancelled_and_leaves_nothing(fake, small_chunks, at):
    fractions = []

    def progress(fraction):
        fractions.append(fraction)
        if len(fractions) == at:
            raise Cancelled

    with pytest.raises(Cancelled) as caught:
        electrons().to_device(fake.device, progress)
    assert caught.type is Cancelled
    assert len(fractions) == at
    assert fake.live == 0
    assert not fake.problems


@pytest.mark.parametrize("at", [1, 2, 5])
def test_a_stream_can_be_cancelled(fake, small_chunks, at):
    there = streamed(electrons(), fake.device)
    fractions = []

    def progress(fraction):
        fractions.append(fraction)
        if len(fractions) == at:
            raise Cancelled

    with pytest.raises(Cancelled):
        virtual.pacbed(there, progress=progress)
    assert fake.live == 0
    assert not fake.problems
    virtual.pacbed(there, progress=fractions.append)
    assert fractions[-1] == 1


def test_progress_of_a_copy_ends_at_one(fake, small_chunks):
    fractions = []
    electrons().to_device(fake.device, fractions.append)
    assert fractions[-1] == 1
    assert fractions == sorted(fractions)
    assert len(fractions) > 10


def test_a_stream_holds_two_pieces_at_a_time(fake, small_chunks):
    events = electrons((40, 40))
    there = streamed(events, fake.device)
    for piece in there.pieces():
        assert fake.live < 2 * (4 * 40 + 8 * 8)
        # Only what is summed has to have come.
        own = events.offsets[piece.frames]
        expected = events.pixels[own[0] : own[0] + piece.pixels.size]
        np.testing.assert_array_equal(piece.pixels.get(), expected)
        assert piece.last == piece.offsets.size - 1
    del piece
    assert fake.live == 0


def test_pieces_of_the_host_are_its_own_arrays():
    events = electrons()
    piece, *none = events.pieces()
    assert piece.pixels is events.pixels
    assert piece.offsets is events.offsets
    assert (piece.first, piece.last, none) == (0, events.positions, [])
    assert [(p.first, p.last) for p in events.pieces(50)] == list(events.batches(50))


def test_electrons_outside_the_detector_are_told_of_on_a_device(fake):
    events = from_frames([[0], [6]], (1, 2), (2, 3))
    for place in (ElectronEvents.to_device, streamed):
        with pytest.raises(ValueError, match="Pixel index 6 at scan position 1"):
            place(events, fake.device).check_pixels()


def test_what_passes_have_found_is_known_on_the_device(fake, monkeypatch):
    events = electrons()
    assert events.highest_pixel == events.pixels.max()
    assert events.longest_frame == np.diff(events.offsets).max()
    there = events.to_device(fake.device)
    monkeypatch.setattr(fake.device.kernels, "highest", None)
    assert there.highest_pixel == events.highest_pixel
    assert there.longest_frame == events.longest_frame


@pytest.mark.parametrize(
    "crop",
    [
        lambda e: cropping.crop_scan(e, (1, 7), (2, 6)),
        lambda e: cropping.bin_scan(e, 2),
        lambda e: cropping.crop_detector(e, (3, 12), (2, 13)),
    ],
    ids=["scan", "bin", "detector"],
)
def test_a_crop_of_a_scan_on_a_device_is_on_that_device(fake, crop):
    events = electrons()
    expected = crop(events)
    there = crop(events.to_device(fake.device))
    assert there.device is fake.device
    np.testing.assert_array_equal(there.copy.pixels.get(), expected.pixels)
    np.testing.assert_array_equal(there.copy.offsets.get(), expected.offsets)
    assert fake.live == there.nbytes_on_device


@pytest.mark.parametrize("place", [ElectronEvents.to_device, streamed], ids=["copy", "stream"])
@pytest.mark.parametrize("name", PASSES)
def test_a_device_without_room_is_told_of_at_each_allocation(fake, small_chunks, place, name):
    events = electrons()
    expected = PASSES[name](events)
    there = place(events, fake.device)
    before, number = fake.live, fake.allocations
    PASSES[name](there)
    needed = fake.allocations - number
    assert needed
    for failing in range(1, needed + 1):
        fake.fail_at(failing)
        with pytest.raises(failure.DeviceFull, match="The GPU's memory is full"):
            PASSES[name](there)
        assert fake.live == before
        assert not fake.problems
    np.testing.assert_array_equal(PASSES[name](there).get(), expected)


def test_events_can_be_streamed_where_a_copy_would_fit(fake):
    events = electrons()
    there = events.to_device(fake.device, copy=False)
    assert there.copy is None
    assert fake.live == 0
    np.testing.assert_array_equal(virtual.pacbed(there).get(), virtual.pacbed(events))
    copied = events.to_device(fake.device)
    assert copied.to_device(fake.device, copy=False).copy is None
    assert there.to_device(fake.device, copy=False) is there
    # On the host they are where they are.
    assert events.to_device(backend.CPU, copy=False) is events
