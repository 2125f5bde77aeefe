"""What the object's frequencies look like on the detector: spectrum, and G tiles."""

import numpy as np
from scipy.ndimage import maximum_filter

from recon.device.backend import guarded, on_host
from recon.kernels.cpu import sideband_geometry as geometry
from recon.optics import Aberrations
from recon.ssb.sidebands import Sidebands

NEAREST, FARTHEST = 0.2, 1.8
"""Frequencies outside this range, in units of k0, are not picked: their sidebands are slivers."""

COARSE = 0.15
"""A scan too coarse to reach far beyond `NEAREST` begins at this share of what it reaches."""

CLOSER = 0.25
"""With the triple overlap no tile is a sliver: frequencies down to this share of that are picked,
and at a large defocus they hold most of what there is."""

APART = 0.04
"""Picked frequencies lie at least this share of k0 apart: one peak gives one tile."""


@guarded
def power_spectrum(g: Sidebands) -> np.ndarray:
    """Power of the object's frequencies, whatever the aberrations.

    Returns
    -------
    (Sy, Sx) float32 array
        Σ |G|² over the sidebands in units of its expectation for independent electrons and no
        object, so that noise lies about 1; DC in the middle, 0 where there is no sideband.
        The scan's half plane is completed by Friedel's symmetry.
    """
    half = g.by_rows(_relative_power)
    rows, columns = g.scan_shape
    full = np.empty(g.scan_shape, np.float32)
    full[:, : half.shape[1]] = half
    mirror = half[-np.arange(rows) % rows, 1 : columns - half.shape[1] + 1][:, ::-1]
    full[:, half.shape[1] :] = mirror
    return np.fft.fftshift(full)


def _relative_power(g):
    """(rows, Qx) float32 power of the half plane, on the host."""
    xp = g.device.xp
    both = xp.empty((2, *g.q_shape), np.float32)
    pacbed = xp.asarray(g.pacbed.astype(np.float32))
    g.device.kernels.entry_power(g.re, g.im, g.first, g.runs, pacbed, both[0], both[1])
    power, noise = on_host(both)
    expected = noise * np.float32(g.scanned * g.scan_shape[0] * g.scan_shape[1] * g.scale**2)
    return np.divide(power, expected, out=np.zeros_like(power), where=noise > 0)


