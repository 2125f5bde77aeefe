"""Exit waves of many scan positions, and electrons drawn from their diffraction patterns.

A position's random numbers come from a counter, hashed from the seed and the position alone:
neither threads nor chunks change a simulated scan. The kernels use one thread each, for
several chunks to be worked on side by side without waiting for one another.
"""

from math import exp, floor
from typing import Any, NamedTuple

import numpy as np
from numba import njit

FINE = 4
"""Fine cells along one sampling step of the diffraction pattern; a power of two."""
TAPS = 6
"""Samples that interpolation between them looks at."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31 = np.uint64(27), np.uint64(30), np.uint64(31)
_MANTISSA, _UNIT = np.uint64(11), 2.0**-53


class Disc(NamedTuple):
    """The bright-field disc in fine cells.

    Attributes
    ----------
    taps : (FINE, TAPS) float32
        Interpolation weights.
    apertures : (2, 2, 2, 2 Hy + 1, 2 Hx + 1) float32
        Real and imaginary part (third axis) of exp(-i chi) at the fine cells around the disc,
        for the probe moved by odd halves (first two axes).
    inside, outside : (2 Hy + 1, 2 Hx + 1) float32
        Parts of each cell's area within and beyond the aperture.
    """

    taps: Any
    apertures: Any
    inside: Any
    outside: Any


class Detector(NamedTuple):
    """Where on a detector electrons land.

    Attributes
    ----------
    scale : float
        Expected electrons to a unit of intensity.
    cell : (3,) float64
        Frequency [1/Å] of a fine cell along (y, x), and k0 [1/Å].
    affine : (2, 3) float64
        Detector (y, x) of a fine cell (fy, fx): affine[:, :2] @ f + affine[:, 2].
    shape : (2,) int64
        Detector pixels.
    """

    scale: float
    cell: Any
    affine: Any
    shape: Any


class Room(NamedTuple):
    """What a thread interpolates patterns in.

    Attributes
    ----------
    tiled : (TAPS, X) float32
        Weights, repeated along a row.
    samples : (2, X) float32
        One row of samples, each FINE times.
    lines : (2, Y, 2 Hx + 1) float32
        Rows that are interpolated along x.
    fine : (2 Hy + 1, 2 Hx + 1) float32
        Intensities of fine cells.
    """

    tiled: Any
    samples: Any
    lines: Any
    fine: Any


@njit(cache=True)
def mix(z):
    """Splitmix64's bijection of 64 bits (Steele, Lea & Flood, OOPSLA 2014)."""
    z = (z ^ (z >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    return z ^ (z >> _S31)


@njit(cache=True)
def stream(seed, position):
    """State of the random numbers of one position."""
    return mix(mix(np.uint64(seed) + _GOLDEN) + np.uint64(position) * _GOLDEN)


@njit(cache=True)
def uniform(state):
    """Number in [0, 1) from a counter's state."""
    return (mix(state) >> _MANTISSA) * _UNIT


@njit(cache=True)
def jitter(seed, position):
    """Fine cells (y, x) by which a position's sampling lattice is moved."""
    bits = mix(stream(seed, position))
    return np.int64(bits & np.uint64(FINE - 1)), np.int64((bits >> _S30) & np.uint64(FINE - 1))


@njit(cache=True, nogil=True, fastmath=True)
def exit_waves(transmission, mean, halves, probes, seed, first, out):
    """Fill `out` (P, Ny, Nx) with a(r - R) [T(r) - T0(R)], positions from `first` on.

    `halves` (2, P) are the corners (y, x) of the boxes in half grid steps. `probes`
    (2, 2, FINE, FINE, Ny, Nx) holds the probe, moved by the odd halves, times the ramp that
    moves the Fourier transform's samples by so many fine cells.
    """
    for p in range(out.shape[0]):
        jy, jx = jitter(seed, first + p)
        top, left = halves[0, p] // 2, halves[1, p] // 2
        probe = probes[halves[0, p] % 2, halves[1, p] % 2, jy, jx]
        base = mean[p]
        for y in range(out.shape[1]):
            for x in range(out.shape[2]):
                out[p, y, x] = (transmission[top + y, left + x] - base) * probe[y, x]


@njit(cache=True, fastmath=True)
def _fine_intensities(wave, base, jy, jx, disc, aperture, room, sums):
    """Fill `room.fine` with the intensity of the cells around the disc, `sums` with its rows'."""
    taps, inside, outside = disc.taps, disc.inside, disc.outside
    tiled, samples, lines, cells = room.tiled, room.samples, room.lines, room.fine
    ny, nx = wave.shape
    half_y, half_x = cells.shape[0] // 2, cells.shape[1] // 2
    before = TAPS // 2 - 1
    top, left = (-half_y - jy) // FINE - before, (-half_x - jx) // FINE - before
    offset = (-half_x - jx) % FINE
    # Along x, for the sampled rows that interpolation along y will look at.
    for line in range(lines.shape[1]):
        row = (top + line) % ny
        # Each sample stands FINE times in a row: no index is left to compute in the inner loop.
        for i in range(samples.shape[1] // FINE):
            column = left + i
            value = wave[row, column if column >= 0 else column + nx]
            # The sign puts the origin of the exit wave into the middle of its box.
            sign = np.float32(1 - 2 * ((top + line + column) & 1))
            for j in range(i * FINE, i * FINE + FINE):
                samples[0, j] = sign * value.real
                samples[1, j] = sign * value.imag
        for x in range(cells.shape[1]):
            real, imag = np.float32(0), np.float32(0)
            for tap in range(TAPS):
                real += tiled[tap, offset + x] * samples[0, offset + x + tap * FINE]
                imag += tiled[tap, offset + x] * samples[1, offset + x + tap * FINE]
            lines[0, line, x] = real
            lines[1, line, x] = imag
    base_real, base_imag = base.real, base.imag
    for row in range(cells.shape[0]):
        step = row - half_y - jy
        at, phase = step // FINE - before - top, step % FINE
        w0, w1, w2 = taps[phase, 0], taps[phase, 1], taps[phase, 2]
        w3, w4, w5 = taps[phase, 3], taps[phase, 4], taps[phase, 5]
        total = np.float32(0)
        # The taps are written out for the compiler to vectorise the loop over columns.
        for x in range(cells.shape[1]):
            real = (
                (w0 * lines[0, at, x] + w1 * lines[0, at + 1, x])
                + (w2 * lines[0, at + 2, x] + w3 * lines[0, at + 3, x])
                + (w4 * lines[0, at + 4, x] + w5 * lines[0, at + 5, x])
            )
            imag = (
                (w0 * lines[1, at, x] + w1 * lines[1, at + 1, x])
                + (w2 * lines[1, at + 2, x] + w3 * lines[1, at + 3, x])
                + (w4 * lines[1, at + 4, x] + w5 * lines[1, at + 5, x])
            )
            scattered = real * real + imag * imag
            real += base_real * aperture[0, row, x] - base_imag * aperture[1, row, x]
            imag += base_real * aperture[1, row, x] + base_imag * aperture[0, row, x]
            direct = real * real + imag * imag
            intensity = outside[row, x] * scattered + inside[row, x] * direct
            cells[row, x] = intensity
            total += intensity
        sums[row] = total


@njit(cache=True, fastmath=True)
def _inside_share(lines, row, column, jy, half_y, taps, intensity, outside):
    """Part of a cell's `intensity` that lies within the aperture."""
    step = row - half_y - jy
    at = step // FINE - (-half_y - jy) // FINE
    real, imag = np.float32(0), np.float32(0)
    for tap in range(TAPS):
        real += taps[step % FINE, tap] * lines[0, at + tap, column]
        imag += taps[step % FINE, tap] * lines[1, at + tap, column]
    return 1 - outside * (real * real + imag * imag) / intensity


@njit(cache=True, fastmath=True)
def _coarse_intensities(wave, jy, jx, half_y, half_x, cells, sums):
    """Fill `cells` with the intensity at the samples, zero where fine cells stand for it."""
    ny, nx = wave.shape
    weight = np.float32(FINE * FINE)
    for row in range(ny):
        line, intensities = wave[row], cells[row]
        for column in range(nx):
            value = line[column]
            intensities[column] = weight * (value.real * value.real + value.imag * value.imag)
        my = row if row < ny // 2 else row - ny
        if abs(my * FINE + jy) <= half_y:
            reach = half_x // FINE + 2
            for mx in range(-reach, reach + 1):
                if abs(mx * FINE + jx) <= half_x:
                    cells[row, mx % nx] = 0
        total = np.float32(0)
        for column in range(nx):
            total += intensities[column]
        sums[row] = total


@njit(cache=True)
def poisson(mean, state):
    """Poisson number by multiplying uniform ones, 16 expected at a time; and the new state."""
    count = 0
    while mean > 0:
        limit = exp(-min(mean, 16.0))
        mean -= 16.0
        state += _GOLDEN
        product = uniform(state)
        while product > limit:
            count += 1
            state += _GOLDEN
            product *= uniform(state)
    return count, state


@njit(cache=True)
def _pick(row, target):
    """Index of the cell in which the running sum of `row` passes `target`."""
    total, last = 0.0, 0
    for column in range(row.size):
        if row[column] > 0:
            total += row[column]
            last = column
            if total > target:
                break
    return last


@njit(cache=True)
def _coordinate(index, size, shift):
    """Frequency of a sample in FFT order [fine cells]."""
    return float((index if index < size // 2 else index - size) * FINE + shift)


@njit(cache=True)
def _within(fy, fx, edge, cell, state):
    """Place (dy, dx) in the fine cell (fy, fx), on its side of the aperture; the new state.

    `edge` is 1 or -1 where it must come to lie within, beyond the aperture; else 0.
    """
    dy, dx = 0.0, 0.0
    for _attempt in range(1000):
        state += _GOLDEN
        dy = uniform(state) - 0.5
        state += _GOLDEN
        dx = uniform(state) - 0.5
        if edge == 0:
            break
        ky, kx = (fy + dy) * cell[0], (fx + dx) * cell[1]
        if (ky * ky + kx * kx < cell[2] * cell[2]) == (edge > 0):
            break
    return dy, dx, state


@njit(cache=True, nogil=True)
def draw_electrons(waves, mean, halves, seed, first, disc, detector, out, counts):
    """Draw the electrons of each position; `counts[p]` of them are put into `out[p]`.

    Parameters
    ----------
    waves : (P, Ny, Nx) complex64
        Fourier transforms of the exit waves' scattered parts.
    mean : (P,) complex64
        T0(R), the part of the transmission that leaves the probe as it is.
    halves : (2, P) int64
        As in `exit_waves`.
    disc : Disc
    detector : Detector
    out : (P, most) uint32
    counts : (P,) int64
    """
    ny, nx = waves.shape[1:]
    # Out of the tuples once: each look into them would count a reference.
    taps, apertures, inside, outside = disc
    scale, cell, affine, shape = detector
    fine_y, fine_x = inside.shape
    half_y, half_x = fine_y // 2, fine_x // 2
    samples = np.empty((2, (fine_x // FINE + TAPS + 2) * FINE), np.float32)
    tiled = np.empty((TAPS, fine_x + FINE), np.float32)
    for x in range(tiled.shape[1]):
        tiled[:, x] = taps[x % FINE]
    lines = np.empty((2, fine_y // FINE + TAPS + 2, fine_x), np.float32)
    fine = np.empty((fine_y, fine_x), np.float32)
    coarse = np.empty((ny, nx), np.float32)
    room = Room(tiled, samples, lines, fine)
    running = np.empty(fine_y + ny)
    for p in range(waves.shape[0]):
        jy, jx = jitter(seed, first + p)
        wave, aperture = waves[p], apertures[halves[0, p] % 2, halves[1, p] % 2]
        _fine_intensities(wave, mean[p], jy, jx, disc, aperture, room, running[:fine_y])
        _coarse_intensities(wave, jy, jx, half_y, half_x, coarse, running[fine_y:])
        for row in range(1, running.size):
            running[row] += running[row - 1]
        total = running[-1]

        number, state = poisson(total * scale, stream(seed, first + p) + _GOLDEN)
        found = 0
        for _ in range(number):
            state += _GOLDEN
            target = uniform(state) * total
            row = min(np.searchsorted(running, target, side="right"), running.size - 1)
            if row > 0:
                target -= running[row - 1]
            edge = 0
            if row < fine_y:
                column = _pick(fine[row], target)
                fy, fx = float(row - half_y), float(column - half_x)
                beyond = outside[row, column]
                if beyond > 0 and inside[row, column] > 0:
                    share = _inside_share(
                        lines, row, column, jy, half_y, taps, fine[row, column], beyond
                    )
                    state += _GOLDEN
                    edge = 1 if uniform(state) < share else -1
            else:
                row -= fine_y
                column = _pick(coarse[row], target)
                fy, fx = _coordinate(row, ny, jy), _coordinate(column, nx, jx)
            dy, dx, state = _within(fy, fx, edge, cell, state)
            y = floor(affine[0, 0] * (fy + dy) + affine[0, 1] * (fx + dx) + affine[0, 2] + 0.5)
            x = floor(affine[1, 0] * (fy + dy) + affine[1, 1] * (fx + dx) + affine[1, 2] + 0.5)
            if 0 <= y < shape[0] and 0 <= x < shape[1] and found < out.shape[1]:
                out[p, found] = np.uint32(y * shape[1] + x)
                found += 1
        counts[p] = found
