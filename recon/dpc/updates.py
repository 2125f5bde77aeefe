"""From the residual of a deflection field to the next update of the phase, in Fourier space.

The update is F⁻¹{-(i/4) (qy F ry + qx F rx) / (q² + λ1 + λ2 q⁴)} on a grid that may be larger than
the scan, as each kind of device does it best.
"""

from math import ceil

import numpy as np
import scipy.fft

from recon.device.backend import CPU
from recon.kernels import threads


def updates(residual, device, scan_sampling, mean_step, padding, highpass, lowpass):
    """What turns a residual (2, Sy, Sx) float32 into updates, on its device.

    Attributes of what is returned, besides the residual itself as kernels are to have it:
    `gain`, by which its updates are too large, and `top`, the row of them where the scan begins.
    Calling it gives the update (rows, Px) float32 of the residual as it stands then.
    """
    shape = residual.shape[1:]
    # A periodic scan stays periodic; a padded one may as well have a fast length.
    grid = tuple(
        n if padding == 1 else scipy.fft.next_fast_len(ceil(padding * n), real=True) for n in shape
    )
    make = _OnCpu if device is CPU else _OnDevice
    q = (device.xp.asarray(line) for line in frequencies(grid, scan_sampling, mean_step))
    return make(residual, device, grid, (*q, np.float32(highpass), np.float32(lowpass)))


def frequencies(grid, scan_sampling, mean_step):
    """Frequencies (Py,), (Px // 2 + 1,) float32 [cycles per mean scan step]."""
    qy = np.fft.fftfreq(grid[0], scan_sampling[0] / mean_step)
    qx = np.fft.rfftfreq(grid[1], scan_sampling[1] / mean_step)
    return qy.astype(np.float32), qx.astype(np.float32)


class _OnCpu:
    """Transforms one axis after the other, and only the rows that meet the scan."""

    gain = 1.0

    def __init__(self, residual, device, grid, combining):
        self.residual, self._grid, self._combining = residual, grid, combining
        self._combine = device.kernels.combine
        height = residual.shape[1]
        rows, columns = grid
        # The gradient needs one row beyond each edge of the scan.
        self.top = 1 if rows >= height + 2 else 0
        self._rows = height + 2 if self.top else rows
        self._scan = slice(self.top, self.top + height)
        self._spectra = np.zeros((2, rows, columns // 2 + 1), np.complex64)

    def __call__(self):
        spectra, scan, columns = self._spectra, self._scan, self._grid[1]
        spectra[:, : scan.start] = 0
        spectra[:, scan.stop :] = 0
        spectra[:, scan] = scipy.fft.rfft(self.residual, n=columns, axis=2, workers=threads())
        spectra = scipy.fft.fft(spectra, axis=1, workers=threads(), overwrite_x=True)
        self._combine(spectra, *self._combining)
        update = scipy.fft.ifft(spectra[0], axis=0, workers=threads(), overwrite_x=True)[
            : self._rows
        ]
        return scipy.fft.irfft(update, n=columns, axis=1, workers=threads())


class _OnDevice:
    """Transforms the whole padded grid at once, in memory of its own, by plans of its own.

    The residual lies in a grid whose margin stays zero. Nothing is allocated, waited for or
    divided by the number of points between the first update and the last.
    """

    top = 0

    def __init__(self, residual, device, grid, combining):
        xp = device.xp
        rows, columns = grid
        self.gain = float(rows * columns)
        padded = xp.zeros((2, rows, columns), np.float32)
        padded[:, : residual.shape[1], : residual.shape[2]] = residual
        spectra = xp.empty((2, rows, columns // 2 + 1), np.complex64)
        update = xp.empty(grid, np.float32)
        self._forward = _transform(device, padded, spectra, grid, "R2C")
        self._inverse = _transform(device, spectra[0], update, grid, "C2R")
        self._combine = device.kernels.combine
        self.residual, self._spectra, self._update = map(device.handle, (padded, spectra, update))
        qy, qx, *regularisers = combining
        self._combining = device.handle(qy), device.handle(qx), *regularisers

    def __call__(self):
        self._forward()
        self._combine(self._spectra, *self._combining)
        self._inverse()
        return self._update


def _transform(device, source, target, grid, kind):
    """What fills `target` with the transform of `source`, not divided by anything; may spoil it.

    A plan of cuFFT is run as it is: through the functions that take a plan, each call costs as
    much as the transform itself.
    """
    make_plan = getattr(device.fft, "get_fft_plan", None)
    if make_plan is not None:
        plan = make_plan(source, grid, axes=(-2, -1), value_type=kind)
        direction = -1 if kind == "R2C" else 1
        return lambda: plan.fft(source, target, direction)
    if kind == "R2C":
        return lambda: target.__setitem__(..., device.fft.rfft2(source))
    return lambda: target.__setitem__(..., device.fft.irfft2(source, grid, norm="forward"))
