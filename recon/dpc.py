"""Phase from the deflection of the beam (centre-of-mass differential phase contrast).

Both solutions integrate grad φ = 2π COM. Lengths are counted in mean scan steps, the geometric
mean of the steps along y and x, and spatial frequencies q in cycles per mean scan step (at most
0.5 on square steps): so the regularisers λ1 and λ2 mean the same whatever the magnification,
and unequal steps along y and x change the metric, not the units.
"""

from dataclasses import dataclass
from math import ceil, isfinite, pi, sqrt

import numpy as np
import scipy.fft

from recon.calibration import Calibration
from recon.kernels import dpc as kernels

STEP, ITERATIONS, PADDING = 0.5, 20, 2.0
HIGHPASS, LOWPASS = 1e-3, 100.0
DIRECT_HIGHPASS, DIRECT_LOWPASS = 1e-5, 0.0


@dataclass(frozen=True, eq=False)
class DpcResult:
    """An integrated deflection field, and how its integration went.

    Parameters
    ----------
    phase : (Sy, Sx) float32 array
        Phase [rad], of mean zero.
    errors : (n,) float64 array
        After each iteration, the norm of the deflection that the phase leaves unexplained,
        relative to that of the deflection. Never increases; n is below the iterations asked for
        where no step would have lowered the error further. Empty for the direct solution.
    steps : (n,) float64 array
        Step taken in each iteration.
    spectrum : (Sy, Sx) float32 array
        Power spectrum of the regularised phase [rad²], zero frequency in the middle.
    method : str
        "iterative" or "direct".
    """

    phase: np.ndarray
    errors: np.ndarray
    steps: np.ndarray
    spectrum: np.ndarray
    method: str


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
        Deflection (y, x) along the scan's axes [mrad].
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

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, or a parameter is out of range.

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

    Only the transforms' rows that meet the scan are computed. Since D is linear, the error of
    any step along an update is known before it is taken, so a halved step costs no transform.
    """
    deflection, mean_step = _deflection(field, calibration)
    _check(highpass, lowpass)
    if not step > 0 or not isfinite(step):
        raise ValueError(f"The DPC step must be positive, not {step}.")
    if int(iterations) != iterations or iterations < 1:
        raise ValueError(f"DPC needs at least one whole iteration, not {iterations}.")
    if not 1 <= padding <= 16:
        raise ValueError(f"The DPC grid must be 1 to 16 times as large as the scan, not {padding}.")
    shape = deflection.shape[1:]
    weight = _weight(mask, shape)

    residual = np.multiply(deflection, np.float32(2 * pi) * weight)
    size = float(np.sum(np.square(residual), dtype=np.float64))
    phase = np.zeros(shape, np.float32)
    errors, steps = [], []
    update_of = _Updates(shape, calibration.scan_sampling, mean_step, padding, highpass, lowpass)
    across = np.array([mean_step / (2 * s) for s in calibration.scan_sampling], np.float32)
    sums, squares = np.empty((shape[0], 2)), np.empty(shape[0])
    last = size
    for iteration in range(int(iterations) if size else 0):
        update, top = update_of(residual)
        kernels.measure(update, residual, weight, top, across, sums)
        product, square = sums.sum(axis=0)
        if product <= 0:
            break
        # |r - t w|² < |r|² for 0 < t < 2 <r, w> / |w|².
        while step * square > 2 * product:
            step /= 2
        kernels.advance(update, residual, phase, weight, top, across, np.float32(step), squares)
        error = float(squares.sum())
        if error > last:  # by rounding: single precision has no more to give
            break
        last = error
        errors.append(sqrt(error / size))
        steps.append(step)
        if progress is not None:
            progress((iteration + 1) / iterations)
    if progress is not None and len(errors) < iterations:
        progress(1.0)
    return _result(phase, errors, steps, "iterative")


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
        Deflection (y, x) along the scan's axes [mrad].
    calibration : Calibration
        Its wavelength and scan step put the field on a scale.
    highpass, lowpass : float
        λ1 [(cycles/step)²] and λ2 [(steps/cycle)²]; here they do change the result, and want to
        be smaller: a wave comes back multiplied by q² / (q² + λ1 + λ2 q⁴).

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, or a regulariser is negative.

    Notes
    -----
    φ = F⁻¹{-i q·F[COM] / (q² + λ1 + λ2 q⁴)}, the 2π of the gradient cancelling that of F.
    Opposite edges of the scan are taken for neighbours.
    """
    deflection, mean_step = _deflection(field, calibration)
    _check(highpass, lowpass)
    shape = deflection.shape[1:]
    spectra = scipy.fft.rfft2(deflection, workers=-1)
    # The kernel carries the iteration's factor 1/4.
    spectra *= np.float32(4)
    qy, qx = _frequencies(shape, calibration.scan_sampling, mean_step)
    kernels.combine(spectra, qy, qx, np.float32(highpass), np.float32(lowpass))
    phase = scipy.fft.irfft2(spectra[0], s=shape, workers=-1, overwrite_x=True)
    return _result(phase, [], [], "direct")


