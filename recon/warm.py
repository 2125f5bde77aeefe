"""Compile every kernel that a session will need, before it needs it."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from recon.calibration import Calibration
from recon.com import centre_of_mass
from recon.cropping import bin_scan, crop_scan
from recon.dpc import integrate_com
from recon.events import from_frames
from recon.gfunction import build_sidebands
from recon.io import open_events, write_events
from recon.optics import Aberrations
from recon.ssb import MODES, object_transmission, single_sideband
from recon.tiles import gfunction_tiles, power_spectrum, strongest_frequencies
from recon.virtual import annulus, pacbed, virtual_detectors


def warm_up(progress=None) -> None:
    """Run each stage once on a tiny scan.

    Numba compiles a kernel at its first call and keeps it on disk: seconds on a fresh machine,
    a fraction of one later. `progress` is called with the fraction done.
    """
    tell = progress or (lambda fraction: None)
    tell(0.0)
    calibration = Calibration(80e3, 25.0, (0.4, 0.4), (9.5, 9.5), 6.0)
    rng = np.random.default_rng(0)
    # Counts of all the types that occur: one byte where frames are short, two where they are long.
    for stage, longest in enumerate((40, 400)):
        frames = [rng.integers(0, 400, size) for size in rng.integers(0, longest, 255)]
        frames.append(np.zeros(longest, np.uint32))
        events = from_frames(frames, (16, 16), (20, 20))
        events.check_pixels()
        pacbed(events)
        virtual_detectors(events, calibration)
        centre_of_mass(events)
        centre_of_mass(events, annulus((20, 20), (9.5, 9.5), 0, 6))
        crop_scan(events, (0, 8), (0, 8))
        bin_scan(events, 2)
        tell(0.2 + 0.4 * stage)
        g = build_sidebands(events, calibration, 6, full=True)
        tell(0.4 + 0.4 * stage)
    with TemporaryDirectory() as folder:
        write_events(Path(folder) / "warm.h5", events)
        open_events(Path(folder) / "warm.h5")
    for mode in MODES:
        single_sideband(g, Aberrations(), mode, "full")
        object_transmission(g, Aberrations(), mode)
    single_sideband(g, Aberrations(), "draft")
    integrate_com(np.ones((2, 8, 8), np.float32), calibration, iterations=1)
    power_spectrum(g)
    gfunction_tiles(g, Aberrations(), strongest_frequencies(g, 1))
    tell(1.0)
