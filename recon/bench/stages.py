"""The stages of a reconstruction on a device, each timed beside the floor of its bytes."""

import traceback
from statistics import median

import numpy as np

from recon.bench import floors
from recon.bench.clock import Timing, timing
from recon.bench.work import (
    ABERRATIONS,
    dense_bytes,
    dense_transform,
    making_bytes,
    paper_arguments,
)
from recon.device import backend
from recon.device.backend import on_host
from recon.device.failure import DeviceFull
from recon.dpc.integrate import PADDING, integrate_com
from recon.ssb.bright_field import plane_counts
from recon.ssb.gfunction import build_sidebands
from recon.ssb.phase import single_sideband
from recon.sums.com import centre_of_mass, scan_deflection

MOST_CHAINS = 5
"""Times that a scan goes from the host to its first image, after the one that is not counted."""

LONG = 2.0
"""Seconds of such a passage that needs no median."""

DPC_ITERATIONS = 20

BINNED_BYTES = 2**30
"""Counts that the timed binning makes at most."""

FULL_BYTES, HALF_BYTES = 8, 4
"""Bytes of an entry of G, as it is and in half precision."""

UPLOAD = "events to the device"
HALF = ", half precision"
PAPER = "the paper's kernel"
FURTHER = "DPC, each further iteration"


class Stages:
    """Figures of one size, stage by stage: what fails or does not fit says so and stops no other.

    Parameters
    ----------
    device : Device
    clock : WallClock or CudaClock
    bytes_per_second : float
        The device's own copy.
    tell : callable
        `tell(sentence)` says what is being measured.
    """

    def __init__(self, device, clock, bytes_per_second, tell):
        self.device, self.clock, self.tell = device, clock, tell
        self.bytes_per_second = bytes_per_second
        self.figures = {}

    def attempt(self, name: str, work):
        """What `work()` returns; None after it failed, with the reason among the figures."""
        self.tell(name)
        try:
            return work()
        except DeviceFull as full:
            self.figures[name] = {"skipped": str(full)}
        except Exception as error:
            # On a machine that is lent for minutes, the other stages are still wanted.
            where = traceback.format_exc().splitlines()
            self.figures[name] = {"failed": f"{type(error).__name__}: {error}", "where": where}
            self.tell(f"{name} failed: {error}")
        backend.release(self.device)
        return None

    def measure(self, name: str, work, moved: int) -> Timing | None:
        """Time `work()`, whose floor is to move so many bytes; None if it failed."""
        took = self.attempt(name, lambda: timing(self.clock, work))
        if took is not None:
            self.add(name, took, moved)
        return took

    def add(self, name: str, took: Timing, moved: int) -> None:
        """Keep a time, beside the floor of the bytes that have to be moved."""
        floor = floors.floor_ms(moved, self.bytes_per_second)
        self.figures[name] = {
            "device_ms": took.device_ms,
            "wall_ms": took.wall_ms,
            "runs": took.runs,
            "bytes": moved,
            "floor_ms": floor,
            "device_ratio": None if took.device_ms is None else took.device_ms / floor,
            "wall_ratio": took.wall_ms / floor,
        }


def chains(stages: Stages, events, calibration, pixels: int, planes: int):
    """(events, G) on the device, after timing the passage from the host to the first image."""
    laps = []
    for run in range(1 + MOST_CHAINS):
        resident = g = None  # a new one and an old one side by side might not fit
        begun = stages.clock.now()
        resident = events.to_device(stages.device)
        uploaded = stages.clock.now()
        g = build_sidebands(resident, calibration, pixels)
        built = stages.clock.now()
        on_host(single_sideband(g, ABERRATIONS, "draft"))
        shown = stages.clock.now()
        laps.append((uploaded - begun, built - uploaded, shown - uploaded, shown - begun))
        if run and shown - begun > LONG:
            break
    upload, build, image, whole = (
        Timing(None, 1e3 * median(column), len(laps) - 1) for column in zip(*laps[1:], strict=True)
    )
    moved = floors.build_bytes(events.electrons, events.scan_shape, planes, g.entries, FULL_BYTES)
    redraw = floors.redraw_bytes(g.hard_entries, FULL_BYTES, events.scan_shape)
    # The way from the host has no floor in the device's memory: its rate is what can be judged.
    for name, took in ((UPLOAD, upload), ("events on the host to first image", whole)):
        rate = 1e3 * events.nbytes / took.wall_ms
        figures = {"device_ms": None, "wall_ms": took.wall_ms, "runs": took.runs}
        stages.figures[name] = figures | {"bytes": events.nbytes, "bytes_per_second": rate}
    stages.add("G build", build, moved)
    stages.add("events on the device to first image", image, moved + redraw)
    return resident, g


