"""Integration of deflection fields against gradients of known phases and the equation itself."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.fft
from hypothesis import given, settings
from hypothesis import strategies as st

from recon.device.backend import device_of
from recon.dpc.integrate import integrate_com, integrate_com_direct
from recon.errors import Cancelled
from tests.support.com_fields import calibration, iterated
from tests.support.fake_arrays import DeviceArray
from tests.support.fake_gpu import fake_gpu


def deflection(gradient, c):
    """Deflection [mrad] of a phase gradient [rad/Å]: λ/2π times it."""
    return np.asarray(gradient) * c.wavelength / (2 * np.pi) * 1e3


def blob(shape, step, width, amplitude=0.3):
    """A Gaussian phase [rad] off the scan's middle, and its gradient (2, Sy, Sx) [rad/Å]."""
    y = (np.arange(shape[0]) - 0.45 * shape[0])[:, None] * step[0]
    x = (np.arange(shape[1]) - 0.55 * shape[1]) * step[1]
    phase = amplitude * np.exp(-(y**2 + x**2) / (2 * width**2))
    return phase, np.stack([-y / width**2 * phase, -x / width**2 * phase])


def wave(shape, step, cycles, amplitude=0.1):
    """A plane wave [rad] with whole numbers of cycles (y, x) in the scan, and its gradient."""
    qy, qx = (n / (s * d) for n, s, d in zip(cycles, shape, step, strict=True))
    y, x = np.arange(shape[0])[:, None] * step[0], np.arange(shape[1]) * step[1]
    angle = 2 * np.pi * (qy * y + qx * x) + 0.3
    slope = -2 * np.pi * amplitude * np.sin(angle)
    return amplitude * np.cos(angle), np.stack([qy * slope, qx * slope])


@pytest.mark.parametrize("step", [(0.4, 0.4), (0.3, 0.5)], ids=["square", "oblong"])
@pytest.mark.parametrize("padding", [1, 2])
@pytest.mark.parametrize(("iterations", "mu"), [(1, 0.5), (4, 0.5), (3, 3.0)])
def test_iterations_are_the_equation(step, padding, iterations, mu):
    c = calibration(step)
    rng = np.random.default_rng(1)
    _, gradient = blob((20, 30), step, 2.0)
    field = deflection(gradient, c)
    field += 0.05 * field.std() * rng.normal(size=field.shape)
    mask = rng.random((20, 30)) < 0.9
    settings = {"highpass": 0.003, "lowpass": 0.7, "iterations": iterations, "step": mu}
    result = integrate_com(field, c, **settings, padding=padding, mask=mask)
    grid = (20 * padding, 30 * padding)  # 40 and 60 are fast lengths
    phase, errors, last = iterated(field, c, *(0.003, 0.7, mu, iterations), grid, mask)
    np.testing.assert_allclose(result.phase, phase, atol=2e-5 * np.ptp(phase))
    np.testing.assert_allclose(result.errors, errors, rtol=1e-4)
    assert result.steps[-1] == last
    if mu == 3:
        assert last < mu


@pytest.mark.parametrize("shape", [(48, 48), (40, 65), (61, 32)])
@pytest.mark.parametrize("step", [(0.4, 0.4), (0.3, 0.5), (0.7, 0.4)])
def test_gradient_of_a_phase_is_integrated_back(shape, step):
    c = calibration(step)
    phase, gradient = blob(shape, step, width=2.0)
    field = deflection(gradient, c)
    phase -= phase.mean()
    direct = integrate_com_direct(field, c, highpass=0)
    iterated = integrate_com(field, c, highpass=0, lowpass=0, iterations=100)
    for result, tolerance in ((direct, 0.02), (iterated, 0.04)):
        assert result.phase.shape == shape
        assert result.phase.dtype == np.float32
        assert np.linalg.norm(result.phase - phase) < tolerance * np.linalg.norm(phase)


@pytest.mark.parametrize("cycles", [(3, 0), (0, 5), (4, -6), (9, 2)])
@pytest.mark.parametrize("step", [(0.4, 0.4), (0.3, 0.5)])
def test_direct_solution_of_a_periodic_field_is_exact(cycles, step):
    c = calibration(step)
    phase, gradient = wave((36, 50), step, cycles)
    result = integrate_com_direct(deflection(gradient, c), c, highpass=0, lowpass=0)
    np.testing.assert_allclose(result.phase, phase, atol=1e-6)


