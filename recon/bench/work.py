"""The work that a benchmark measures: the paper's scan, at any size."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from recon.calibration import Calibration
from recon.device.backend import Device
from recon.optics import COEFFICIENTS, Aberrations
from recon.scan.events import ElectronEvents
from recon.ssb.bright_field import plane_counts

ABERRATIONS = Aberrations(C10=-80.0, C12a=15.0, C12b=-10.0)

DISC_SHARE = 0.955
"""Diameter of the disc over the detector's width: it holds 232 of 18 × 18 pixels, as there."""

CHUNK = 1 << 24
"""Electrons made at a time by one thread."""

SLAB_BYTES = 512 * 2**20
"""Counts held at a time while the dense G is made, of which `BATCH` planes are transformed."""

BATCH = 8


def reference_calibration(pixels: int = 18) -> Calibration:
    """Geometry of the reference work on a detector of `pixels` × `pixels`."""
    centre = (pixels - 1) / 2
    return Calibration(80e3, 25.0, (0.316, 0.316), (centre, centre), DISC_SHARE * pixels / 2)


def reference_events(scan=(1024, 1024), pixels=18, electrons_per_frame=50.0) -> ElectronEvents:
    """Independent electrons spread evenly over the disc: the size of real work, no object."""
    seeds = np.random.SeedSequence(0)
    positions = scan[0] * scan[1]
    offsets = np.zeros(positions + 1, np.int64)
    counts = np.random.default_rng(seeds).poisson(electrons_per_frame, positions)
    np.cumsum(counts, out=offsets[1:])
    del counts
    calibration = reference_calibration(pixels)
    y, x = np.indices((pixels, pixels)) - np.reshape(calibration.centre, (2, 1, 1))
    inside = np.flatnonzero(np.hypot(y, x) < calibration.radius).astype(np.uint32)
    chosen = np.empty(offsets[-1], np.uint32)
    parts = np.split(chosen, range(CHUNK, chosen.size, CHUNK))

    def fill(part, seed):
        draw = np.random.default_rng(seed).integers(0, inside.size, part.size, dtype=np.uint16)
        np.take(inside, draw, out=part, mode="clip")

    # NumPy draws without the interpreter lock: the large scans' billion electrons in seconds.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(fill, parts, seeds.spawn(len(parts))))
    return ElectronEvents(chosen, offsets, tuple(scan), (pixels, pixels))


def dense_bytes(scan, pixels: int) -> int:
    """Bytes of G as the paper stores it: every detector pixel, half of the frequencies."""
    return 8 * pixels**2 * scan[0] * (scan[1] // 2 + 1)


def making_bytes(scan, pixels: int) -> int:
    """Bytes that `dense_transform` takes beside its result."""
    positions = scan[0] * scan[1]
    # Of a batch: counts in single precision, their transform, and the transform's plan.
    return min(SLAB_BYTES, pixels**2 * positions) + 3 * 4 * min(BATCH, pixels**2) * positions


def dense_transform(events: ElectronEvents, device: Device):
    """(Ky * Kx, Sy, Qx) complex64: G as the paper stores it, on `device`, where the events are."""
    rows, columns = events.scan_shape
    pixels = events.frame_shape[0] * events.frame_shape[1]
    every = np.arange(pixels, dtype=np.int16)
    g = device.xp.empty((pixels, rows, columns // 2 + 1), np.complex64)
    slab = max(1, SLAB_BYTES // events.positions)
    for start in range(0, pixels, slab):
        counts = plane_counts(events, every, start, min(start + slab, pixels))
        for plane in range(0, len(counts), BATCH):
            part = counts[plane : plane + BATCH].astype(np.float32)
            transform = device.fft.rfft2(part, **device.fft_options)
            g[start + plane : start + plane + len(part)] = transform
    return g


def paper_arguments(events: ElectronEvents, calibration: Calibration, device: Device):
    """What the paper's kernel takes between its G and its output: geometry and coefficients."""
    height, width = events.frame_shape
    rows, columns = events.scan_shape
    y, x = np.indices((height, width)).reshape(2, -1)
    vectors = [
        (axis - c) * calibration.reciprocal_sampling
        for axis, c in zip((y, x), calibration.centre, strict=True)
    ]
    vectors.append(np.fft.fftfreq(rows, calibration.scan_sampling[0]))
    vectors.append(np.fft.rfftfreq(columns, calibration.scan_sampling[1]))
    coefficients = np.array([getattr(ABERRATIONS, name) for name in COEFFICIENTS[:12]], np.float32)
    scalars = np.float32(calibration.k0), np.float32(calibration.wavelength)
    on_device = [device.xp.asarray(a.astype(np.float32)) for a in vectors]
    return *on_device, *scalars, device.xp.asarray(coefficients)
