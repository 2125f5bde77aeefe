"""Rotation, transpose and sign from the gradient of known potentials."""

from math import inf

import h5py
import numpy as np
import pytest

from recon.orientation.by_curl import _bias, estimate_orientation, find_orientation
from recon.scan.events import ElectronEvents
from recon.sums.com import centre_of_mass


def atoms(shape, sampling, number=60, width=0.8, seed=0):
    """(2, Sy, Sx) gradient (y, x) of a potential with a positive peak at each atom."""
    rng = np.random.default_rng(seed)
    y, x = (np.arange(size) * step for size, step in zip(shape, sampling, strict=True))
    gradient = np.zeros((2, *shape))
    for cy, cx in rng.random((number, 2)) * [y[-1], x[-1]]:
        dy, dx = y[:, None] - cy, x[None, :] - cx
        peak = np.exp(-(dy**2 + dx**2) / (2 * width**2)) / width**2
        gradient += np.stack([-dy * peak, -dx * peak])
    return gradient


def on_detector(field, rotation, transpose):
    """K_det = S R(θ) K_scan, written out on (x, y)."""
    y, x = field
    c, s = np.cos(np.radians(rotation)), np.sin(np.radians(rotation))
    x, y = c * x - s * y, s * x + c * y
    return np.stack([x, y] if transpose else [y, x])


def difference(one, other):
    return abs((one - other + 180) % 360 - 180)


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("rotation", [-180, -137, -90, -12.3, 0, 45, 121, 175])
@pytest.mark.parametrize(
    ("shape", "sampling"), [((96, 64), (0.31, 0.31)), ((60, 140), (0.45, 0.25))]
)
def test_orientation_of_an_exact_gradient(shape, sampling, rotation, transpose):
    field = 200 + 3 * on_detector(atoms(shape, sampling), rotation, transpose)
    found = estimate_orientation(field, sampling)
    assert found.transpose is transpose
    assert difference(found.rotation_deg, rotation) < 0.5
    assert -180 < found.rotation_deg <= 180
    assert found.curl_ratio < 0.2
    assert found.sign_confidence > 0.99
    assert "sign from atoms positive." in found.statement


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("rotation", [-160, -12.3, 70])
def test_orientation_under_noise_three_times_the_signal(rotation, transpose):
    shape, sampling = (120, 200), (0.4, 0.3)
    field = on_detector(atoms(shape, sampling, 150), rotation, transpose)
    rng = np.random.default_rng(7)
    noise = 3 * field.std() * rng.normal(size=field.shape)
    found = estimate_orientation((128 + field + noise).astype(np.float32), sampling)
    assert found.transpose is transpose
    assert difference(found.rotation_deg, rotation) < 4 * found.rotation_error < 10


def test_errors_are_as_large_as_stated():
    shape, sampling, rotation = (64, 96), (0.4, 0.3), 25.0
    field = on_detector(atoms(shape, sampling), rotation, True)
    rng = np.random.default_rng(3)
    errors, stated = [], []
    for _ in range(40):
        noisy = field + 1.5 * field.std() * rng.normal(size=field.shape)
        found = estimate_orientation(noisy, sampling)
        errors.append(found.rotation_deg - rotation)
        stated.append(found.rotation_error)
    assert 0.5 < np.std(errors) / np.mean(stated) < 1.5


def test_a_crystal_of_few_frequencies_is_enough():
    # Triangular lattice of atoms: three pairs of frequencies, positive peaks.
    y, x = np.mgrid[:128, :100] * 0.3
    field = np.zeros((2, 128, 100))
    for angle in (10, 70, 130):
        ky, kx = 0.4 * np.sin(np.radians(angle)), 0.4 * np.cos(np.radians(angle))
        slope = -np.sin(2 * np.pi * (ky * y + kx * x))
        field += np.stack([ky * slope, kx * slope])
    rng = np.random.default_rng(2)
    field += field.std() * rng.normal(size=field.shape)
    found = estimate_orientation(on_detector(field, 33, True), (0.3, 0.3))
    assert found.transpose
    assert difference(found.rotation_deg, 33) < 2


def test_descan_is_no_signal():
    shape, sampling = (96, 96), (0.3, 0.3)
    field = on_detector(atoms(shape, sampling), 40, False)
    y, x = np.mgrid[-1:1:96j, -1:1:96j]
    drift = 20 * field.std() * np.stack([2 * y - x, 3 * x + y])
    found = estimate_orientation(field + drift, sampling)
    assert not found.transpose
    assert difference(found.rotation_deg, 40) < 0.5


def test_holes_turn_the_sign():
    found = estimate_orientation(-atoms((96, 96), (0.3, 0.3)), (0.3, 0.3))
    assert difference(found.rotation_deg, 180) < 0.5