@pytest.mark.parametrize(("cycles", "q"), [((6, 0), 6 / 48), ((0, 15), 15 / 50)])
def test_iteration_settles_where_the_central_difference_matches(cycles, q):
    c = calibration()
    phase, gradient = wave((48, 50), (0.4, 0.4), cycles)
    field = deflection(gradient, c)
    result = integrate_com(field, c, highpass=0.01, lowpass=1, iterations=400, padding=1)
    gain = 2 * np.pi * q / np.sin(2 * np.pi * q)
    np.testing.assert_allclose(result.phase, gain * phase, atol=2e-4)
    assert result.errors[-1] < 1e-3


def test_direct_regularisers_divide_as_stated():
    c = calibration((0.3, 0.5))
    mean = np.sqrt(0.15)
    for cycles in ((1, 0), (0, 2), (12, 9)):
        phase, gradient = wave((36, 50), (0.3, 0.5), cycles)
        q2 = (cycles[0] * mean / (36 * 0.3)) ** 2 + (cycles[1] * mean / (50 * 0.5)) ** 2
        result = integrate_com_direct(deflection(gradient, c), c, highpass=0.002, lowpass=2)
        expected = phase * q2 / (q2 + 0.002 + 2 * q2**2)
        np.testing.assert_allclose(result.phase, expected, atol=1e-6)


def test_highpass_slows_long_waves_and_lowpass_short_ones():
    c = calibration()

    def gain(cycles, **settings):
        phase, gradient = wave((64, 64), (0.4, 0.4), cycles)
        parameters = {"highpass": 0.0, "lowpass": 0.0, "iterations": 3, "padding": 1} | settings
        result = integrate_com(deflection(gradient, c), c, **parameters)
        return np.vdot(result.phase, phase) / np.vdot(phase, phase)

    long, short = (1, 0), (0, 20)
    assert gain(long, highpass=0.01) < 0.2 * gain(long)
    assert gain(short, highpass=0.01) > 0.8 * gain(short)
    assert gain(short, lowpass=100) < 0.3 * gain(short)
    assert gain(long, lowpass=100) > 0.95 * gain(long)


@pytest.mark.parametrize("cycles", [4, 12, 24, 36, 44])
def test_default_regularisation_keeps_waves_near_their_height(cycles):
    phase, gradient = wave((16, 120), (0.4, 0.4), (0, cycles))
    result = integrate_com(deflection(gradient, calibration()), calibration(), padding=1)
    gain = np.vdot(result.phase, phase) / np.vdot(phase, phase)
    assert 0.9 < gain < 1.25
    assert result.errors.size == 20


def test_masked_deflections_leave_no_trace():
    c = calibration()
    phase, gradient = blob((48, 56), (0.4, 0.4), width=3.0)
    field = deflection(gradient, c)
    mask = np.ones((48, 56), bool)
    mask[20:24, 10:14] = False
    spoilt = np.where(mask, field, 1e3)
    result, clean = (integrate_com(f, c, mask=mask, iterations=60) for f in (spoilt, field))
    np.testing.assert_array_equal(result.phase, clean.phase)
    phase -= phase.mean()
    assert np.linalg.norm(result.phase - phase) < 0.05 * np.linalg.norm(phase)


@settings(deadline=None, max_examples=15)
@given(
    seed=st.integers(0, 100),
    noise=st.floats(0, 3),
    step=st.floats(0.01, 20),
    lowpass=st.floats(0, 10),
    padding=st.sampled_from([1, 1.3, 2]),
)
def test_error_never_increases(seed, noise, step, lowpass, padding):
    c = calibration()
    _, gradient = blob((24, 31), (0.4, 0.4), width=2.0)
    rng = np.random.default_rng(seed)
    field = deflection(gradient + noise * gradient.std() * rng.normal(size=gradient.shape), c)
    result = integrate_com(field, c, step=step, iterations=12, lowpass=lowpass, padding=padding)
    assert np.all(np.diff(np.concatenate([[1], result.errors])) <= 0)
    assert np.all(np.diff(result.steps) <= 0)
    assert result.steps.shape == result.errors.shape
    assert np.all(np.isfinite(result.phase))


