"""How G of a scan is made on a device: planned first, and beside the events where both fit."""

from collections.abc import Callable
from itertools import count

from app.engine.placement import kept_under
from recon.calibration import Calibration
from recon.device.backend import CPU, Device, amount
from recon.device.failure import DeviceError
from recon.ssb.build import planned, required, shares_tables


def building(
    engine, scan, calibration: Calibration, pixels: int, full: bool, half: bool
) -> Callable:
    """`compute(device, report)` that makes G of an `app.engine.engine.Scan`.

    What cannot fit is refused before anything of it lies on the device. What should have fitted
    and did not is built without a copy of the events when it is tried again.
    """
    from recon.ssb.build import build_g

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
    if not shares_tables(scan.events, device):
        return {}
    from recon.ssb.tables import scan_tables

    alike = (*scan.key[:-1], scan.treatment.at_full_dose())
    tables = engine.store.get(
        ("tables", alike, calibration, pixels, full),
        lambda report: scan_tables(scan.events, calibration, pixels, full),
    )
    return {"tables": tables}


def g_key(scan_key: tuple, calibration: Calibration, pixels: int, full: bool) -> tuple:
    """What a G depends on."""
    return ("g", scan_key, calibration, pixels, full)


def announcement(engine, scan, calibration: Calibration, pixels: int, full: bool) -> str:
    """How much G will take and where, such as "G 164 MB on the GPU"; empty if it has none."""
    if scan.growing:
        return ""
    device = engine.placed.device_for(g_key(scan.key, calibration, pixels, full))
    try:
        workers = engine.workers_for(scan, calibration, pixels, full)
        if workers is not None:
            return f"G on {workers.cluster.state().name}"
        size = engine.plan(scan, calibration, pixels, full).g
    except (ValueError, DeviceError):  # said by the building of G
        return ""
    return f"G {amount(size)} on the {device.name.upper()}"


def there(scan, device: Device) -> tuple:
    """The key of a scan's events on a device."""
    return kept_under(("events there", scan.key), device.name)


def _required(engine, wanted, scan, device):
    return required(wanted, engine.store.known(there(scan, device)), device)
