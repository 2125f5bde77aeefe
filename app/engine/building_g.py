"""How G of a scan is made on a device: planned first, and beside the events where both fit."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

from recon.calibration import Calibration
from recon.device.backend import CPU, Device
from recon.sums.either import ScanData, electrons, is_dense


def building(
    engine, scan, calibration: Calibration, pixels: int, full: bool, half: bool
) -> Callable:
    """`compute(device, report)` that makes G of an `app.engine.engine.Scan`.

    What cannot fit is refused before anything of it lies on the device. What should have fitted
    and did not is built without a copy of the events when it is tried again.
    """
    from recon.sums.either import build_g

    tries = count()

    def compute(device, report):
        streamed, halved = False, half and device is not CPU
        if device is not CPU:
            wanted = planned(scan.events, calibration, pixels, full, halved)
            streamed = not _required(engine, wanted, scan, device).events or next(tries) > 0
        return build_g(
            engine.events_on(scan, device, report, copy=not streamed),
            calibration,
            pixels,
            device,
            full=full,
            half=halved,
            progress=report,
            **_tables(engine, scan, calibration, pixels, full, device),
        )

    return compute


def _tables(engine, scan, calibration, pixels, full, device) -> dict:
    """The tables of G that scans share which differ in their dose; on the CPU, where they last."""
    if device is not CPU or is_dense(scan.events):
        return {}
    from recon.ssb.tables import scan_tables

    alike = (*scan.key[:-1], scan.treatment.at_full_dose())
    tables = engine.store.get(
        ("tables", alike, calibration, pixels, full),
        lambda report: scan_tables(scan.events, calibration, pixels, full),
    )
    return {"tables": tables}


def planned(events: ScanData, calibration: Calibration, pixels: int, full=False, half=False):
    """What a scan and its G need of a device's memory, a `recon.ssb.planning.Plan`."""
    from recon.ssb.planning import plan

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
    wanted : recon.planning.Plan
    events : ElectronEvents or None
        Their copy that may lie there already, which is part of the plan.

    Raises
    ------
    DeviceFull
        If it does not fit.
    """
    from recon.device.backend import memory
    from recon.ssb.planning import require

    room = memory(device)
    if events is not None:
        room = replace(room, free=room.free + events.nbytes_on_device)
    return require(wanted, room, device)


def there(scan, device: Device) -> tuple:
    """The key of a scan's events on a device."""
    return ("events there", scan.key, device.name)


def _required(engine, wanted, scan, device):
    return required(wanted, engine.store.known(there(scan, device)), device)