def test_result_holds_mean_zero_and_its_own_power_spectrum():
    c = calibration()
    for shape in ((24, 31), (25, 30), (1, 8), (7, 1)):
        field = np.random.default_rng(2).normal(size=(2, *shape))
        for result in (integrate_com(field, c), integrate_com_direct(field, c)):
            assert abs(result.phase.mean(dtype=float)) < 1e-6 * np.abs(result.phase).max() + 1e-9
            power = np.fft.fftshift(np.abs(np.fft.fft2(result.phase.astype(float))) ** 2)
            np.testing.assert_allclose(result.spectrum, power, atol=1e-5 * power.max() + 1e-12)


def test_no_deflection_gives_no_phase():
    result = integrate_com(np.zeros((2, 6, 5)), calibration())
    assert not result.phase.any()
    assert result.errors.size == 0


def test_weak_object_deflection_gives_radians():
    """The first-order COM of a cosine phase, by hand: λ q φ0 H(q) sin, H of a round aperture."""
    c = calibration()
    n, cycles, amplitude = 64, 6, 0.05
    q = cycles / (n * 0.4)  # 1/Å
    s = q / (2 * c.k0)
    transfer = 2 / np.pi * (np.arccos(s) - s * np.sqrt(1 - s**2))
    x = np.arange(n) * 0.4
    com = -q * amplitude * transfer * np.sin(2 * np.pi * q * x)  # 1/Å
    field = np.zeros((2, 40, n))
    field[1] = com * c.wavelength * 1e3
    phase = integrate_com_direct(field, c, highpass=0).phase
    expected = amplitude * transfer * np.cos(2 * np.pi * q * x)
    np.testing.assert_allclose(phase, np.broadcast_to(expected, phase.shape), atol=1e-6)


def test_work_reports_progress_and_can_be_stopped():
    _, gradient = blob((24, 24), (0.4, 0.4), 2.0)
    field = deflection(gradient, calibration())
    seen = []
    integrate_com(field, calibration(), iterations=4, progress=seen.append)
    assert seen == [0.25, 0.5, 0.75, 1.0]

    early = []
    integrate_com(np.zeros((2, 6, 6)), calibration(), progress=early.append)
    assert early == [1.0]

    def stop(fraction):
        raise Cancelled

    with pytest.raises(Cancelled):
        integrate_com(field, calibration(), progress=stop)


@pytest.fixture(params=["plans", "no plans"])
def device(request, monkeypatch):
    """A stand-in for a GPU, with plans of transforms as cuFFT has them, or without."""
    fake = fake_gpu("cpu", monkeypatch)

    def plan(a, shape, axes, value_type):
        assert (axes, a.shape[-2:] == shape or value_type == "C2R") == ((-2, -1), True)

        def fft(source, target, direction):
            assert source.shape == a.shape
            assert direction == (-1 if value_type == "R2C" else 1)
            one, other = source._data, target._data
            if value_type == "R2C":
                other[...] = scipy.fft.rfft2(one)
            else:
                other[...] = scipy.fft.irfft2(one, shape, norm="forward")
                one[...] = np.nan  # cuFFT may use it as it likes

        return SimpleNamespace(fft=fft)

    if request.param == "plans":
        monkeypatch.setattr(fake.device.fft, "get_fft_plan", plan, raising=False)
    else:
        monkeypatch.delattr(fake.device.fft, "get_fft_plan", raising=False)
    return fake


