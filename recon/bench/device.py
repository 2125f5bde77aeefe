"""How fast a device reconstructs: the reference work and others, against the device's own copy."""

from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter

import numpy as np

from recon.bench.aims import aims
from recon.bench.clock import clock_of, timing
from recon.bench.stages import (
    PAPER,
    Stages,
    chains,
    difference,
    dpc,
    halved,
    inverse_fft,
    paper,
    passes,
    redraws,
)
from recon.bench.work import ABERRATIONS, reference_calibration, reference_events
from recon.device import backend
from recon.device.backend import CPU, Device, DeviceFull, on_host
from recon.dpc.integrate import integrate_com
from recon.ssb.bright_field import bright_field
from recon.ssb.gfunction import build_sidebands
from recon.ssb.phase import single_sideband
from recon.ssb.planning import plan, require
from recon.sums.com import centre_of_mass, scan_deflection

REFERENCE = ((1024, 1024), 18)
SCANS, PIXELS = (512, 1024, 2048, 4096), (18, 32, 64)
QUICK = (REFERENCE, ((512, 512), 18))
AGREEMENT = ((512, 512), 18)

COPY_BYTES = 2**30
"""Of which the device makes a copy to show its speed, unless it is too small."""

BUDGET = 270.0
"""Seconds after which no further size is begun."""

PACKAGES = ("numpy", "scipy", "numba", "numba-cuda", "cupy-cuda12x", "cupy-cuda13x")


def all_sizes():
    """((Sy, Sx), pixels across) of the whole run: the reference work, then ever larger ones."""
    others = [((n, n), pixels) for n in SCANS for pixels in PIXELS]
    others.sort(key=lambda size: size[0][0] ** 2 * size[1] ** 2)
    return (REFERENCE, *(size for size in others if size != REFERENCE))


def run(
    device: Device,
    sizes=None,
    *,
    electrons_per_frame: float = 50.0,
    paper_kernel=None,
    agreement=None,
    budget: float = BUDGET,
    tell=None,
    keep=None,
) -> dict:
    """Measure a device.

    Parameters
    ----------
    device : Device
    sizes : sequence of ((int, int), int), optional
        Scan positions and pixels across the disc; `all_sizes` by default.
    electrons_per_frame : float
    paper_kernel : callable, optional
        The paper's kernel for this device; that of `recon.kernels` by default.
    agreement : ((int, int), int), optional
        Size at which the device's results are compared with the CPU's; `AGREEMENT` by default.
    budget : float
        Seconds after which no further size is begun: it is reported as left out.
    tell : callable, optional
        `tell(sentence)` hears what is being measured.
    keep : callable, optional
        `keep(report)` is given what is known so far, after each size.

    Returns
    -------
    dict
        `device`, `date`, `versions`, `timer`, `copy`, `sizes` (see `measure_size`), `agreement`
        and `aims`.
    """
    tell = tell or (lambda sentence: None)
    keep = keep or (lambda report: None)
    begun = perf_counter()
    clock = clock_of(device)
    report = {
        "device": backend.describe(device),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": _versions(),
        "timer": clock.name,
    }
    tell("the device's own copy")
    report["copy"] = copy_speed(device, clock)
    report |= {"sizes": [], "agreement": None, "aims": []}
    speed = report["copy"]["bytes_per_second"]
    kernel = paper_kernel or _paper_kernel(device)
    for scan, pixels in sizes or all_sizes():
        name = f"{scan[0]} × {scan[1]}, {pixels} pixels across"
        spent = perf_counter() - begun
        if spent > budget:
            sentence = f"{spent:.0f} of {budget:.0f} s were used up: ask for this size alone."
            size = {"scan": list(scan), "pixels": pixels, "skipped": sentence}
        else:
            size = measure_size(
                device,
                clock,
                speed,
                scan,
                pixels,
                electrons_per_frame,
                kernel,
                lambda sentence, name=name: tell(f"{name}: {sentence}"),
            )
        size["seconds"] = perf_counter() - begun - spent
        report["sizes"].append(size)
        report["aims"] = aims(report["sizes"])
        backend.release(device)
        keep(report)
    report["agreement"] = compare(
        device,
        clock,
        *(agreement or AGREEMENT),
        electrons_per_frame,
        lambda sentence: tell(f"agreement with the CPU: {sentence}"),
    )
    report["aims"] = aims(report["sizes"], report["agreement"])
    backend.release(device)
    keep(report)
    return report