@guarded
def strongest_frequencies(g: Sidebands, count: int = 9) -> np.ndarray:
    """The object's strongest frequencies, for looking at the aberrations.

    Parameters
    ----------
    g : Sidebands
    count : int
        How many, 1 to 25.

    Returns
    -------
    (n, 2) int64 array
        Row and column offset from DC of each, strongest first, n <= `count`; one of ±q, column
        >= 0. DC, its rows and columns and those beside them are left out, since scan noise and
        flyback live there.

    Raises
    ------
    ValueError
        If `count` is outside 1..25.
    """
    if not 1 <= count <= 25:
        raise ValueError(f"Between 1 and 25 tiles can be shown, not {count}.")
    spectrum = power_spectrum(g)
    rows, columns = (np.arange(size) - size // 2 for size in g.scan_shape)
    sampling = [1 / (n * s) for n, s in zip(g.scan_shape, g.calibration.scan_sampling, strict=True)]
    k0 = g.calibration.k0
    radius = np.hypot(rows[:, None] * sampling[0], columns * sampling[1])
    reach = min(size // 2 * s for size, s in zip(g.scan_shape, sampling, strict=True))
    nearest = min(NEAREST * k0, COARSE * reach) * (CLOSER if g.full else 1)
    size = [max(3, 2 * round(APART * k0 / s) + 1) for s in sampling]
    peaks = spectrum == maximum_filter(spectrum, size, mode="wrap")
    allowed = (abs(rows)[:, None] > 1) & (columns > 1) & (spectrum > 0)
    allowed &= (radius > nearest) & (radius < FARTHEST * k0)
    found = np.flatnonzero(peaks & allowed)
    best = found[np.argsort(-spectrum.ravel()[found], kind="stable")][:count]
    y, x = np.unravel_index(best, g.scan_shape)
    return np.stack([rows[y], columns[x]], axis=1)


@guarded
def gfunction_tiles(g: Sidebands, aberrations: Aberrations, frequencies) -> np.ndarray:
    """conj(γ) G at some object frequencies: of one flat phase iff the aberrations are right.

    And the specimen, whose weights are real: they turn no phase, but where they are negative.

    Parameters
    ----------
    g : Sidebands
    aberrations : Aberrations
        That are taken out, in the detector's frame.
    frequencies : (n, 2) int array
        Row and column offsets from DC; a negative column stands for its Friedel mate.

    Returns
    -------
    (n, By, Bx) complex64 array
        On the binned detector grid, 0 outside the two sidebands and, where G holds it, the triple
        overlap.

    Raises
    ------
    ValueError
        If a frequency lies outside the scan's transform.
    DeviceError
        If the device of `g` fails or its memory is full.
    """
    rows, columns = g.scan_shape
    wanted = np.asarray(frequencies).reshape(-1, 2).astype(int)
    outside = (abs(wanted[:, 0]) > rows // 2) | (abs(wanted[:, 1]) > columns // 2)
    if outside.any():
        row, column = wanted[outside][0]
        raise ValueError(
            f"Frequency ({row}, {column}) lies outside the transform of a scan of "
            f"{rows} × {columns} positions."
        )
    wanted[wanted[:, 1] < 0] *= -1
    scan = aberrations.in_scan_frame(g.calibration.rotation_deg, g.calibration.transpose)
    powers = scan.polynomial(g.calibration.wavelength)

    def chi(y, x):
        return np.polynomial.polynomial.polyval2d(x, y, powers)

    ky, kx = g.k
    at_pixel = chi(ky, kx)
    weigh = None if g.specimen.thin else g.specimen.weights
    inside = g.bright_field.planes >= 0
    tiles = np.zeros((len(wanted), *g.bright_field.shape), np.complex64)
    found = entries_at(g, [(row % rows, column) for row, column in wanted.tolist()])
    for tile, (row, column), values, sides in zip(tiles, wanted, *found, strict=True):
        q_y, q_x = g.q_y[row % rows], g.q_x[column]
        right, left = sides == geometry.RIGHT, sides == geometry.LEFT
        triple = (sides == geometry.TRIPLE) & g.full
        first = np.where(right | triple, np.exp(1j * (at_pixel - chi(ky - q_y, kx - q_x))), 0)
        second = np.where(left | triple, np.exp(1j * (chi(ky + q_y, kx + q_x) - at_pixel)), 0)
        if weigh:
            plus, minus = weigh((ky, kx), (q_y, q_x), g.calibration.wavelength)
            first, second = first * plus, second * minus
        gamma = first - second
        kept = np.where(right | left | triple, values * gamma.conj(), 0)
        tile[inside] = kept[g.bright_field.planes[inside]]
    return tiles


@guarded
def entries_at(g: Sidebands, places):
    """G(k, q) at some frequencies q, and in which sideband each pixel's centre lies.

    Parameters
    ----------
    places : sequence of (row, column)
        In the half plane, in FFT order.

    Returns
    -------
    values : (n, K) complex64 array
        0 where the pixel's centre lies in no sideband.
    sides : (n, K) uint8 array
        RIGHT, LEFT or TRIPLE of `kernels.sideband_geometry`, 0 elsewhere.

    Both are on the host, and come from a device together: a transfer takes longer than the
    entries of one frequency.
    """
    return g.gathered(_entries, places)


def _entries(g, places):
    """`entries_at` of what lies on one device; of a slab, rows are counted from its first."""
    count, planes = len(places), g.k.shape[1]
    size = count * planes
    buffer = g.device.xp.zeros(9 * size, np.uint8)
    values = buffer[: 8 * size].view(np.complex64).reshape(count, planes)
    sides = buffer[8 * size :].reshape(count, planes)
    for n, (row, column) in enumerate(places):
        g.device.kernels.gather(
            g.re, g.im, g.first, g.hard, g.hard_at, row, column, values[n], sides[n]
        )
    buffer = on_host(buffer)
    values = buffer[: 8 * size].view(np.complex64).reshape(count, planes)
    return values / np.float32(g.scale), buffer[8 * size :].reshape(count, planes)
