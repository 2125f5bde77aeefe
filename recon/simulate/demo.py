"""The demonstration scan: a filled carbon nanotube, simulated once and kept."""

import hashlib
import json
import os
from math import ceil, hypot
from pathlib import Path

import numpy as np
import platformdirs

from recon.calibration import Calibration
from recon.io import open_events, write_events
from recon.optics import Aberrations
from recon.scan.events import ElectronEvents
from recon.simulate.probe import Probe
from recon.simulate.scan import simulate_events
from recon.simulate.specimen import WALLS, filled_nanotube, object_phase, tube_diameter

VERSION = 1
"""Raised when the simulation changes, for kept scans to be made again."""
ABERRATIONS = Aberrations(C10=-120, C12a=35, C12b=-20, C21a=2000, C21b=-1500)
"""12 nm underfocus, 4 nm astigmatism, 250 nm coma: the lattice is lost until they are set."""
ROTATION_DEG = -12.0
DISC = 1 / 6
"""Radius of the bright-field disc in units of the detector's shorter side."""
OFF_CENTRE = (-0.0021, 0.0057)
"""Where the disc lies (y, x), in units of the detector's sides: never quite in the middle."""
HIGHEST = 2.4
"""Spatial frequency [1/Å] that an object's grid holds at least."""


def calibration_on(
    frame_shape,
    *,
    energy: float = 80e3,
    semiangle_cutoff: float = 25.0,
    scan_sampling=(0.31, 0.31),
    centre=None,
    radius: float | None = None,
    rotation_deg: float = ROTATION_DEG,
    transpose: bool = False,
) -> Calibration:
    """The demonstration's calibration on a detector of `frame_shape` (Ky, Kx), with what is given.

    By default the disc lies a little off the detector's middle, with a radius of a sixth of its
    shorter side.

    Raises
    ------
    ValueError
        If a quantity is impossible; the sentence says which.
    """
    if centre is None:
        sides = zip(frame_shape, OFF_CENTRE, strict=True)
        centre = tuple(round((n - 1) / 2 + n * share, 2) for n, share in sides)
    radius = min(frame_shape) * DISC if radius is None else radius
    known = energy, semiangle_cutoff, tuple(scan_sampling), centre, radius
    return Calibration(*known, rotation_deg, transpose)


def simulate_nanotube(
    calibration: Calibration | None = None,
    *,
    scan_shape: tuple[int, int] = (512, 512),
    frame_shape: tuple[int, int] = (576, 576),
    dose: float = 2e3,
    aberrations: Aberrations = ABERRATIONS,
    seed: int = 1,
    progress=None,
) -> ElectronEvents:
    """A scan over a multi-wall carbon nanotube filled with potassium iodide.

    Parameters
    ----------
    calibration : Calibration
        By default that of `calibration_on`.
    scan_shape : (Sy, Sx)
        Positions. A field too small for the tube gets fewer walls.
    frame_shape : (Ky, Kx)
        Detector pixels.
    dose : float
        Electrons on the specimen [1/Å²].
    aberrations : Aberrations
        Of the probe, in the detector's frame.
    seed : int
        Of the electrons and of the walls' registry.
    progress : callable
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    ElectronEvents
        With the truth in `metadata`.

    Raises
    ------
    ValueError
        If a quantity is impossible; the sentence says which.
    """
    if min(*scan_shape, *frame_shape) < 1:
        raise ValueError(
            f"A scan of {scan_shape[0]} × {scan_shape[1]} positions on a detector of "
            f"{frame_shape[0]} × {frame_shape[1]} pixels is empty."
        )
    calibration = calibration or calibration_on(frame_shape)
    scan_sampling = calibration.scan_sampling
    highest = max(HIGHEST, 3 * calibration.k0)
    oversampling = max(ceil(2 * max(scan_sampling) * 2 * highest) / 2, 1)
    margin = Probe(calibration, aberrations, oversampling).box
    shape = [ceil(n * oversampling) + m for n, m in zip(scan_shape, margin, strict=True)]
    steps = [step / oversampling for step in scan_sampling]

    field = [n * step for n, step in zip(shape, steps, strict=True)]
    narrow = 0.75 * min(n * step for n, step in zip(scan_shape, scan_sampling, strict=True))
    walls = [w for w in WALLS if tube_diameter(*w) <= narrow] or WALLS[:1]
    tube = filled_nanotube(walls, hypot(*field) + tube_diameter(*walls[-1]), seed=seed)
    phase = object_phase(tube, shape, steps, calibration.energy)
    if progress:
        progress(0.01)
    return simulate_events(
        phase,
        calibration,
        aberrations,
        dose=dose,
        frame_shape=frame_shape,
        scan_shape=scan_shape,
        oversampling=oversampling,
        seed=seed,
        metadata={"description": f"Simulated {len(walls)}-wall carbon nanotube filled with KI"},
        progress=progress and (lambda fraction: progress(0.01 + 0.99 * fraction)),
    )


DEMO = {"scan_shape": (512, 512), "frame_shape": (576, 576), "seed": 1}
SMALL = {"scan_shape": (96, 96), "frame_shape": (128, 128), "seed": 1}


def demo_events(
    progress=None, cache=None, dose: float = 2e3, *, small: bool = False
) -> ElectronEvents:
    """The demonstration scan, from the cache or made and put there.

    Parameters
    ----------
    progress : callable
        Called with the fraction done; may raise `Cancelled`, which leaves no file behind.
    cache : path-like
        Folder it is kept in; by default LIVESTEM_CACHE or the user's cache folder.
    dose : float
        Electrons on the specimen [1/Å²]: 2 000 gives 50 million, the paper had 20 000.
    small : bool
        96 × 96 positions on 128 × 128 pixels, made in seconds.

    Returns
    -------
    ElectronEvents

    Notes
    -----
    A file that is damaged is made again. Where the folder cannot be written to, the scan
    is made each time.
    """
    progress = progress or (lambda fraction: None)
    settings = (SMALL if small else DEMO) | {"dose": float(dose)}
    path = cache_folder(cache) / file_name(settings)
    events = _kept(path, settings, progress)
    if events is not None:
        return events
    events = simulate_nanotube(**settings, progress=lambda fraction: progress(0.97 * fraction))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_events(path, events, progress=lambda fraction: progress(0.97 + 0.03 * fraction))
    except OSError:
        # Read-only home or full disk: the scan is here all the same.
        pass
    progress(1.0)
    return events


def cache_folder(folder=None) -> Path:
    """Folder of kept scans: the one given, or LIVESTEM_CACHE, or the user's cache folder."""
    folder = folder or os.environ.get("LIVESTEM_CACHE")
    return Path(folder) if folder else platformdirs.user_cache_path("livestem")


def file_name(settings) -> str:
    """Name that changes with whatever the scan depends on."""
    fixed = {"version": VERSION, "aberrations": vars(ABERRATIONS), "rotation": ROTATION_DEG}
    text = json.dumps(fixed | settings, sort_keys=True)
    return f"nanotube-{hashlib.sha256(text.encode()).hexdigest()[:12]}.npz"


def _kept(path: Path, settings, progress) -> ElectronEvents | None:
    """The scan in `path`, if it is whole."""
    if not path.is_file():
        return None
    try:
        events = open_events(path, progress=progress)
    except (OSError, ValueError):
        return None
    same = events.scan_shape == settings["scan_shape"] and np.isclose(
        events.metadata.get("dose", 0), settings["dose"]
    )
    return events if same else None