def test_fringes_of_one_direction_leave_the_transpose_open():
    x = np.arange(128) * 0.3
    wave = np.sin(2 * np.pi * 0.4 * x) * np.ones((96, 1))
    field = np.stack([0 * wave, wave])
    rng = np.random.default_rng(2)
    found = estimate_orientation(field + 0.1 * rng.normal(size=field.shape), (0.3, 0.3))
    assert found.transpose_confidence < 0.9
    assert "swapped is uncertain" in found.statement


def test_atoms_as_bright_as_holes_are_dark_leave_the_sign_open():
    sampling = (0.3, 0.3)
    field = atoms((96, 96), sampling, seed=1) - atoms((96, 96), sampling, seed=2)
    found = estimate_orientation(field, sampling)
    assert found.sign_confidence < 0.99
    assert "turn by 180°" in found.statement


@pytest.mark.parametrize("value", [0.0, 127.5])
def test_a_constant_field_has_no_orientation(value):
    with pytest.raises(ValueError, match="same at every scan position"):
        estimate_orientation(np.full((2, 20, 30), value, np.float32), (0.3, 0.3))


@pytest.mark.parametrize("shape", [(64, 64), (40, 130)])
def test_noise_has_no_orientation(shape):
    noise = np.random.default_rng(0).normal(size=(2, *shape))
    with pytest.raises(ValueError, match="no more than noise"):
        estimate_orientation(noise, (0.3, 0.3))


@pytest.mark.parametrize(
    ("field", "sampling", "words"),
    [
        (np.zeros((3, 20, 20)), (1, 1), r"not \(3, 20, 20\)"),
        (np.zeros((2, 20, 7)), (1, 1), "not 20 × 7"),
        (np.full((2, 20, 20), np.nan), (1, 1), "not finite"),
        (np.zeros((2, 20, 20)), (1, -2), "along x must be positive, not -2 Å"),
    ],
)
def test_bad_arguments_are_named_with_their_numbers(field, sampling, words):
    with pytest.raises(ValueError, match=words):
        estimate_orientation(field, sampling)


def test_a_real_scan_of_viruses(shared_data):
    path = shared_data / "virus_4dcamera_v3.h5"
    if not path.is_file():
        pytest.skip("no scan of viruses")
    with h5py.File(path) as file:
        frames = file["electron_events/frames"][:]
    offsets = np.concatenate([[0], np.cumsum([frame.size for frame in frames])])
    events = ElectronEvents(
        np.concatenate(frames).astype(np.uint32), offsets, (127, 127), (256, 256)
    )
    found = find_orientation(events, (31.25, 31.25), (127.7, 125.7), 61)
    # There, and not 180° off, single-sideband images show the capsids sharp and positive.
    assert found.transpose
    assert difference(found.rotation_deg, 122) < 4


def detected(deflection, electrons, stray, rng):
    """Events of a disc of radius 12 shifted by (2, Sy, Sx) pixels, and stray ones anywhere."""
    shape = deflection.shape[1:]
    r = 12 * np.sqrt(rng.random((electrons, *shape)))
    angle = 2 * np.pi * rng.random(r.shape)
    y = np.rint(32 + deflection[0] + r * np.sin(angle))
    x = np.rint(32 + deflection[1] + r * np.cos(angle))
    pixels = np.concatenate([y * 64 + x, rng.integers(0, 64 * 64, (stray, *shape))])
    frames = pixels.reshape(electrons + stray, -1).T.astype(np.uint32)
    offsets = np.arange(frames.shape[0] + 1) * frames.shape[1]
    return ElectronEvents(frames.ravel(), offsets, shape, (64, 64))


@pytest.mark.parametrize("stray", [0, 60])
def test_the_surer_of_all_electrons_and_of_the_disc_is_taken(stray):
    sampling = (0.4, 0.3)
    field = on_detector(atoms((70, 100), sampling), -75, False)
    events = detected(3 * field / np.abs(field).max(), 60, stray, np.random.default_rng(4))
    found = find_orientation(events, sampling, (32, 32), 15)
    assert not found.transpose
    assert difference(found.rotation_deg, -75) < 4 * found.rotation_error < 20
    every = estimate_orientation(centre_of_mass(events), sampling)
    assert found.rotation_error <= every.rotation_error


def test_no_electrons_have_no_orientation():
    offsets = np.zeros(401, np.int64)
    events = ElectronEvents(np.empty(0, np.uint32), offsets, (20, 20), (64, 64))
    with pytest.raises(ValueError, match="same at every scan position"):
        find_orientation(events, (1, 1), (32, 32), 15)