class _Updates:
    """Residual (2, Sy, Sx) to update φ' on a padded grid; buffers are kept between calls."""

    def __init__(self, shape, scan_sampling, mean_step, padding, highpass, lowpass):
        self.shape = shape
        # A periodic scan stays periodic; a padded one may as well have a fast length.
        self.grid = tuple(
            n if padding == 1 else scipy.fft.next_fast_len(ceil(padding * n), real=True)
            for n in shape
        )
        rows, columns = self.grid
        # The gradient needs one row beyond each edge of the scan.
        self.top = 1 if rows >= shape[0] + 2 else 0
        self.rows = shape[0] + 2 if self.top else rows
        self.spectra = np.zeros((2, rows, columns // 2 + 1), np.complex64)
        self.q = _frequencies(self.grid, scan_sampling, mean_step)
        self.regularisers = np.float32(highpass), np.float32(lowpass)

    def __call__(self, residual):
        """(rows, Px) float32 update, and the row of it where the scan begins."""
        scan = slice(self.top, self.top + self.shape[0])
        spectra, columns = self.spectra, self.grid[1]
        spectra[:, : scan.start] = 0
        spectra[:, scan.stop :] = 0
        spectra[:, scan] = scipy.fft.rfft(residual, n=columns, axis=2, workers=-1)
        spectra = scipy.fft.fft(spectra, axis=1, workers=-1, overwrite_x=True)
        kernels.combine(spectra, *self.q, *self.regularisers)
        update = scipy.fft.ifft(spectra[0], axis=0, workers=-1, overwrite_x=True)[: self.rows]
        return scipy.fft.irfft(update, n=columns, axis=1, workers=-1), self.top


def _deflection(field, calibration):
    """(2, Sy, Sx) float32 deflection [cycles per mean scan step], and that step [Å]."""
    field = np.asarray(field)
    if field.ndim != 3 or field.shape[0] != 2 or 0 in field.shape:
        raise ValueError(f"A deflection field has the shape (2, Sy, Sx), not {field.shape}.")
    wrong = field[0].size * 2 - int(np.count_nonzero(np.isfinite(field)))
    if wrong:
        raise ValueError(
            f"{wrong} of {field.size} values of the deflection field are not finite: "
            "give empty frames the deflection 0."
        )
    mean_step = sqrt(calibration.scan_sampling[0] * calibration.scan_sampling[1])
    return field.astype(np.float32) * np.float32(
        1e-3 / calibration.wavelength * mean_step
    ), mean_step


def _frequencies(grid, scan_sampling, mean_step):
    """Frequencies (Py,), (Px // 2 + 1,) float32 [cycles per mean scan step]."""
    qy = np.fft.fftfreq(grid[0], scan_sampling[0] / mean_step)
    qx = np.fft.rfftfreq(grid[1], scan_sampling[1] / mean_step)
    return qy.astype(np.float32), qx.astype(np.float32)


def _check(highpass, lowpass):
    for name, value in (("high-pass λ1", highpass), ("low-pass λ2", lowpass)):
        if not (isfinite(value) and value >= 0):
            raise ValueError(f"The DPC {name} must be zero or positive, not {value}.")


def _weight(mask, shape):
    """(Sy, Sx) float32, 1 where the deflection counts."""
    if mask is None:
        return np.ones(shape, np.float32)
    mask = np.asarray(mask)
    if mask.shape != shape or mask.dtype != bool:
        raise ValueError(
            f"The DPC mask must be boolean and as large as the scan {shape}, "
            f"not {mask.dtype} of {mask.shape}."
        )
    return mask.astype(np.float32)


def _result(phase, errors, steps, method):
    phase = phase - np.float32(phase.mean(dtype=np.float64))
    power = np.square(np.abs(scipy.fft.rfft2(phase, workers=-1)))
    return DpcResult(phase, np.array(errors), np.array(steps), _full(power, phase.shape), method)


def _full(half, shape):
    """Both halves of a power spectrum (Sy, Sx) of which the transform gave one, fftshifted."""
    rows, columns = shape
    full = np.empty(shape, np.float32)
    full[:, : half.shape[1]] = half
    # |F(-q)| = |F(q)|: row -i and column -j.
    mirrored = half[-np.arange(rows) % rows, 1 : columns - half.shape[1] + 1]
    full[:, half.shape[1] :] = mirrored[:, ::-1]
    return np.fft.fftshift(full)
