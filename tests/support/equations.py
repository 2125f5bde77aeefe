"""Single-sideband ptychography in double precision, term by term from the equations.

Slow and dense on purpose: what the fast paths are held to.
"""

import numpy as np

from recon.ssb.bright_field import OFFSETS, bright_field


def chi_of(ky, kx, calibration, aberrations):
    """chi(k) [rad] as Krivanek's polar sum, in the detector's frame."""
    theta, azimuth = calibration.wavelength * np.hypot(ky, kx), np.arctan2(ky, kx)
    chi = 0.0
    for name, value in vars(aberrations).items():
        n, m = int(name[1]), int(name[2])
        shape = np.sin(m * azimuth) if name.endswith("b") else np.cos(m * azimuth)
        chi = chi + 2 * np.pi / calibration.wavelength * theta ** (n + 1) / (n + 1) * value * shape
    return chi


def aperture(ky, kx, calibration, aberrations):
    """A(k) = [|k| < k0] exp(-i chi(k)), in the detector's frame."""
    chi = chi_of(ky, kx, calibration, aberrations)
    return np.where(np.hypot(ky, kx) < calibration.k0, np.exp(-1j * chi), 0)


def detector_frequency(q_y, q_x, calibration):
    """K_det = S R(θ) K_scan as (ky, kx)."""
    angle = np.deg2rad(calibration.rotation_deg)
    x = np.cos(angle) * q_x - np.sin(angle) * q_y
    y = np.sin(angle) * q_x + np.cos(angle) * q_y
    return (x, y) if calibration.transpose else (y, x)


def terms(calibration, aberrations, ky, kx, scan_shape):
    """A*(k) A(k - K) and A(k) A*(k + K), each (Sy, Sx, ...) over the scan's frequencies."""
    q_y, q_x = (
        np.fft.fftfreq(n, s) for n, s in zip(scan_shape, calibration.scan_sampling, strict=True)
    )
    shape = (*scan_shape, *np.ones(np.ndim(ky), int))
    grid = np.meshgrid(q_y, q_x, indexing="ij")
    big_y, big_x = (f.reshape(shape) for f in detector_frequency(*grid, calibration))
    here = aperture(ky, kx, calibration, aberrations)
    right = here.conj() * aperture(ky - big_y, kx - big_x, calibration, aberrations)
    left = here * aperture(ky + big_y, kx + big_x, calibration, aberrations).conj()
    return right, left


def specimen_weights(specimen, calibration, ky, kx, scan_shape):
    """sinc and Gaussian of both terms (physics.md, section 12), shapes as in `terms`.

    k and K meet in the detector's frame; the tilt lies along the scan's axes.
    """
    q_y, q_x = (
        np.fft.fftfreq(n, s) for n, s in zip(scan_shape, calibration.scan_sampling, strict=True)
    )
    shape = (*scan_shape, *np.ones(np.ndim(ky), int))
    grid = [f.reshape(shape) for f in np.meshgrid(q_y, q_x, indexing="ij")]
    big_y, big_x = detector_frequency(*grid, calibration)
    lean = 1e-3 * (grid[0] * specimen.tilt[0] + grid[1] * specimen.tilt[1])
    weights = []
    for sign in (1, -1):
        passed = (ky - sign * big_y) ** 2 + (kx - sign * big_x) ** 2
        v = calibration.wavelength * (ky**2 + kx**2 - passed) / 2
        x = np.pi * specimen.thickness * (v - sign * lean)
        sinc = np.where(x == 0, 1, np.sin(x) / np.where(x == 0, 1, x))
        weights.append(sinc * np.exp(-((np.pi * specimen.focal_spread * v) ** 2)))
    return weights


def transform(counts):
    """(K, Sy, Sx) complex128 G of (K, Sy, Sx) counts."""
    return np.fft.fft2(counts)


def averaged_phase(
    counts, disc, calibration, aberrations, full=False, least=0.2, specimen=None, at_centres=False
):
    """Least-squares phase with gamma averaged over 4 × 4 sub-points of each pixel.

    The weights of a specimen are those of the sub-points, or of the pixels' centres.

    Pixels of one q take part if the two terms cover different sub-points, or the pixel's centre
    lies in a sideband; all that either term covers if `full`.
    """
    shape = counts.shape[1:]
    g = transform(counts)
    ky, kx = disc.k
    sub_y, sub_x = (o.ravel() * disc.width for o in np.meshgrid(OFFSETS, OFFSETS, indexing="ij"))
    numerator, power = np.zeros(shape, complex), np.zeros(shape)
    for n in range(disc.size):
        right, left = terms(calibration, aberrations, ky[n] + sub_y, kx[n] + sub_x, shape)
        if specimen is not None:
            at = (ky[n, None], kx[n, None]) if at_centres else (ky[n] + sub_y, kx[n] + sub_x)
            plus, minus = specimen_weights(specimen, calibration, *at, shape)
            gamma = (right * plus - left * minus).mean(-1)
        else:
            gamma = (right - left).mean(-1)
        centre = terms(calibration, aberrations, ky[n], kx[n], shape)
        hard = (centre[0] != 0) != (centre[1] != 0)
        kept = ((right != 0) != (left != 0)).any(-1) | hard
        if full:
            kept = ((right != 0) | (left != 0)).any(-1)
        kept[0, 0] = False
        numerator += np.where(kept, gamma.conj() * g[n], 0)
        power += np.where(kept, abs(gamma) ** 2, 0)
    mean = counts.mean((1, 2)).sum() / disc.coverage.sum()
    spectrum = np.where(power > least, -1j * numerator / (mean * np.maximum(power, least)), 0)
    return np.fft.ifft2(spectrum).real