def noisy_field(shape, step, noise=0.05):
    _, gradient = blob(shape, step, 2.0)
    field = deflection(gradient, calibration(step))
    return field + noise * field.std() * np.random.default_rng(1).normal(size=field.shape)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"padding": 1, "step": 3.0},
        {"padding": 1.3, "iterations": 40, "highpass": 0.01},
        {"iterations": 1, "mask": np.random.default_rng(3).random((21, 30)) < 0.9},
    ],
    ids=["defaults", "halved steps", "many", "masked"],
)
def test_a_field_on_a_device_is_integrated_there(device, options):
    c = calibration((0.3, 0.5))
    field = noisy_field((21, 30), (0.3, 0.5))
    expected = integrate_com(field, c, **options)
    result = integrate_com(device.xp.asarray(field), c, **options)
    assert device_of(result.phase) is device_of(result.spectrum) is device.device
    scale = np.ptp(expected.phase)
    np.testing.assert_allclose(result.phase.get(), expected.phase, atol=2e-5 * scale)
    power = expected.spectrum.max()
    np.testing.assert_allclose(result.spectrum.get(), expected.spectrum, atol=2e-5 * power)
    np.testing.assert_allclose(result.errors, expected.errors, rtol=2e-5)
    np.testing.assert_allclose(result.steps, expected.steps, rtol=1e-12)


def test_direct_solution_of_a_field_on_a_device(device):
    field = noisy_field((21, 30), (0.4, 0.4))
    expected = integrate_com_direct(field, calibration())
    result = integrate_com_direct(device.xp.asarray(field), calibration())
    assert device_of(result.phase) is device.device
    np.testing.assert_allclose(result.phase.get(), expected.phase, atol=1e-6)


def test_a_device_is_not_waited_for_and_gives_no_memory_between_iterations(device, monkeypatch):
    field = device.xp.asarray(noisy_field((16, 16), (0.4, 0.4)))
    looked, before = [], device.live
    answer = DeviceArray.__bool__
    monkeypatch.setattr(DeviceArray, "__bool__", lambda self: looked.append(1) or answer(self))
    numbers = []
    for iterations in (2, 20):
        start = device.allocations
        integrate_com(field, calibration(), iterations=iterations)
        numbers.append(device.allocations - start)
    assert not looked
    assert device.live == before
    if hasattr(device.device.fft, "get_fft_plan"):
        assert numbers[0] == numbers[1]


def test_a_device_ends_as_the_cpu_does_when_no_step_lowers_the_error(device):
    field = noisy_field((16, 20), (0.4, 0.4), noise=1.0)
    options = {"highpass": 0, "lowpass": 0, "iterations": 900, "padding": 1}
    expected = integrate_com(field, calibration(), **options)
    assert expected.errors.size < 900
    seen = []
    result = integrate_com(device.xp.asarray(field), calibration(), **options, progress=seen.append)
    assert result.errors.size < 900
    assert seen[-1] == 1
    assert len(seen) < 899
    np.testing.assert_allclose(result.errors[-1], expected.errors[-1], rtol=1e-4)
    nothing = integrate_com(device.xp.zeros((2, 6, 5)), calibration())
    assert not nothing.phase.get().any()
    assert nothing.errors.size == nothing.steps.size == 0


def test_wrong_input_on_a_device_is_refused_in_words(device):
    xp = device.xp
    with pytest.raises(ValueError, match=r"32 of 32 values .* not finite"):
        integrate_com(xp.full((2, 4, 4), np.nan), calibration())
    with pytest.raises(ValueError, match=r"as large as the scan \(4, 4\), not bool of \(3, 4\)"):
        integrate_com(xp.ones((2, 4, 4)), calibration(), mask=xp.ones((3, 4), bool))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"field": np.zeros((3, 4, 4))}, r"\(2, Sy, Sx\), not \(3, 4, 4\)"),
        ({"field": np.full((2, 4, 4), np.nan)}, "32 of 32 values .* not finite"),
        ({"highpass": -1}, "high-pass λ1 must be zero or positive, not -1"),
        ({"lowpass": np.inf}, "low-pass λ2"),
        ({"step": 0}, "step must be positive"),
        ({"iterations": 0}, "at least one whole iteration, not 0"),
        ({"iterations": 1.5}, "not 1.5"),
        ({"padding": 0.5}, "1 to 16 times"),
        ({"mask": np.ones((3, 4), bool)}, "as large as the scan"),
    ],
)
def test_wrong_input_is_refused_in_words(change, sentence):
    parameters = {"field": np.ones((2, 4, 4))} | change
    with pytest.raises(ValueError, match=sentence):
        integrate_com(parameters.pop("field"), calibration(), **parameters)
