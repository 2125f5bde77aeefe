"""Phase from the deflection of the beam (centre-of-mass differential phase contrast).

Both solutions integrate grad φ = 2π COM. Lengths are counted in mean scan steps, the geometric
mean of the steps along y and x, and spatial frequencies q in cycles per mean scan step (at most
0.5 on square steps): so the regularisers λ1 and λ2 mean the same whatever the magnification,
and unequal steps along y and x change the metric, not the units.
"""

from dataclasses import dataclass
from math import inf, isfinite, pi, sqrt

import numpy as np

from recon.calibration import Calibration
from recon.device.backend import CPU, device_of, guarded, on_host
from recon.dpc.updates import frequencies, updates
from recon.kernels.cpu.dpc import DONE, ENDED

STEP, ITERATIONS, PADDING = 0.5, 20, 2.0
HIGHPASS, LOWPASS = 1e-3, 100.0
DIRECT_HIGHPASS, DIRECT_LOWPASS = 1e-5, 0.0

LOOK_EVERY = 32
"""Iterations queued on a device before it is asked whether they still lower the error."""


@dataclass(frozen=True, eq=False)
class DpcResult:
    """An integrated deflection field, and how its integration went.

    Parameters
    ----------
    phase : (Sy, Sx) float32 array
        Phase [rad], of mean zero; on the device of the deflection field.
    errors : (n,) float64 array
        After each iteration, the norm of the deflection that the phase leaves unexplained,
        relative to that of the deflection. Never increases; n is below the iterations asked for
        where no step would have lowered the error further. Empty for the direct solution.
    steps : (n,) float64 array
        Step taken in each iteration.
    spectrum : (Sy, Sx) float32 array
        Power spectrum of the regularised phase [rad²], zero frequency in the middle; there too.
    method : str
        "iterative" or "direct".
    """

    phase: np.ndarray
    errors: np.ndarray
    steps: np.ndarray
    spectrum: np.ndarray
    method: str


@guarded
def integrate_com(
    field,
    calibration: Calibration,
    *,
    highpass: float = HIGHPASS,
    lowpass: float = LOWPASS,
    step: float = STEP,
    iterations: int = ITERATIONS,
    padding: float = PADDING,
    mask=None,
    progress=None,
) -> DpcResult:
    """Phase whose gradient explains a deflection field, by regularised iteration.

    Parameters
    ----------
    field : (2, Sy, Sx) array
        Deflection (y, x) along the scan's axes [mrad]; the work is done on its device.
    calibration : Calibration
        Its wavelength and scan step put the field on a scale.
    highpass : float
        λ1 [(cycles/step)²]: holds back frequencies below about sqrt(λ1/iterations), where noise
        and edges make clouds. It slows them down, and does not remove them for good.
    lowpass : float
        λ2 [(steps/cycle)²]: holds back frequencies above about 1/sqrt(λ2), likewise: the default
        slows waves down in the degree to which the central difference exaggerates them.
    step : float
        μ, of which π/2 is the whole way to the solution. It is halved as long as it would make
        the error grow.
    iterations : int
        Largest number of iterations; itself a regulariser, see Notes.
    padding : float
        Size of the periodic grid in units of the scan's, so that opposite edges of the scan do
        not touch; 1 for a scan that is periodic.
    mask : (Sy, Sx) bool array, optional
        False where the deflection is not to be believed.
    progress : callable, optional
        Called with the fraction done after each iteration; may raise `Cancelled`.

    Returns
    -------
    DpcResult
        Its `phase` is (Sy, Sx) [rad], and `errors` tells how the iteration went.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, or a parameter is out of range.
    DeviceError
        If the device fails or its memory does not suffice.

    Notes
    -----
    Pelz et al. (2021), section V, in residual form:
    φ += μ F⁻¹{-(i/4) (qx F rx + qy F ry) / (q² + λ1 + λ2 q⁴)}, r = mask (2π COM - D φ),
    with D the central difference. Where it converges, D φ = 2π COM: a wave of frequency q along an
    axis comes back larger by 2πq / sin(2πq), at Nyquist without bound, however large λ2. What
    limits the noise there is the number of iterations. The default λ2, step and iterations stop
    where the two balance: waves of 0.03 to 0.37 cycles a step come back within 0.9 and 1.25 of
    their height, and shorter ones damped. Where highpass and lowpass are nearly zero, noise at
    Nyquist soon leaves no step that lowers the error, and the iteration ends early.

    Since D is linear, the error of any step along an update is known before it is taken, so a
    halved step costs no transform.
    """
    deflection, mean_step = _deflection(field, calibration)
    _check(highpass, lowpass)
    if not step > 0 or not isfinite(step):
        raise ValueError(f"The DPC step must be positive, not {step}.")
    if int(iterations) != iterations or iterations < 1:
        raise ValueError(f"DPC needs at least one whole iteration, not {iterations}.")
    if not 1 <= padding <= 16:
        raise ValueError(f"The DPC grid must be 1 to 16 times as large as the scan, not {padding}.")
    device = device_of(deflection)
    xp, kernels, handle = device.xp, device.kernels, device.handle
    shape = deflection.shape[1:]
    weight = _weight(mask, shape, device)

    residual = deflection * (np.float32(2 * pi) * weight)
    # Rows are summed on the device in single precision; their sums in double everywhere.
    precision = np.float64 if device is CPU else np.float32
    squares = xp.sum(xp.square(residual), axis=(0, 2), dtype=np.float64).astype(precision)
    sampling = calibration.scan_sampling
    update_of = updates(residual, device, sampling, mean_step, padding, highpass, lowpass)
    del residual
    phase = xp.zeros(shape, np.float32)
    state = xp.asarray(np.array([step / update_of.gain, inf, 0, 0]))
    history = xp.empty((int(iterations) + 1, 2), np.float64)
    sums = xp.empty((shape[0], 2), precision)
    across = xp.asarray(np.array([mean_step / (2 * s) for s in sampling], np.float32))

    moved = phase, weight, across, sums, squares, xp.zeros(1, np.float32)
    phase_, weight, across, sums, squares, now = map(handle, moved)
    course = handle(state), handle(history), now
    where = weight, update_of.top, across
    for iteration in range(int(iterations)):
        update = update_of()
        kernels.measure(update, update_of.residual, *where, sums)
        kernels.choose_step(sums, squares, *course)
        if (device is CPU or iteration % LOOK_EVERY == LOOK_EVERY - 1) and state[ENDED]:
            break
        kernels.advance(update, update_of.residual, phase_, *where, now, squares)
        if progress is not None:
            progress((iteration + 1) / iterations)
    # What the last step has left.
    kernels.choose_step(sums, squares, *course)
    phase, spectrum = _centred(phase, device)
    done = int(state[DONE])
    start, *taken = on_host(history)[:done]
    if progress is not None and len(taken) < iterations:
        progress(1.0)
    errors, steps = np.array(taken).reshape(-1, 2).T
    return DpcResult(
        phase, np.sqrt(errors / start[0]), steps * update_of.gain, spectrum, "iterative"
    )


