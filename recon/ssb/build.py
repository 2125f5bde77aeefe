"""G and the tilt-corrected bright field of a scan of either kind."""

from dataclasses import replace
from functools import partial

from recon.calibration import Calibration
from recon.device.backend import CPU, Device, memory
from recon.optics import Aberrations
from recon.scan.frames import DenseFrames
from recon.scan.kinds import ScanData, by_kind, copied_to, electrons
from recon.ssb import parallax
from recon.ssb.bright_field import BinnedPlanes, bright_field
from recon.ssb.gfunction import build_sidebands, sidebands_of_planes
from recon.ssb.parallax import TiltCorrected, tilt_corrected_planes
from recon.ssb.planning import plan, require
from recon.ssb.sidebands import Sidebands
from recon.sums.dense import binned_planes, current_of_planes

LARGEST = 0.75
"""Of a device's memory that a scan and its G may take, by what is to be had by nobody else."""


def build_g(scan: ScanData, calibration, pixels: int = 18, device: Device = CPU, **options):
    """G, the scan's Fourier transform for each bright-field pixel, on its sidebands.

    Parameters
    ----------
    scan : ElectronEvents or DenseFrames
    calibration : Calibration
    pixels : int
        Binned bright-field pixels over the disc's diameter, 4 to 64.
    device : Device
        Where G of dense frames is made and kept; that of events is where the events are.
    **options
        `full`, `half` and `progress`, as for `recon.ssb.gfunction.build_sidebands`.

    Returns
    -------
    Sidebands

    Raises
    ------
    ValueError
        If the disc does not lie on the detector or holds no electrons, or the scan is too coarse
        for any sideband.
    DeviceError
        If the device fails, or its memory does not suffice.

    Notes
    -----
    Pelz et al. (2021), section IV.
    """
    dense = partial(build_sidebands_dense, device=device)
    return by_kind(scan, build_sidebands, dense)(scan, calibration, pixels, **options)


def tilt_corrected(scan: ScanData, calibration, aberrations, pixels: int, device, **options):
    """Tilt-corrected bright field: of events on their device, of frames on the one named."""
    make = by_kind(scan, parallax.tilt_corrected, partial(tilt_corrected_dense, device=device))
    return make(scan, calibration, aberrations, pixels, **options)


def build_sidebands_dense(
    frames: DenseFrames,
    calibration: Calibration,
    pixels_across: int = 18,
    *,
    full: bool = False,
    half: bool = False,
    device: Device = CPU,
    progress=None,
) -> Sidebands:
    """Transform a scan's dense frames to G, kept only on the sidebands.

    Parameters
    ----------
    frames : DenseFrames
        Counts or any measure of intensity; read once, in slabs.
    device : Device
        Where G is made and kept.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Others, and what is raised, as for `recon.ssb.gfunction.build_sidebands`: of the same data as
    events, this is the same G.
    """
    planes, total, tell = _binned(frames, calibration, pixels_across, device, progress)
    return sidebands_of_planes(planes, calibration, total, full=full, half=half, progress=tell)


def tilt_corrected_dense(
    frames: DenseFrames,
    calibration: Calibration,
    aberrations: Aberrations,
    pixels_across: int = 18,
    *,
    device: Device = CPU,
    progress=None,
    **options,
) -> TiltCorrected:
    """Tilt-corrected bright field of a scan's dense frames.

    Parameters
    ----------
    frames : DenseFrames
        Counts or any measure of intensity; read once, in slabs.
    device : Device
        Where the image is made and kept.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Others, and what is raised, as for `recon.ssb.parallax.tilt_corrected`: of the same data as
    events, this is the same image.
    """
    planes, _, tell = _binned(frames, calibration, pixels_across, device, progress)
    return tilt_corrected_planes(planes, calibration, aberrations, progress=tell, **options)


def _binned(frames, calibration, pixels_across, device, progress):
    """A scan's binned planes, all of its counts, and how the second half of the work is told."""
    tell = progress or (lambda fraction: None)
    disc = bright_field(calibration, frames.frame_shape, pixels_across, frames.excluded)
    planes, total = binned_planes(frames, disc.lookup, disc.size, lambda f: tell(0.5 * f))
    current = current_of_planes(planes, frames.scan_shape, calibration)
    binned = BinnedPlanes(
        lambda start, stop: planes[start:stop], frames.scan_shape, disc, device, current
    )
    return binned, total, lambda f: tell(0.5 + 0.5 * f)


def planned(events: ScanData, calibration: Calibration, pixels: int, full=False, half=False):
    """What a scan and its G need of a device's memory, a `recon.ssb.planning.Plan`."""
    return plan(
        events.scan_shape,
        events.frame_shape,
        # What is read slab by slab takes nothing there.
        electrons(events) or 0,
        calibration,
        pixels,
        full=full,
        half=half,
        excluded=events.excluded,
    )


def required(wanted, events, device: Device):
    """The plan as it fits beside what others hold on the device.

    Parameters
    ----------
    wanted : recon.ssb.planning.Plan
    events : ElectronEvents or None
        Their copy that may lie there already, which is part of the plan.

    Raises
    ------
    DeviceFull
        If it does not fit.
    """
    room = memory(device)
    if events is not None:
        room = replace(room, free=room.free + events.nbytes_on_device)
    return require(wanted, room, device)


def too_large(scan: ScanData, calibration: Calibration, pixels: int, full: bool, device: Device):
    """Whether a device that held nothing else would not hold a scan with its G.

    Raises
    ------
    ValueError
        If the scan is too small or too coarse for sidebands.
    """
    wanted = planned(scan, calibration, pixels, full)
    return wanted.within(int(LARGEST * memory(device).total)) is None


def shares_tables(scan: ScanData, device: Device) -> bool:
    """Whether G of the scan takes `tables` that were made before: on the CPU, where they last."""
    return device is CPU and by_kind(scan, True, False)


def fitting_in(scan: ScanData, calibration: Calibration, pixels: int, full: bool, device: Device):
    """The scan, without its copy on the device where G wants its room.

    Raises
    ------
    DeviceFull
        If there is no room for G either way.
    """
    if not copied_to(scan, device):
        return scan
    wanted = planned(scan, calibration, pixels, full)
    return scan.to_device(device, copy=bool(required(wanted, scan, device).events))
