"""Simulated scans: exact expected intensities of small objects, and electron events.

Signs as everywhere in `recon`: a(r) = ∫ A(k) exp(2πi k·r) dk with A = exp(-i chi) inside the
aperture, Ψ(k; R) = ∫ a(r - R) T(r) exp(-2πi k·r) dr, and K_det = S R(θ) K_scan.
"""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from math import pi, sqrt
from queue import SimpleQueue

import numpy as np
import scipy.fft

from recon.calibration import Calibration
from recon.kernels import threads
from recon.kernels.host import simulate as kernels
from recon.optics import Aberrations
from recon.scan.events import ElectronEvents, Source
from recon.scan.growing import Growing
from recon.simulate.probe import Probe

POINTS = 1 << 15
"""Points of waves that are transformed at once, which costs less than one wave after another."""
CHUNK = 64
"""Scan positions a thread works on at once: 5 MB of exit waves in a box of 96 × 96."""


def expected_intensities(
    phase,
    calibration: Calibration,
    aberrations: Aberrations | None = None,
    *,
    frame_shape: tuple[int, int],
    oversampling: int = 1,
    subpixels: int = 4,
    weak: bool = False,
    progress=None,
) -> np.ndarray:
    """Probability that an electron lands in a pixel, for each position of a noiseless scan.

    Exact for a periodic phase object in projection: there is no box around the probe to cut it.

    Parameters
    ----------
    phase : (Sy * oversampling, Sx * oversampling) array
        Phase of the object [rad] on a grid `oversampling` times finer than the scan; it is
        periodic, and its first value lies at the first scan position.
    calibration : Calibration
        Beam, scan and detector.
    aberrations : Aberrations
        Of the probe, in the detector's frame; none by default.
    frame_shape : (Ky, Kx)
        Detector pixels.
    oversampling : int
        Object grid points to one scan step, along each axis.
    subpixels : int
        The intensity is averaged over `subpixels` ² points of each pixel's area; 1 takes the
        pixel's centre alone.
    weak : bool
        Take the transmission 1 + iφ in place of exp(iφ).
    progress : callable
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    (Sy, Sx, Ky, Kx) float64 array
        Fractions of the electrons of a position; they sum to one over a detector large enough
        (up to the sampling of the disc's edge, and the small gain of the weak form).

    Raises
    ------
    ValueError
        If the grid is not a whole multiple of the scan, or a count is below one.

    Notes
    -----
    Ψ(k; R) = Σ_K T(K) A(k - K) exp(2πi K·R) up to a phase, one inverse FFT for each sub-point k.
    """
    phase = np.asarray(phase, float)
    if oversampling < 1 or subpixels < 1 or min(frame_shape) < 1:
        raise ValueError("Oversampling, sub-pixels and detector pixels must be at least one.")
    if phase.ndim != 2 or phase.shape[0] % oversampling or phase.shape[1] % oversampling:
        raise ValueError(
            f"An object of shape {phase.shape} is no multiple of {oversampling} times the scan."
        )
    aberrations = aberrations or Aberrations()
    transmission = 1 + 1j * phase if weak else np.exp(1j * phase)
    spectrum = scipy.fft.fft2(transmission) / phase.size

    # Object frequencies seen from the detector, where the aberrations are given.
    steps = [step / oversampling for step in calibration.scan_sampling]
    scan_k = np.stack(np.meshgrid(*map(np.fft.fftfreq, phase.shape, steps), indexing="ij"), axis=0)
    object_ky, object_kx = np.einsum("ji,jyx->iyx", calibration.detector_to_scan, scan_k)

    height, width = phase.shape[0] // oversampling, phase.shape[1] // oversampling
    result = np.zeros((height, width, *frame_shape))
    powers = _trimmed(aberrations.polynomial(calibration.wavelength))
    dk, k0 = calibration.reciprocal_sampling, calibration.k0
    inner = (np.arange(subpixels) + 0.5) / subpixels - 0.5
    columns = np.repeat(np.arange(frame_shape[1]), subpixels)
    offsets = columns + np.tile(inner, frame_shape[1])
    at_once = max(1, POINTS // phase.size)
    for row in range(frame_shape[0]):
        for dy in inner:
            ky = (row + dy - calibration.centre[0]) * dk - object_ky
            for first in range(0, offsets.size, at_once):
                part = slice(first, first + at_once)
                kx = (offsets[part, None, None] - calibration.centre[1]) * dk - object_kx
                inside = kx * kx + ky * ky < k0 * k0
                lit = inside.any(axis=(1, 2))
                if not lit.any():
                    continue
                kx, inside = kx[lit], inside[lit]
                wave = np.zeros(inside.shape, complex)
                amplitude, there = (
                    np.broadcast_to(a, inside.shape)[inside] for a in (spectrum, ky)
                )
                chi = np.polynomial.polynomial.polyval2d(kx[inside], there, powers)
                wave[inside] = amplitude * np.exp(-1j * chi)
                wave = scipy.fft.ifft2(wave, norm="forward", overwrite_x=True)
                wave = wave[:, ::oversampling, ::oversampling]
                for column, seen in zip(columns[part][lit], wave, strict=True):
                    result[:, :, row, column] += seen.real**2 + seen.imag**2
        if progress:
            progress((row + 1) / frame_shape[0])
    result *= dk**2 / (pi * k0**2) / subpixels**2
    return result


def _trimmed(powers):
    """Powers without the highest that have no part in it."""
    y, x = (np.flatnonzero(powers.any(axis=axis)) for axis in (1, 0))
    return powers[: y.max(initial=0) + 1, : x.max(initial=0) + 1]


def sample_events(
    intensities, electrons_per_position: float, seed: int = 0, metadata: dict | None = None
) -> ElectronEvents:
    """Electrons drawn from expected intensities, Poisson in every pixel.

    Parameters
    ----------
    intensities : (Sy, Sx, Ky, Kx) array
        Fraction of a position's electrons in each pixel, from `expected_intensities`.
    electrons_per_position : float
        Mean number of electrons that hit the object at each position.
    seed : int
        The same seed gives the same electrons.
    metadata : dict
        Kept in the events.

    Raises
    ------
    ValueError
        If intensities or electrons are negative, or the intensities are not four-dimensional.
    """
    intensities = np.asarray(intensities)
    if intensities.ndim != 4:
        raise ValueError(f"Intensities need (Sy, Sx, Ky, Kx), not {intensities.ndim} dimensions.")
    if not electrons_per_position >= 0:
        raise ValueError(f"Electrons per position must not be negative: {electrons_per_position}.")
    scan_shape, frame_shape = intensities.shape[:2], intensities.shape[2:]
    counts = np.random.default_rng(seed).poisson(electrons_per_position * intensities)
    counts = counts.reshape(scan_shape[0] * scan_shape[1], -1)
    position, index = np.nonzero(counts)
    pixels = np.repeat(index.astype(np.uint32), counts[position, index])
    offsets = np.concatenate([[0], np.cumsum(counts.sum(1))]).astype(np.int64)
    return ElectronEvents(
        pixels, offsets, scan_shape, frame_shape, metadata or {}, Source("simulation", "simulation")
    )


def truth(calibration: Calibration, aberrations: Aberrations | None = None, **more) -> dict:
    """Metadata of a simulated scan, under `Calibration`'s names and in its units."""
    values = {
        "energy": calibration.energy,
        "semiangle_cutoff": calibration.semiangle_cutoff,
        "scan_sampling": tuple(calibration.scan_sampling),
        "rotation_deg": calibration.rotation_deg,
        "transpose": calibration.transpose,
        "centre": tuple(calibration.centre),
        "radius": calibration.radius,
        "aberrations": {k: float(v) for k, v in vars(aberrations or Aberrations()).items() if v},
    }
    return values | more


def simulate_events(
    phase,
    calibration: Calibration,
    aberrations: Aberrations | None = None,
    *,
    dose: float,
    frame_shape: tuple[int, int],
    scan_shape: tuple[int, int] | None = None,
    oversampling: float = 1,
    seed: int = 0,
    metadata: dict | None = None,
    progress=None,
) -> ElectronEvents:
    """Electrons of a scan over a phase object, each at its own place in the diffraction pattern.

    Parameters
    ----------
    phase : (Ny, Nx) array
        Phase of the object [rad] on a grid `oversampling` times finer than the scan, repeated
        periodically.
    calibration : Calibration
        Beam, scan and detector.
    aberrations : Aberrations
        Of the probe, in the detector's frame; none by default.
    dose : float
        Electrons that hit the object [1/Å²].
    frame_shape : (Ky, Kx)
        Detector pixels. Electrons beside the detector are lost.
    scan_shape : (Sy, Sx)
        Scan positions, in the middle of the object; by default all of it.
    oversampling : float
        Object grid points to one scan step, along each axis; a multiple of one half.
    seed : int
        The same seed gives the same electrons, whatever the number of threads.
    metadata : dict
        Added to the truth in the events' metadata.
    progress : callable
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    ElectronEvents

    Raises
    ------
    ValueError
        If the dose is negative, the scan does not fit the object, or the object's grid is too
        coarse for the probe.

    Notes
    -----
    With T0 a constant near T under the probe,

        Ψ(k) = T0 A(k) + ∫ a(r - R) [T(r) - T0] exp(-2πi k·r) dr:

    the first part has the aperture's edge exactly where it is, and the second is small beyond
    the box in which it is transformed. The transform samples the pattern on a lattice that is
    moved at random by fractions of its step from position to position; around the
    bright-field disc, where most electrons are, it is interpolated onto fine cells. Every
    electron then gets a place within its cell, so that the pixels of any detector, turned and
    off-centre, integrate over their area.
    """
    phase = np.asarray(phase)
    aberrations = aberrations or Aberrations()
    if min(frame_shape) < 1:
        raise ValueError(f"A detector must have pixels, not {frame_shape}.")
    if not dose >= 0:
        raise ValueError(f"The dose must not be negative: {dose} e/Å².")
    scan_shape = _scan_within(phase.shape, scan_shape, oversampling)
    halves, field = round(2 * oversampling), [n * oversampling for n in scan_shape]

    probe = Probe(calibration, aberrations, oversampling)
    transmission = np.exp(1j * phase)
    mean = probe.mean_under_probe(transmission).astype(np.complex64)
    padding = [(n // 2, n // 2) for n in probe.box]
    transmission = np.pad(transmission.astype(np.complex64), padding, mode="wrap")
    start = [int((n - f) // 2) for n, f in zip(phase.shape, field, strict=True)]

    positions = scan_shape[0] * scan_shape[1]
    electrons = dose * calibration.scan_sampling[0] * calibration.scan_sampling[1]
    most = int(1.3 * electrons + 12 * sqrt(electrons)) + 24
    counts = np.zeros(positions, np.int64)
    detector = kernels.Detector(
        electrons * probe.cell_area / (pi * calibration.k0**2),
        probe.cell,
        probe.affine(),
        np.array(frame_shape),
    )
    buffers = SimpleQueue()

    def electrons_of(first):
        """Pixels of the electrons of one chunk of positions."""
        index = np.arange(first, min(first + CHUNK, positions))
        corners = np.stack(
            [2 * at + halves * i for at, i in zip(start, divmod(index, scan_shape[1]), strict=True)]
        )
        base, found = mean[*(corners // 2)], counts[first : first + index.size]
        buffer = (
            buffers.get()
            if not buffers.empty()
            else (np.empty((CHUNK, *probe.box), np.complex64), np.empty((CHUNK, most), np.uint32))
        )
        waves, drawn = (array[: index.size] for array in buffer)
        kernels.exit_waves(transmission, base, corners, probe.probes, np.uint64(seed), first, waves)
        waves = scipy.fft.fft2(waves, overwrite_x=True)
        kernels.draw_electrons(
            waves, base, corners, np.uint64(seed), first, probe.disc, detector, drawn, found
        )
        new = drawn[np.arange(most) < found[:, None]]
        buffers.put(buffer)
        return new

    pixels = Growing(np.uint32)
    starts = range(0, positions, CHUNK)
    with closing(in_order(electrons_of, starts, threads())) as chunks:
        for done, new in enumerate(chunks, 1):
            pixels.append(new)
            if progress:
                progress(done / len(starts))
    known = truth(calibration, aberrations, dose=float(dose), seed=int(seed)) | (metadata or {})
    return ElectronEvents(
        pixels.taken(),
        np.concatenate([[0], np.cumsum(counts)]),
        scan_shape,
        tuple(frame_shape),
        known,
        Source("simulation", "simulation"),
    )


def _scan_within(points, scan_shape, oversampling):
    """Positions (Sy, Sx) of a scan that lies within an object of so many grid points."""
    if oversampling < 1 or round(2 * oversampling) != 2 * oversampling:
        raise ValueError(f"Oversampling must be a multiple of 1/2 from 1 on, not {oversampling}.")
    scan_shape = tuple(scan_shape or (int(n // oversampling) for n in points))
    too_large = any(n * oversampling > m for n, m in zip(scan_shape, points, strict=True))
    if min(scan_shape) < 1 or too_large:
        raise ValueError(
            f"A scan of {scan_shape[0]} × {scan_shape[1]} positions does not fit an object of "
            f"{points[0]} × {points[1]} points, {oversampling} to a step."
        )
    return scan_shape


def in_order(work, items, threads: int):
    """Yield `work(item)` for one item after the other, some of them worked on ahead by threads."""
    waiting = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