def redraws(stages: Stages, g, suffix: str = ""):
    """Time draft and exact redraw, whole calls with their inverse FFT; the exact image, or None."""
    each = HALF_BYTES if suffix == HALF else FULL_BYTES
    for mode, entries in (("draft", g.hard_entries), ("exact", g.entries)):
        stages.measure(
            f"{mode} redraw{suffix}",
            lambda mode=mode: single_sideband(g, ABERRATIONS, mode),
            floors.redraw_bytes(entries, each, g.scan_shape),
        )
    return stages.attempt(
        f"exact image{suffix}", lambda: on_host(single_sideband(g, ABERRATIONS, "exact"))
    )


def inverse_fft(stages: Stages, scan) -> None:
    """The bare inverse FFT that is part of every redraw."""
    device = stages.device
    rows, columns = scan
    spectrum = device.xp.ones((rows, columns // 2 + 1), np.complex64)
    stages.measure(
        "bare inverse FFT",
        lambda: device.fft.irfft2(spectrum, scan, **device.fft_options),
        floors.redraw_bytes(0, 0, scan) - spectrum.nbytes,
    )


def halved(stages: Stages, resident, calibration, pixels: int, exact):
    """Redraws from G in half precision, and their error against the `exact` image from the full."""
    half = stages.attempt(
        "G in half precision", lambda: build_sidebands(resident, calibration, pixels, half=True)
    )
    if half is None:
        return
    image = redraws(stages, half, HALF)
    if image is not None and exact is not None:
        stages.figures[f"exact redraw{HALF}"]["error"] = difference(image, exact)


def difference(image, expected) -> dict:
    """Root mean square and largest difference of two images, relative to the expected one's."""
    off, size = (np.asarray(a, np.float64) for a in (image - expected, expected))
    return {
        "norm": float(np.linalg.norm(off) / np.linalg.norm(size)),
        "largest": float(abs(off).max() / abs(size).max()),
    }


def passes(stages: Stages, resident, disc) -> None:
    """What runs over the electrons: binning to planes, and the centre of mass."""
    electrons, positions = resident.electrons, resident.positions
    planes = max(1, min(disc.size, BINNED_BYTES // positions))
    stages.measure(
        "event binning",
        lambda: plane_counts(resident, disc.lookup, 0, planes),
        floors.binning_bytes(electrons, positions, planes),
    )
    if "bytes" in stages.figures["event binning"]:
        stages.figures["event binning"]["planes"] = planes
    stages.measure(
        "centre of mass",
        lambda: centre_of_mass(resident),
        floors.centre_of_mass_bytes(electrons, positions),
    )


def dpc(stages: Stages, resident, calibration) -> None:
    """The integration of the centre of mass, and from it the time of one iteration."""
    scan = resident.scan_shape
    field = scan_deflection(centre_of_mass(resident), calibration)
    moved = floors.dpc_bytes(scan, [PADDING * n for n in scan])
    done = len(integrate_com(field, calibration, iterations=DPC_ITERATIONS).errors)
    whole = stages.measure(
        f"DPC, {done} iterations",
        lambda: integrate_com(field, calibration, iterations=DPC_ITERATIONS),
        done * moved,
    )
    first = stages.measure(
        "DPC, 1 iteration", lambda: integrate_com(field, calibration, iterations=1), moved
    )
    if whole and first and done > 1:
        each = further(first, whole, done - 1)
        if each is None:
            stages.figures[FURTHER] = {
                "skipped": f"{done} iterations took no longer than one: other work is in the way."
            }
        else:
            stages.add(FURTHER, each, moved)


def further(first: Timing, whole: Timing, number: int) -> Timing | None:
    """Time of each of a number of iterations more, from a time with and one without them.

    None where it is not above zero: other work took more than they did.
    """
    wall = (whole.wall_ms - first.wall_ms) / number
    if wall <= 0:
        return None
    device = None
    if None not in (whole.device_ms, first.device_ms):
        device = (whole.device_ms - first.device_ms) / number
    return Timing(device if device and device > 0 else None, wall, whole.runs)


def paper(stages: Stages, resident, calibration, kernel) -> None:
    """The paper's kernel, ported one to one, with its inverse FFT, on its dense G."""
    device, scan = stages.device, resident.scan_shape
    pixels = resident.frame_shape[0]
    needed = dense_bytes(scan, pixels)
    # The sums of three sidebands, and what the dense G is made of, come on top.
    beside = 3 * needed // pixels**2 + making_bytes(scan, pixels)
    usable = backend.memory(device).usable
    if needed + beside > usable:
        stages.figures[PAPER] = {
            "skipped": f"Its dense G of {needed / 1e9:.1f} GB and {beside / 1e9:.1f} GB to work "
            f"with do not fit in {usable / 1e9:.1f} GB."
        }
        return
    g = dense_transform(resident, device)
    out = device.xp.empty((3, *g.shape[1:]), np.complex64)
    arguments = paper_arguments(resident, calibration, device)

    def redraw():
        kernel(g, *arguments, out)
        device.fft.irfft2(out[1], scan, **device.fft_options)

    stages.measure(PAPER, redraw, needed)