@guarded
def integrate_com_direct(
    field,
    calibration: Calibration,
    *,
    highpass: float = DIRECT_HIGHPASS,
    lowpass: float = DIRECT_LOWPASS,
) -> DpcResult:
    """Phase of a deflection field, by division in Fourier space: fast, and periodic.

    Parameters
    ----------
    field : (2, Sy, Sx) array
        Deflection (y, x) along the scan's axes [mrad]; the work is done on its device.
    calibration : Calibration
        Its wavelength and scan step put the field on a scale.
    highpass, lowpass : float
        λ1 [(cycles/step)²] and λ2 [(steps/cycle)²]; here they do change the result, and want to
        be smaller: a wave comes back multiplied by q² / (q² + λ1 + λ2 q⁴).

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, or a regulariser is negative.
    DeviceError
        If the device fails or its memory does not suffice.

    Notes
    -----
    φ = F⁻¹{-i q·F[COM] / (q² + λ1 + λ2 q⁴)}, the 2π of the gradient cancelling that of F.
    Opposite edges of the scan are taken for neighbours.
    """
    deflection, mean_step = _deflection(field, calibration)
    _check(highpass, lowpass)
    device = device_of(deflection)
    shape = deflection.shape[1:]
    spectra = device.fft.rfft2(deflection, **device.fft_options)
    # The kernel carries the iteration's factor 1/4.
    spectra *= np.float32(4)
    lines = frequencies(shape, calibration.scan_sampling, mean_step)
    q = (device.xp.asarray(line) for line in lines)
    device.kernels.combine(spectra, *q, np.float32(highpass), np.float32(lowpass))
    phase = device.fft.irfft2(spectra[0], s=shape, overwrite_x=True, **device.fft_options)
    phase, spectrum = _centred(phase, device)
    return DpcResult(phase, np.empty(0), np.empty(0), spectrum, "direct")


def _deflection(field, calibration):
    """(2, Sy, Sx) float32 deflection [cycles per mean scan step], and that step [Å]."""
    xp = device_of(field).xp
    field = xp.asarray(field)
    if field.ndim != 3 or field.shape[0] != 2 or 0 in field.shape:
        raise ValueError(f"A deflection field has the shape (2, Sy, Sx), not {field.shape}.")
    wrong = field.size - int(xp.count_nonzero(xp.isfinite(field)))
    if wrong:
        raise ValueError(
            f"{wrong} of {field.size} values of the deflection field are not finite: "
            "give empty frames the deflection 0."
        )
    mean_step = sqrt(calibration.scan_sampling[0] * calibration.scan_sampling[1])
    return field.astype(np.float32) * np.float32(
        1e-3 / calibration.wavelength * mean_step
    ), mean_step


def _check(highpass, lowpass):
    for name, value in (("high-pass λ1", highpass), ("low-pass λ2", lowpass)):
        if not (isfinite(value) and value >= 0):
            raise ValueError(f"The DPC {name} must be zero or positive, not {value}.")


def _weight(mask, shape, device):
    """(Sy, Sx) float32 on the device, 1 where the deflection counts; the mask may be anywhere."""
    if mask is None:
        return device.xp.ones(shape, np.float32)
    mask = np.asarray(mask) if device_of(mask) is CPU else mask
    if mask.shape != shape or mask.dtype != bool:
        raise ValueError(
            f"The DPC mask must be boolean and as large as the scan {shape}, "
            f"not {mask.dtype} of {mask.shape}."
        )
    mask = on_host(mask) if device is CPU else device.xp.asarray(mask)
    return mask.astype(np.float32)


def _centred(phase, device):
    """The phase with mean zero, and its power spectrum."""
    xp, fft = device.xp, device.fft
    phase = phase - phase.mean(dtype=np.float64).astype(np.float32)
    power = xp.square(xp.abs(fft.rfft2(phase, **device.fft_options)))
    rows, columns = phase.shape
    full = xp.empty(phase.shape, np.float32)
    full[:, : power.shape[1]] = power
    # |F(-q)| = |F(q)|: row -i and column -j.
    mirrored = power[-xp.arange(rows) % rows, 1 : columns - power.shape[1] + 1]
    full[:, power.shape[1] :] = mirrored[:, ::-1]
    return phase, fft.fftshift(full)
