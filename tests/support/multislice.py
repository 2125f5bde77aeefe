"""Multislice of a weak object spread over a thickness, in double precision: what theory is held to.

All on one periodic box, scan and detector on its own frequencies: nothing is interpolated.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Box:
    """A periodic box of `size` × `size` pixels; the aperture's radius is `radius` frequencies."""

    wavelength: float
    semiangle: float
    size: int = 32
    radius: float = 4.2

    @property
    def k0(self):
        return self.semiangle / self.wavelength

    @property
    def length(self):
        """Side of the box [Å]."""
        return self.radius / self.k0

    @property
    def frequencies(self):
        """(2, size, size) frequencies (y, x) [1/Å]."""
        axis = np.fft.fftfreq(self.size, self.length / self.size)
        return np.stack(np.meshgrid(axis, axis, indexing="ij"))

    def object(self, seed=3):
        """A real object whose frequencies fill the scan's, (size, size), of unit size."""
        y, x = self.frequencies
        spectrum = np.fft.fft2(np.random.default_rng(seed).normal(size=(self.size, self.size)))
        spectrum[(np.hypot(y, x) == 0) | (np.hypot(y, x) >= 1.9 * self.k0)] = 0
        return np.fft.ifft2(spectrum).real

    def probe(self, aberrations):
        """A(k) on the box's frequencies."""
        y, x = self.frequencies
        chi = aberrations.chi(y, x, self.wavelength)
        return np.where(np.hypot(y, x) < self.k0, np.exp(-1j * chi), 0)


def first_order(box, phase, probe, thickness=0.0, tilt=(0.0, 0.0), slices=16):
    """Change of the intensities (Ry, Rx, ky, kx) for each unit of `phase`, to first order.

    Half the difference of two multislices, of the object and of its negative. The slices divide
    the thickness evenly, are displaced by `tilt` [rad] times their height above the middle plane,
    and `probe` is what it would be in that plane.
    """
    y, x = box.frequencies
    depths = ((np.arange(slices) + 0.5) / slices - 0.5) * thickness
    spectrum = np.fft.fft2(phase) / slices
    square = np.pi * box.wavelength * (y**2 + x**2)
    every = 2 * box.length / box.size
    positions = np.arange(box.size // 2) * every
    found = []
    small = 1e-4
    for sign in (small, -small):
        waves = []
        for depth in depths:
            shift = np.exp(-2j * np.pi * depth * (y * tilt[0] + x * tilt[1]))
            waves.append(np.exp(1j * sign * np.fft.ifft2(spectrum * shift).real))
        intensities = []
        for row in positions:
            ramp = np.exp(-2j * np.pi * (y * row + x * positions[:, None, None]))
            psi = probe * ramp * np.exp(-1j * square * depths[0])
            for number, wave in enumerate(waves):
                psi = np.fft.fft2(np.fft.ifft2(psi) * wave)
                if number + 1 < slices:
                    psi = psi * np.exp(-1j * square * (depths[number + 1] - depths[number]))
            intensities.append(abs(psi) ** 2)
        found.append(np.array(intensities))
    return (found[0] - found[1]) / (2 * small)


def g_of(box, change):
    """G(k, K) as (ky, kx, Ky, Kx) of a change of intensities, per position."""
    moved = change.transpose(2, 3, 0, 1)
    return np.fft.fft2(moved) / np.prod(moved.shape[2:])


def weak_g(box, phase, probe, weights):
    """i Φ(K) [A*(k) A(k - K) s(+) - A(k) A*(k + K) s(-)], (ky, kx, Ky, Kx), of given weights.

    `weights(k, q)` gives s(+) and s(-) for pairs of arrays that broadcast.
    """
    scan = box.size // 2
    index = np.fft.fftfreq(scan, 1 / scan).astype(int)
    rows, columns = np.meshgrid(index, index, indexing="ij")
    whole = np.fft.fftfreq(box.size, 1 / box.size).astype(int)
    k_row, k_column = (a[..., None, None] for a in np.meshgrid(whole, whole, indexing="ij"))
    inside = (abs(k_row) < scan) & (abs(k_column) < scan)

    def at(row, column):
        return probe[row % box.size, column % box.size]

    here = at(k_row, k_column)
    first = here.conj() * at(k_row - rows, k_column - columns)
    second = here * at(k_row + rows, k_column + columns).conj()
    # Beyond the box's own frequencies the periodic indices would find the disc again.
    s, t = weights(
        (k_row / box.length, k_column / box.length), (rows / box.length, columns / box.length)
    )
    spectrum = (np.fft.fft2(phase) / phase.size)[rows, columns]
    return np.where(inside, 1j * spectrum * (first * s - second * t), 0)