def copy_speed(device: Device, clock) -> dict:
    """Bytes a second, read and written, of the device's own copy: what every floor rests on."""
    size = min(COPY_BYTES, backend.memory(device).usable // 8)
    source = device.xp.ones(size, np.uint8)
    target = device.xp.empty_like(source)
    took = timing(clock, lambda: device.xp.copyto(target, source), 20)
    return {"bytes": 2 * size, "bytes_per_second": 2e3 * size / took.best_ms}


def measure_size(
    device, clock, bytes_per_second, scan, pixels, electrons_per_frame, paper_kernel, tell
) -> dict:
    """Measure every stage of a scan of one size; nothing of it stays on the device.

    Parameters
    ----------
    device : Device
    clock : Clock
    bytes_per_second : float
        Of the device's own copy, from `copy_speed`.
    scan : (int, int)
        Scan positions.
    pixels : int
        Detector pixels across, 4 to 64.
    electrons_per_frame : float
    paper_kernel : callable
    tell : callable
        `tell(sentence)` hears what is being measured.

    Returns
    -------
    dict
        The work's size, what was planned and what was taken of the device's memory [bytes], and
        `stages`: of each `wall_ms`, `device_ms`, `runs`, `bytes`, `floor_ms` and the ratios of
        the times to the floor, or a sentence under "skipped" or "failed". What does not fit the
        device at all has "skipped" in place of `stages`. `run` adds the `seconds` it all took.
    """
    calibration = reference_calibration(pixels)
    frame = (pixels, pixels)
    wanted = plan(scan, frame, electrons_per_frame * scan[0] * scan[1], calibration, pixels)
    result = {"scan": list(scan), "pixels": pixels}
    backend.release(device)
    room = backend.memory(device)
    try:
        result["planned_bytes"] = require(wanted, room, device).peak
    except DeviceFull as full:
        return result | {"skipped": str(full)}
    tell("making the events")
    events = reference_events(scan, pixels, electrons_per_frame)
    disc = bright_field(calibration, frame, pixels)
    result |= {"electrons": events.electrons, "planes": disc.size}
    stages = Stages(device, clock, bytes_per_second, tell)
    made = stages.attempt(
        "from the host to the first image",
        lambda: chains(stages, events, calibration, pixels, disc.size),
    )
    result["taken_bytes"] = room.free - backend.memory(device).free
    if made is None:
        return result | {"stages": stages.figures}
    resident, g = made
    del made
    result |= {"entries": g.entries, "hard_entries": g.hard_entries}
    exact = redraws(stages, g)
    del g
    inverse_fft(stages, scan)
    for name, stage in (
        ("half precision", lambda: halved(stages, resident, calibration, pixels, exact)),
        ("passes over the electrons", lambda: passes(stages, resident, disc)),
        ("DPC", lambda: dpc(stages, resident, calibration)),
        (PAPER, lambda: paper(stages, resident, calibration, paper_kernel)),
    ):
        stages.attempt(name, stage)
        backend.release(device)
    return result | {"stages": stages.figures}


def compare(device: Device, clock, scan, pixels, electrons_per_frame=50.0, tell=None) -> dict:
    """How far the device's images are from the CPU's, relative, for one scan.

    Returns
    -------
    dict
        `scan`, and of each method `norm` and `largest` (see `stages.difference`), or a
        sentence under "failed".
    """
    stages = Stages(device, clock, 1.0, tell or (lambda sentence: None))
    events = reference_events(scan, pixels, electrons_per_frame)
    calibration = reference_calibration(pixels)

    def image(method, where):
        there = events.to_device(where)
        if method == "DPC":
            field = scan_deflection(centre_of_mass(there), calibration)
            return on_host(integrate_com(field, calibration).phase)
        g = build_sidebands(there, calibration, pixels)
        return on_host(single_sideband(g, ABERRATIONS, method))

    for method in ("draft", "exact", "DPC"):
        found = stages.attempt(
            method, lambda method=method: difference(image(method, device), image(method, CPU))
        )
        if found is not None:
            stages.figures[method] = found
    return {"scan": list(scan), **stages.figures}


def _paper_kernel(device: Device):
    """The paper's kernel as loops for this kind of device."""
    if device is CPU:
        from recon.kernels.cpu.reference import paper_sideband
    else:
        from recon.kernels.cuda.reference import paper_sideband
    return paper_sideband


def _versions() -> dict:
    """Of the packages that do the work, those that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
