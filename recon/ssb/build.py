"""G and the tilt-corrected bright field of a scan of either kind."""

from dataclasses import replace

from recon.calibration import Calibration
from recon.device.backend import CPU, Device, memory
from recon.optics import Aberrations
from recon.scan.frames import DenseFrames
from recon.scan.kinds import ScanData, electrons, is_dense
from recon.ssb import parallax
from recon.ssb.bright_field import bright_field
from recon.ssb.gfunction import build_sidebands, sidebands_of_planes
from recon.ssb.parallax import TiltCorrected, tilt_corrected_planes
from recon.ssb.planning import plan, require
from recon.ssb.sidebands import Sidebands
from recon.sums.dense import binned_planes, current_of_planes


def build_g(scan: ScanData, calibration, pixels: int = 18, device: Device = CPU, **options):
    """G on its sidebands, on the device: of events on theirs, of frames on the one named."""
    if is_dense(scan):
        return build_sidebands_dense(scan, calibration, pixels, device=device, **options)
    return build_sidebands(scan, calibration, pixels, **options)


def tilt_corrected(scan: ScanData, calibration, aberrations, pixels: int, device, **options):
    """Tilt-corrected bright field: of events on their device, of frames on the one named."""
    if is_dense(scan):
        return tilt_corrected_dense(
            scan, calibration, aberrations, pixels, device=device, **options
        )
    return parallax.tilt_corrected(scan, calibration, aberrations, pixels, **options)


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
    planes, disc, total, rest = _binned(frames, calibration, pixels_across, progress)
    return sidebands_of_planes(
        planes,
        frames.scan_shape,
        disc,
        calibration,
        total,
        full=full,
        half=half,
        device=device,
        **rest,
    )


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
    planes, disc, _, rest = _binned(frames, calibration, pixels_across, progress)
    return tilt_corrected_planes(
        planes,
        frames.scan_shape,
        disc,
        calibration,
        aberrations,
        device=device,
        **rest,
        **options,
    )


def _binned(frames, calibration, pixels_across, progress):
    """Planes of the disc by number, the disc, all counts, and what else is made of planes.

    Which is the beam's current, and the progress of the second half of the work.
    """
    tell = progress or (lambda fraction: None)
    disc = bright_field(calibration, frames.frame_shape, pixels_across, frames.excluded)
    planes, total = binned_planes(frames, disc.lookup, disc.size, lambda f: tell(0.5 * f))
    rest = {
        "current": current_of_planes(planes, frames.scan_shape, calibration),
        "progress": lambda f: tell(0.5 + 0.5 * f),
    }
    return lambda start, stop: planes[start:stop], disc, total, rest


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


def shares_tables(scan: ScanData, device: Device) -> bool:
    """Whether G of the scan takes `tables` that were made before: on the CPU, where they last."""
    return device is CPU and not is_dense(scan)


def fitting_in(scan: ScanData, calibration: Calibration, pixels: int, full: bool, device: Device):
    """The scan, without its copy on the device where G wants its room.

    Raises
    ------
    DeviceFull
        If there is no room for G either way.
    """
    if device is CPU or is_dense(scan):
        return scan
    wanted = planned(scan, calibration, pixels, full)
    return scan.to_device(device, copy=bool(required(wanted, scan, device).events))
