"""The probe of a simulated scan, cut out in a box, and its disc on the detector."""

from math import ceil, pi

import numpy as np
import scipy.fft

from recon.calibration import Calibration
from recon.kernels.host import simulate as kernels
from recon.optics import Aberrations

TAIL = 5.0
"""Room around the probe's geometric radius [Å] for its diffraction rings."""
LARGEST_BOX = 512
"""Grid points along the side of the box: the tables of a larger one fill the memory."""


class Probe:
    """What all positions of a simulated scan share: the probe in its box, and the disc.

    Parameters
    ----------
    calibration : Calibration
        Beam, scan and detector.
    aberrations : Aberrations
        In the detector's frame.
    oversampling : float
        Object grid points to one scan step.

    Raises
    ------
    ValueError
        If the grid is too coarse to hold the intensity of the probe, or the probe too wide.
    """

    def __init__(self, calibration: Calibration, aberrations: Aberrations, oversampling: float):
        self.calibration = calibration
        self.steps = [step / oversampling for step in calibration.scan_sampling]
        k0, wavelength = calibration.k0, calibration.wavelength
        if any(2.4 * k0 * step > 1 for step in self.steps):
            raise ValueError(
                f"A grid of {self.steps[0]:.3g} × {self.steps[1]:.3g} Å is too coarse for a probe "
                f"of {calibration.semiangle_cutoff:g} mrad: take at least "
                f"{ceil(2.4 * k0 * max(calibration.scan_sampling))} points to a scan step."
            )
        scan_frame = aberrations.in_scan_frame(calibration.rotation_deg, calibration.transpose)

        def aperture(ky, kx):
            return np.exp(-1j * scan_frame.chi(ky, kx, wavelength))

        radius = geometric_radius(scan_frame, calibration)
        reach, widest = radius + TAIL, LARGEST_BOX * min(self.steps) / 2
        if reach > widest:
            raise ValueError(
                f"These aberrations spread the probe over a radius of {radius:.0f} Å; "
                f"a simulation goes up to {max(widest - TAIL, 0):.0f} Å."
            )
        self.box = tuple(_even_fast_length(2 * reach / step) for step in self.steps)
        fine_k = [
            1 / (n * step * kernels.FINE) for n, step in zip(self.box, self.steps, strict=True)
        ]
        self.cell_area = fine_k[0] * fine_k[1]
        self.cell = np.array([*fine_k, k0])

        half = [ceil(k0 / k + 0.5) for k in fine_k]
        ky, kx = np.meshgrid(
            *(np.arange(-h, h + 1) * k for h, k in zip(half, fine_k, strict=True)), indexing="ij"
        )
        inside = coverage(ky, kx, fine_k, k0).astype(np.float32)
        moved = self._moved(aperture(ky, kx), ky, kx)
        apertures = np.stack([moved.real, moved.imag], axis=2).astype(np.float32)
        self.disc = kernels.Disc(_interpolation_taps(), apertures, inside, 1 - inside)

        # The probe comes from a box four times as large, for its rings not to fold over.
        large = [4 * n for n in self.box]
        axes = [np.fft.fftfreq(n, step) for n, step in zip(large, self.steps, strict=True)]
        ky, kx = np.meshgrid(*axes, indexing="ij")
        wave = coverage(ky, kx, [k[1] for k in axes], k0) * aperture(ky, kx)
        wave = np.fft.fftshift(scipy.fft.ifft2(self._moved(wave, ky, kx)), axes=(-2, -1))
        top, left = ((m - n) // 2 for m, n in zip(large, self.box, strict=True))
        probe = wave[..., top : top + self.box[0], left : left + self.box[1]]
        self.intensity = np.abs(probe[0, 0]) ** 2
        shift = np.arange(kernels.FINE) / kernels.FINE
        y, x = (np.exp(-2j * pi * shift[:, None] * (np.arange(n) - n // 2) / n) for n in self.box)
        ramps = y[:, None, :, None] * x[None, :, None, :]
        self.probes = (ramps * probe[:, :, None, None]).astype(np.complex64)

    def _moved(self, wave, ky, kx) -> np.ndarray:
        """(2, 2, ...) array of a wave's spectrum, moved by 0 or 1/2 grid step along (y, x)."""
        y, x = (np.exp(-1j * pi * k * step) for k, step in zip((ky, kx), self.steps, strict=True))
        return np.array([[wave, wave * x], [wave * y, wave * y * x]])

    def mean_under_probe(self, transmission) -> np.ndarray:
        """(Ny, Nx) complex128 mean of the transmission, weighted with a probe at each point."""
        intensity = np.zeros(transmission.shape)
        index = [
            (np.arange(n) - n // 2) % m for n, m in zip(self.box, transmission.shape, strict=True)
        ]
        np.add.at(intensity, np.ix_(*index), self.intensity)
        spectrum = scipy.fft.fft2(intensity / intensity.sum()).conj()
        return scipy.fft.ifft2(scipy.fft.fft2(transmission) * spectrum)

    def affine(self) -> np.ndarray:
        """(2, 3) float64 map of fine cells (fy, fx) to detector pixels (y, x)."""
        turned = self.calibration.detector_to_scan.T * self.cell[:2]
        return np.column_stack(
            [turned / self.calibration.reciprocal_sampling, self.calibration.centre]
        )


def geometric_radius(aberrations: Aberrations, calibration: Calibration) -> float:
    """Largest ray displacement |grad chi| / 2π [Å] within the aperture."""
    k0 = calibration.k0
    axis = np.linspace(-k0, k0, 65)
    ky, kx = np.meshgrid(axis, axis, indexing="ij")
    slopes = np.gradient(aberrations.chi(ky, kx, calibration.wavelength), axis, axis)
    displacement = np.hypot(*slopes) / (2 * pi)
    return float(displacement[ky**2 + kx**2 <= k0**2].max())


def _even_fast_length(length: float) -> int:
    """Smallest even number of points from `length` on that transforms quickly."""
    return 2 * scipy.fft.next_fast_len(ceil(length / 2))


def coverage(ky, kx, sizes, k0: float, points: int = 16) -> np.ndarray:
    """Part of each cell, of `sizes` about (ky, kx), that lies within the circle of radius k0."""
    distance = np.hypot(ky, kx)
    covered = (distance < k0).astype(float)
    edge = np.abs(distance - k0) <= np.hypot(*sizes)
    inner = (np.arange(points) + 0.5) / points - 0.5
    y = ky[edge][:, None, None] + inner[:, None] * sizes[0]
    x = kx[edge][:, None, None] + inner * sizes[1]
    covered[edge] = (y * y + x * x < k0 * k0).mean((1, 2))
    return covered


def _interpolation_taps(extent: float = 0.32) -> np.ndarray:
    """(FINE, TAPS) float32 weights, best for waves within ± `extent` of the box's length."""
    u = np.linspace(-extent, extent, 101)[:, None]
    at = np.arange(kernels.TAPS) - kernels.TAPS // 2 + 1
    taps = []
    for t in np.arange(kernels.FINE) / kernels.FINE:
        waves = np.exp(2j * pi * u * (at - t))
        matrix = np.concatenate([waves.real, waves.imag])
        wanted = np.concatenate([np.ones(u.size), np.zeros(u.size)])
        taps.append(np.linalg.lstsq(matrix, wanted, rcond=None)[0])
    return np.array(taps, np.float32)
