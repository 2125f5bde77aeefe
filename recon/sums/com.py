"""Centre of mass of each frame, and the field it makes over the scan.

COM(R) = Σ k I(k, R) / Σ I(k, R): for a thin object the probe's average of the gradient of the
phase, grad φ = 2π COM_scan with COM in 1/Å.
"""

import numpy as np

from recon.calibration import Calibration
from recon.device.backend import device_of, guarded
from recon.scan.events import ElectronEvents, fitting_mask

ALL_PIXELS = np.empty(0, bool)

INDEX_BITS = 31

BATCH = 1 << 28
"""Electrons in one launch of a kernel: a fraction of a second."""


@guarded
def centre_of_mass(events: ElectronEvents, mask=None, progress=None) -> np.ndarray:
    """Centre of mass of each frame, one pass over the electrons.

    Parameters
    ----------
    events : ElectronEvents
        The scan.
    mask : (Ky, Kx) bool array, optional
        Detector pixels to take; all of them by default.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    (2, Sy, Sx) float32 array
        (y, x) in pixel-index coordinates of the detector. A frame without electrons has no
        centre of mass; it gets the mean over the frames that have one, so that it deflects
        nothing once the mean is subtracted. Without any electron in the scan, every frame gets
        the centre of the detector. On `events.device`.

    Raises
    ------
    ValueError
        If the mask's shape is not the detector's, or the detector has more than 2³¹ pixels.
    DeviceError
        If the device fails or is full.
    """
    field, sums = frame_centres(events, mask, progress)
    return filled(field, sums, events.frame_shape).reshape(2, *events.scan_shape)


def frame_centres(events: ElectronEvents, mask=None, progress=None):
    """Centre of mass of each frame that has one, and what their mean follows from.

    Parameters, and what is raised, are those of `centre_of_mass`.

    Returns
    -------
    field : (2, F) float32 array
        (y, x) [px], on `events.device`; NaN for a frame without electrons.
    sums : (3,) float64 array
        Frames that have one, and the sums of their y and x.
    """
    height, width = events.frame_shape
    keep = ALL_PIXELS
    if mask is not None:
        keep = fitting_mask(mask, "detector", events.frame_shape).ravel()
        events.check_pixels()
    factor, shift = row_divider(height, width)
    xp, kernels = events.device.xp, events.device.kernels
    keep = xp.asarray(keep)
    field = xp.empty((2, events.positions), np.float32)
    sums = np.zeros(3)
    for p in events.pieces(BATCH, progress):
        out = field[:, p.frames]
        sums += kernels.centres(
            p.pixels, p.offsets, p.first, p.last, keep, width, factor, shift, out
        )
    return field, sums


def filled(field, sums, frame_shape):
    """A (2, ...) field of `frame_centres`, whose frames without electrons get the others' mean.

    Where none has any, all have the centre of the detector.
    """
    number, xp = int(sums[0]), device_of(field).xp
    if number == field[0].size:
        return field
    centre = (np.array(frame_shape) - 1) / 2
    mean = xp.asarray((sums[1:] / number if number else centre).astype(np.float32))
    return xp.where(xp.isnan(field[0]), mean.reshape(2, *(1,) * (field.ndim - 1)), field)


def row_divider(height: int, width: int) -> tuple[np.uint32, np.uint64]:
    """(factor, shift) with `p // width == p * factor >> shift` for each pixel of a detector.

    Raises
    ------
    ValueError
        If the detector has more than 2³¹ pixels.

    Notes
    -----
    Division by an invariant (Granlund & Montgomery, PLDI 1994): with l = ceil(log2 width) and
    factor = ceil(2^(31 + l) / width), the quotient is exact for 0 <= p < 2³¹, and the product of
    two 32-bit numbers fits 64 bits, for which every vector unit has an instruction.
    """
    if height * width > 1 << INDEX_BITS:
        raise ValueError(
            f"The detector has {height} × {width} pixels; indices beyond 2^{INDEX_BITS} "
            "are not supported: bin the detector first."
        )
    shift = INDEX_BITS + (width - 1).bit_length()
    return np.uint32(-(-(1 << shift) // width)), np.uint64(shift)


@guarded
def scan_deflection(com: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Deflection of the beam along the scan's axes.

    Parameters
    ----------
    com : (2, Sy, Sx) array
        Centre of mass (y, x) [detector pixels], as from `centre_of_mass`.
    calibration : Calibration
        Angle of a pixel, rotation and transpose; its centre is not used.

    Returns
    -------
    (2, Sy, Sx) float32 array
        COM_scan = R(-θ) S (COM - mean) [mrad], (y, x) along the scan's axes. Frames without
        electrons come out at zero, to rounding. On the device of `com`.
    """
    com, xp = _field(com)
    mean = com.mean(axis=(1, 2), dtype=np.float64)
    centred = com - mean.astype(np.float32)[:, None, None]
    matrix = (calibration.angular_sampling * calibration.detector_to_scan).astype(np.float32)
    return xp.stack([row[0] * centred[0] + row[1] * centred[1] for row in matrix])


@guarded
def inverse_angstrom(field: np.ndarray, calibration: Calibration) -> np.ndarray:
    """A field of deflections [mrad] as spatial frequencies [1/Å]: angle / wavelength.

    On the device of `field`.
    """
    return field * np.float32(1e-3 / calibration.wavelength)


@guarded
def curl(field: np.ndarray, sampling) -> np.ndarray:
    """Curl of a field on the scan: its component along the beam.

    Parameters
    ----------
    field : (2, Sy, Sx) array
        Components (y, x) along the scan's axes, in any unit.
    sampling : (float, float)
        Distance of scan positions along (y, x) [Å].

    Returns
    -------
    (Sy, Sx) array
        d field_y / dx - d field_x / dy, in the field's unit per Å: mrad/Å for mrad.
        It vanishes for the gradient of a potential. On the device of `field`.

    Raises
    ------
    ValueError
        If the field has no two components, or a sampling is not positive.

    Notes
    -----
    Central differences, (f[i+1] - f[i-1]) / 2h, one-sided at the edges of the scan: no
    periodicity is assumed, and noise is amplified less than by a Fourier derivative. Discrete
    differences along y and x commute, so the curl of a discrete gradient is zero to rounding.
    A scan of one row or one column has no derivative across it; it is taken as zero.
    """
    field, _ = _field(field)
    return _derivative(field[0], sampling, 1) - _derivative(field[1], sampling, 0)


@guarded
def divergence(field: np.ndarray, sampling) -> np.ndarray:
    """Divergence of a field on the scan, d field_y / dy + d field_x / dx.

    Parameters, units and differences are those of `curl`. Of COM along the scan's axes it is
    proportional to the Laplacian of the phase: negative at atoms.
    """
    field, _ = _field(field)
    return _derivative(field[0], sampling, 0) + _derivative(field[1], sampling, 1)


def _field(field):
    """The field, and the array module of its device."""
    xp = device_of(field).xp
    field = xp.asarray(field)
    if field.ndim != 3 or field.shape[0] != 2:
        raise ValueError(f"A vector field has shape (2, Sy, Sx), not {field.shape}.")
    return field, xp


def _derivative(component, sampling, axis):
    step, xp = sampling[axis], device_of(component).xp
    if not step > 0 or not np.isfinite(step):
        raise ValueError(f"The scan step along {'yx'[axis]} must be positive, not {step} Å.")
    if component.shape[axis] < 2:
        return xp.zeros_like(component)
    return xp.gradient(component, step, axis=axis)
