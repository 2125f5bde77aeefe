"""Compile every kernel that a session will need, before it needs it."""

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from recon.calibration import Calibration
from recon.device.backend import CPU, Device
from recon.dpc.integrate import integrate_com, integrate_com_direct
from recon.errors import Unfitted
from recon.focus.fit import fit_aberrations
from recon.focus.flatness import flatness
from recon.focus.overlaps import strongest_overlaps
from recon.focus.phase_model import flat_sums
from recon.focus.refinement import Refinement
from recon.focus.search import first_order_candidates
from recon.geometry.descan import Descan
from recon.io import open_events, write_events
from recon.optics import Aberrations
from recon.orientation.by_sidebands import score_at
from recon.orientation.disc_entries import disc_entries
from recon.quality.health import health
from recon.scan.events import from_frames
from recon.specimen import Specimen
from recon.ssb.bright_field import bright_field, plane_counts
from recon.ssb.gfunction import build_sidebands
from recon.ssb.phase import MODES, object_transmission, single_sideband
from recon.ssb.tiles import gfunction_tiles, power_spectrum, strongest_frequencies
from recon.sums.com import centre_of_mass, scan_deflection
from recon.sums.detectors import annulus, pacbed, virtual_detectors
from recon.treatment.crop import bin_scan, crop_detector, crop_scan
from recon.treatment.dose import thin_events
from recon.treatment.mask import without
from recon.treatment.rows import ScanDistortion, regrid
from recon.treatment.straighten import straighten
from recon.treatment.subpixel import refine_detector


def warm_up(progress=None, device: Device = CPU, half: bool = False) -> None:
    """Run each stage once on a tiny scan.

    Numba compiles a kernel for each combination of types at its first call. Those of the CPU it
    keeps on disk: seconds on a fresh machine, a fraction of one later.

    Parameters
    ----------
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.
    device : Device
        Where sessions will compute. What only the host does is compiled in any case.
    half : bool
        Whether G will be kept in half precision there.

    Raises
    ------
    DeviceError
        If the device fails.
    """
    tell = progress or (lambda fraction: None)
    tell(0.0)
    calibration = Calibration(80e3, 25.0, (0.4, 0.4), (9.5, 9.5), 6.0)
    # Counts of all the types that occur: one byte where frames are short, two where they are long.
    for stage, longest in enumerate((40, 400)):
        events = _events(longest)
        crop_scan(events, (0, 8), (0, 8))
        bin_scan(events, 2)
        thin_events(events, 0.5)
        # Few electrons are counted otherwise than many.
        lone = from_frames([[]] * 255 + [[0] * longest], (16, 16), (20, 20))
        disc = bright_field(calibration, lone.frame_shape, 6)
        plane_counts(lone, disc.lookup, 0, disc.size)
        there = events.to_device(device)
        _passes(there, calibration)
        tell(0.2 + 0.4 * stage)
        g = build_sidebands(there, calibration, 6, full=True, half=half)
        tell(0.4 + 0.4 * stage)
    with TemporaryDirectory() as folder:
        write_events(Path(folder) / "warm.h5", events)
        open_events(Path(folder) / "warm.h5")
    for mode in MODES:
        single_sideband(g, Aberrations(), mode, "full")
        object_transmission(g, Aberrations(), mode)
    single_sideband(g, Aberrations(), "draft")
    for mode in ("draft", "exact"):
        single_sideband(g.through(Specimen(50)), Aberrations(), mode, "full")
    power_spectrum(g)
    gfunction_tiles(g, Aberrations(), strongest_frequencies(g, 1))
    overlaps = strongest_overlaps(g)
    first_order_candidates(overlaps)
    flat_sums(overlaps, Aberrations())
    Refinement(overlaps, ("C10",), Aberrations(), rotation=(0.0, 1.0)).run([("C10",)])
    field = scan_deflection(centre_of_mass(there), calibration)
    integrate_com(field, calibration, iterations=2)
    integrate_com_direct(field, calibration)
    tell(1.0)


def warm_up_later() -> None:
    """Run what a session asks for besides, on the host: a fit, a mask, a scan put straight.

    Some twenty seconds on a fresh machine, which nobody waits for. Kernels of those sums that
    devices make too are compiled by `warm_up`.
    """
    calibration = Calibration(80e3, 25.0, (0.4, 0.4), (9.5, 9.5), 6.0)
    events = _events(40)
    g = build_sidebands(events, calibration, 12, full=True)
    flatness(g, Aberrations())
    # Noise is refused once all has been tried.
    with suppress(Unfitted):
        fit_aberrations(g, orders=1)
    # One of the ways to lay a scan, and a disc that is told: in noise, all that there are would be
    # tried for a second or two, with the same kernels.
    score_at(disc_entries(events, calibration, 12), 0.0, False)
    hot = np.zeros(events.frame_shape, bool)
    hot[0, 0] = True
    health(events, calibration)
    placed = straighten(without(events, hot), Descan((0.3, 0, 0, 0, 0), (0.0,) * 5))
    crop_detector(placed, (0, 18), (0, 18))
    refine_detector(thin_events(placed, 0.5), 2)
    regrid(placed, ScanDistortion(shear=0.05))


def _events(longest: int):
    """A scan of 16 × 16 frames of up to `longest` electrons, one of them of that many."""
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 400, size) for size in rng.integers(0, longest, 255)]
    frames.append(np.zeros(longest, np.uint32))
    return from_frames(frames, (16, 16), (20, 20))


def _passes(events, calibration) -> None:
    """What runs over the electrons where they are."""
    events.check_pixels()
    pacbed(events)
    virtual_detectors(events, calibration)
    centre_of_mass(events)
    centre_of_mass(events, annulus((20, 20), (9.5, 9.5), 0, 6))