def even_phase(shape, sampling, seed):
    """(Sy, Sx) phase [rad] as often positive as negative, and its gradient (y, x) [rad/Å]."""
    q_y, q_x = (np.fft.fftfreq(n, s) for n, s in zip(shape, sampling, strict=True))
    q = np.hypot(q_y[:, None], q_x)
    waves = np.fft.fft2(np.random.default_rng(seed).normal(size=shape)) * ((q > 0.15) & (q < 0.6))
    gradient = [2j * np.pi * a * waves for a in (q_y[:, None], q_x)]
    return np.fft.ifft2(waves).real, np.fft.ifft2(gradient).real


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("rotation", "transpose"), [(25, False), (-160, True)])
def test_the_dark_field_tells_the_sign_where_the_field_leaves_it_open(rotation, transpose, seed):
    sampling = (0.3, 0.3)
    phase, gradient = even_phase((96, 104), sampling, seed)
    rng = np.random.default_rng(seed + 50)
    field = on_detector(gradient, rotation, transpose)
    field = field + 0.5 * field.std() * rng.normal(size=field.shape)
    # Electrons of atoms that scatter in proportion to their phase.
    dark = rng.poisson(20 * (1 + 0.1 * phase / phase.std()).clip(0))
    alone = estimate_orientation(field, sampling)
    found = estimate_orientation(field, sampling, lambda: dark)
    assert alone.sign_confidence < 0.99
    assert not alone.by_dark_field
    assert found.by_dark_field
    assert found.sign_confidence > 0.999
    assert "sign from the dark field" in found.statement
    assert difference(found.rotation_deg, rotation) < 2
    inverted = estimate_orientation(field, sampling, lambda: 40 - dark)
    assert difference(inverted.rotation_deg, rotation + 180) < 2


def test_a_dark_field_of_something_else_leaves_the_sign_open():
    sampling = (0.3, 0.3)
    _, gradient = even_phase((96, 104), sampling, 0)
    others = (even_phase((96, 104), sampling, seed)[0] for seed in range(1, 20))
    told = [estimate_orientation(gradient, sampling, lambda o=o: o) for o in others]
    assert sum(found.by_dark_field for found in told) == 0
    assert all("turn by 180°" in found.statement for found in told)
    nothing = estimate_orientation(gradient, sampling, lambda: np.zeros((96, 104)))
    assert not nothing.by_dark_field


def test_a_sign_that_is_sure_asks_no_dark_field():
    def dark():
        raise AssertionError

    field = atoms((96, 96), (0.3, 0.3))
    assert not estimate_orientation(field, (0.3, 0.3), dark).by_dark_field


@pytest.mark.parametrize("rotation", [20, -160])
def test_the_dark_field_confirms_a_sign_that_is_sure_or_denies_it(rotation):
    """Of atoms that are bright in it, or dark."""
    field = on_detector(atoms((96, 96), (0.3, 0.3)), rotation, False)
    y, x = np.arange(96) * 0.3, np.arange(96) * 0.3
    bright = np.zeros((96, 96))
    for cy, cx in np.random.default_rng(0).random((60, 2)) * [y[-1], x[-1]]:
        bright += np.exp(-((y[:, None] - cy) ** 2 + (x - cx) ** 2) / (2 * 0.8**2))
    asked = [
        estimate_orientation(field, (0.3, 0.3), lambda image=image: image, confirm=True)
        for image in (bright, 1 - bright)
    ]
    assert all(difference(found.rotation_deg, rotation) < 0.5 for found in asked)
    assert not any(found.by_dark_field for found in asked)
    confirmed, denied = (found.dark_field for found in asked)
    assert confirmed > 10
    assert denied == pytest.approx(-confirmed, rel=1e-6)
    assert estimate_orientation(field, (0.3, 0.3)).dark_field is None


def test_the_angle_of_the_disc_is_as_sure_as_that_of_all_electrons_lets_it_be():
    """Its error alone does not know what astigmatism does to it."""
    sampling = (0.3, 0.3)
    field = on_detector(atoms((96, 96), sampling), 20, False)
    rng = np.random.default_rng(1)
    noisy = field + 2 * field.std() * rng.normal(size=field.shape)
    of_all = estimate_orientation(noisy, sampling)
    of_disc = estimate_orientation(on_detector(field, 5, False), sampling)
    apart = abs(of_disc.rotation_deg - of_all.rotation_deg)
    assert apart == pytest.approx(5, abs=3 * of_all.rotation_error)
    assert _bias(of_disc, of_all) == pytest.approx(apart + of_all.rotation_error, abs=1e-6)
    assert _bias(of_disc, None) == inf
    assert _bias(of_disc, estimate_orientation(field[::-1], sampling)) == inf
