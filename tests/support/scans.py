"""Files of electron events for tests, written with h5py alone, as a camera would."""

from functools import lru_cache

import h5py
import numpy as np

from recon.calibration import Calibration
from recon.optics import Aberrations
from recon.simulate.scan import expected_intensities, sample_events

CALIBRATION = Calibration(
    energy=80e3,
    semiangle_cutoff=25.0,
    scan_sampling=(0.4, 0.45),
    centre=(14.6, 12.3),
    radius=9.0,
    rotation_deg=-12.0,
)
ABERRATIONS = Aberrations(C10=60.0, C12a=25.0)
SCAN_SHAPE, FRAME_SHAPE = (20, 24), (28, 26)


def weak_phase(scan_shape=SCAN_SHAPE):
    """(Sy, Sx) phase [rad] of a few waves that fit the scan, all within the transferred band."""
    rows, columns = np.indices(scan_shape)
    angle_y, angle_x = (2 * np.pi * a / n for a, n in zip((rows, columns), scan_shape, strict=True))
    return 0.05 * (
        np.cos(3 * angle_y + 2 * angle_x) + np.sin(4 * angle_x - angle_y) + np.cos(5 * angle_y)
    )


def atoms_phase(scan_shape=(40, 44)):
    """(Sy, Sx) phase [rad] of round atoms, positive, at places without symmetry."""
    rows, columns = np.indices(scan_shape)
    places = np.random.default_rng(3).uniform(0, 1, (12, 2)) * scan_shape
    distances = (
        (np.mod(rows - y + h / 2, h) - h / 2) ** 2 + (np.mod(columns - x + w / 2, w) - w / 2) ** 2
        for (y, x), (h, w) in ((place, scan_shape) for place in places)
    )
    return 0.4 * sum(np.exp(-distance / 4) for distance in distances)


def weak_events(electrons_per_position=4000, metadata=None, phase=None, aberrations=ABERRATIONS):
    """Electrons behind a phase (`weak_phase`), through aberrations, as `CALIBRATION` sees them."""
    phase = weak_phase() if phase is None else phase
    intensities = _intensities(np.asarray(phase, float).tobytes(), phase.shape, aberrations)
    return sample_events(intensities, electrons_per_position, metadata=metadata)


@lru_cache(8)
def _intensities(phase, shape, aberrations):
    phase = np.frombuffer(phase).reshape(shape)
    return expected_intensities(phase, CALIBRATION, aberrations, frame_shape=FRAME_SHAPE)


def write_4dcamera(path, frames, scan_shape, frame_shape=FRAME_SHAPE, flyback=False, **attributes):
    """A file of layout version 3; `scan_shape` counts the flyback column, where there is one.

    `frames` is one list of pixel indices a row, or a number of rows that stay empty.
    """
    rows = frames if isinstance(frames, int) else len(frames)
    with h5py.File(path, "w") as file:
        file.attrs["version"] = 3
        if not flyback:
            file.attrs["livestem_flyback"] = False
        group = file.create_group("electron_events")
        data = group.create_dataset("frames", (rows,), h5py.vlen_dtype(np.uint32))
        data.attrs["Ny"], data.attrs["Nx"] = frame_shape
        if not isinstance(frames, int):
            for row, frame in enumerate(frames):
                data[row] = np.asarray(frame, np.uint32)
        positions = np.arange(scan_shape[0] * scan_shape[1], dtype=np.uint32)
        scan = group.create_dataset("scan_positions", data=positions)
        scan.attrs["Ny"], scan.attrs["Nx"] = scan_shape
        if attributes:
            file.create_group("metadata").attrs.update(attributes)
    return path