def hard_sums(counts, disc, calibration, aberrations, full=False, specimen=None):
    """-i Σ gamma* G, Σ |gamma|² P and Σ |gamma|², with gamma at the pixels' centres."""
    shape = counts.shape[1:]
    g = transform(counts)
    mean = counts.mean((1, 2))
    numerator, power, pixels = np.zeros(shape, complex), np.zeros(shape), np.zeros(shape)
    for n in range(disc.size):
        right, left = terms(calibration, aberrations, *disc.k[:, n], shape)
        kept = (right != 0) | (left != 0) if full else (right != 0) != (left != 0)
        if specimen is not None:
            plus, minus = specimen_weights(specimen, calibration, *disc.k[:, n], shape)
            right, left = right * plus, left * minus
        gamma = right - left
        kept[0, 0] = False
        numerator += np.where(kept, gamma.conj() * g[n], 0)
        power += np.where(kept, abs(gamma) ** 2 * mean[n], 0)
        pixels += np.where(kept, abs(gamma) ** 2, 0)
    return -1j * numerator, power, pixels


def hard_phase(counts, disc, calibration, aberrations, full=False, specimen=None):
    """Least-squares phase with gamma at the pixels' centres: -i Σ gamma* G / Σ |gamma|² P."""
    numerator, power, pixels = hard_sums(counts, disc, calibration, aberrations, full, specimen)
    enough = (pixels > 0.2) & (power > 0)
    spectrum = np.where(enough, numerator / np.where(enough, power, 1), 0)
    return np.fft.ifft2(spectrum).real


def tilt_corrected(counts, disc, calibration, aberrations, upsample=1, flip=False):
    """1 + Σ G(k, q) exp(-i q·∇chi(k)) / (N Σ P) on the finer lattice, as an image.

    Of each pixel's transform the scan's own copies continue it to the finer lattice; its mean, what
    lies beyond 2 k0, and the highest frequency of an even number of pixels are left out.
    """
    shape = tuple(n * upsample for n in counts.shape[1:])
    q_y, q_x = (
        np.fft.fftfreq(n, s / upsample)
        for n, s in zip(shape, calibration.scan_sampling, strict=True)
    )
    grid = np.meshgrid(q_y, q_x, indexing="ij")
    big_y, big_x = detector_frequency(*grid, calibration)
    total = np.zeros(shape, complex)
    step = 1e-4 * calibration.k0
    for (ky, kx), plane in zip(disc.k.T, counts, strict=True):
        slope_y, slope_x = (
            (chi_of(ky + y, kx + x, *of) - chi_of(ky - y, kx - x, *of)) / (2 * step)
            for of in [(calibration, aberrations)]
            for y, x in ((step, 0), (0, step))
        )
        g = np.tile(np.fft.fft2(plane - plane.mean()), (upsample, upsample))
        total += g * np.exp(-1j * (big_y * slope_y + big_x * slope_x))
    total[np.hypot(*grid) >= 2 * calibration.k0] = 0
    for axis, size in enumerate(shape):
        if size % 2 == 0:
            np.moveaxis(total, axis, 0)[size // 2] = 0
    if flip:
        even = chi_of(big_y, big_x, calibration, aberrations)
        even = (even + chi_of(-big_y, -big_x, calibration, aberrations)) / 2
        total[np.sin(even) < 0] *= -1
    # The finer transform has more places to share the same sum.
    return 1 + np.fft.ifft2(total).real * upsample**2 / counts.mean((1, 2)).sum()


def plain_sum(counts, disc, calibration, aberrations, total, side):
    """The paper's Eq. 3: Ψ = Σ_M gamma* G over one side, all counts at DC; complex image."""
    shape = counts.shape[1:]
    g = transform(counts)
    spectrum = np.zeros(shape, complex)
    for n in range(disc.size):
        right, left = terms(calibration, aberrations, *disc.k[:, n], shape)
        kept = (right != 0) & (left == 0), (right == 0) & (left != 0)
        if side == "full":
            kept = ((right != 0) | (left != 0),)
        elif side != "both":
            kept = (kept[0 if side == "right" else 1],)
        for mask in kept:
            spectrum += np.where(mask, (right - left).conj() * g[n], 0)
    spectrum[0, 0] = total
    return np.fft.ifft2(spectrum)


def planes(intensities, calibration, pixels_across):
    """(K, Sy, Sx) binned counts of dense (Sy, Sx, Ky, Kx) intensities, and the BrightField."""
    disc = bright_field(calibration, intensities.shape[2:], pixels_across)
    flat = intensities.reshape(*intensities.shape[:2], -1)
    counts = [flat[..., disc.lookup == n].sum(-1) for n in range(disc.size)]
    return np.stack(counts), disc
