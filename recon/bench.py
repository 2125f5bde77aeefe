"""How fast this machine reconstructs, against what bounds it: ratios taken within one run.

The reference work is the paper's: 1024 × 1024 positions, 18 × 18 pixels over the bright-field
disc, 80 keV, 25 mrad, a scan step of 0.316 Å and 50 electrons a frame.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import h5py
import numpy as np
import scipy.fft

from recon.calibration import Calibration
from recon.com import centre_of_mass
from recon.datacube import bright_field, plane_counts
from recon.events import ElectronEvents
from recon.gfunction import build_sidebands
from recon.io import open_events, write_events
from recon.kernels import events as event_kernels
from recon.kernels import reference
from recon.optics import COEFFICIENTS, Aberrations
from recon.ssb import single_sideband

ABERRATIONS = Aberrations(C10=-80.0, C12a=15.0, C12b=-10.0)
REPEATS = 9
DISC_SHARE = 0.955
"""Diameter of the disc over the detector's width: it holds 232 of 18 × 18 pixels, as there."""


def reference_calibration(pixels: int = 18) -> Calibration:
    """Geometry of the reference work on a detector of `pixels` × `pixels`."""
    centre = (pixels - 1) / 2
    return Calibration(80e3, 25.0, (0.316, 0.316), (centre, centre), DISC_SHARE * pixels / 2)


def reference_events(scan=(1024, 1024), pixels=18, electrons_per_frame=50.0) -> ElectronEvents:
    """Independent electrons spread evenly over the disc: the size of real work, no object."""
    rng = np.random.default_rng(0)
    positions = scan[0] * scan[1]
    offsets = np.zeros(positions + 1, np.int64)
    np.cumsum(rng.poisson(electrons_per_frame, positions), out=offsets[1:])
    calibration = reference_calibration(pixels)
    y, x = np.indices((pixels, pixels)) - np.reshape(calibration.centre, (2, 1, 1))
    inside = np.flatnonzero(np.hypot(y, x) < calibration.radius).astype(np.uint32)
    chosen = inside[rng.integers(0, inside.size, offsets[-1], dtype=np.uint16)]
    return ElectronEvents(chosen, offsets, tuple(scan), (pixels, pixels))


def _milliseconds(work, repeats=REPEATS) -> float:
    """Median time of `repeats` calls, after one that is not counted."""
    work()
    return _interleaved({"": work}, repeats)[""]


def _interleaved(works: dict, repeats=REPEATS) -> dict:
    """Median time of each work, taken in turns so that a busy moment hits all alike."""
    times = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(repeats):
        for name, work in works.items():
            start = perf_counter()
            work()
            times[name].append(1e3 * (perf_counter() - start))
    return {name: median(values) for name, values in times.items()}


def run(scan=(1024, 1024), pixels=18, electrons_per_frame=50.0, progress=None) -> dict:
    """Measure every stage.

    Parameters
    ----------
    scan : (int, int)
        Scan positions.
    pixels : int
        Detector pixels across, 4 to 64.
    electrons_per_frame : float
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    dict
        Medians in milliseconds (`*_ms`), `peak_memory_bytes` above the events themselves,
        `sideband_entries` that a draft redraw reads, `device`, the work's size, and `ratios`
        of what was measured to what bounds it.

    Raises
    ------
    ValueError
        If `pixels` or the scan is outside what can be reconstructed.
    """
    tell = progress or (lambda fraction: None)
    events = reference_events(scan, pixels, electrons_per_frame)
    calibration = reference_calibration(pixels)
    tell(0.05)
    figures = {"device": "cpu", "threads": _threads(), "scan": list(scan), "pixels": pixels}
    figures["electrons"] = events.electrons
    # Once to compile, and to have G; then the median of what a session does.
    g = build_sidebands(events, calibration, pixels)
    figures |= _redraws(g)
    tell(0.3)
    first_image, batched = [], []
    for _ in range(3):
        del g
        start = perf_counter()
        g = build_sidebands(events, calibration, pixels)
        single_sideband(g, ABERRATIONS)
        first_image.append(1e3 * (perf_counter() - start))
        batched.append(_batched_fft(events, calibration, pixels))
    figures |= {"first_image_ms": median(first_image), "batched_fft_ms": median(batched)}
    figures |= {"sideband_entries": g.hard_entries, "kept_entries": g.entries}
    del g
    tell(0.5)
    figures |= _interleaved(
        {
            "com_ms": lambda: centre_of_mass(events),
            "one_pass_ms": lambda: event_kernels.total(events.pixels),
        }
    )
    figures["paper_kernel_ms"] = _paper_kernel(events, calibration)
    tell(0.65)
    with tempfile.TemporaryDirectory() as folder:
        figures |= _reading(events, Path(folder))
        tell(0.9)
        figures["peak_memory_bytes"] = _peak_memory(Path(folder) / "events.npz", pixels)
    figures["ratios"] = _ratios(figures)
    tell(1.0)
    return figures


def _threads() -> int:
    """Threads that kernels run on."""
    from numba import get_num_threads

    return get_num_threads()


def _redraws(g) -> dict:
    """Draft, exact, and the floor: stream the entries of a draft once, one inverse real FFT."""
    entries = np.ones(2 * g.hard_entries, np.float32)
    spectrum = np.ones(g.q_shape, np.complex64)

    def floor():
        reference.sum_of(entries)
        scipy.fft.irfft2(spectrum, g.scan_shape, workers=-1)

    return _interleaved(
        {
            "floor_ms": floor,
            "redraw_draft_ms": lambda: single_sideband(g, ABERRATIONS, "draft"),
            "redraw_exact_ms": lambda: single_sideband(g, ABERRATIONS, "exact"),
        },
        2 * REPEATS,
    )


def _batched_fft(events, calibration, pixels) -> float:
    """Bare batched real FFT of the planes that G is made of, already in single precision."""
    disc = bright_field(calibration, events.frame_shape, pixels)
    batch = max(1, min(8, disc.size))
    planes = plane_counts(events, disc.lookup, 0, batch).astype(np.float32)
    total, done = 0.0, 0
    while done < disc.size:
        part = planes[: min(batch, disc.size - done)]
        start = perf_counter()
        scipy.fft.rfft2(part, workers=-1)
        total += perf_counter() - start
        done += len(part)
    return 1e3 * total


def _paper_kernel(events, calibration) -> float:
    """The paper's kernel on its dense G: every detector pixel, half of the frequencies."""
    rows, columns = events.scan_shape
    height, width = events.frame_shape
    every = np.arange(height * width, dtype=np.int16)
    g = np.empty((height * width, rows, columns // 2 + 1), np.complex64)
    counts = plane_counts(events, every, 0, height * width)
    for plane in range(0, height * width, 8):
        part = counts[plane : plane + 8].astype(np.float32)
        g[plane : plane + 8] = scipy.fft.rfft2(part, workers=-1)
    del counts
    y, x = np.indices((height, width)).reshape(2, -1)
    ky, kx = (
        ((axis - c) * calibration.reciprocal_sampling).astype(np.float32)
        for axis, c in zip((y, x), calibration.centre, strict=True)
    )
    q_y = np.fft.fftfreq(rows, calibration.scan_sampling[0]).astype(np.float32)
    q_x = np.fft.rfftfreq(columns, calibration.scan_sampling[1]).astype(np.float32)
    coefficients = np.array([getattr(ABERRATIONS, name) for name in COEFFICIENTS[:12]], np.float32)
    out = np.empty((3, *g.shape[1:]), np.complex64)
    scalars = np.float32(calibration.k0), np.float32(calibration.wavelength)

    def redraw():
        reference.paper_sideband(g, ky, kx, q_y, q_x, *scalars, coefficients, out)
        scipy.fft.irfft2(out[1], events.scan_shape, workers=-1)

    return _milliseconds(redraw, 3)


def _reading(events, folder: Path) -> dict:
    """Read the 4D Camera layout and the cache, beside h5py's own read and the bare bytes."""
    hdf5, cache, raw = folder / "events.h5", folder / "events.npz", folder / "events.raw"
    write_events(hdf5, events)
    write_events(cache, events)
    with raw.open("wb") as file:
        file.write(memoryview(events.pixels).cast("B"))
        file.write(memoryview(events.offsets).cast("B"))

    def read_ragged():
        with h5py.File(hdf5) as file:
            file["electron_events/frames"][()]

    return _interleaved(
        {
            "read_hdf5_ms": lambda: open_events(hdf5),
            "h5py_read_ms": read_ragged,
            "read_cache_ms": lambda: open_events(cache),
            "raw_read_ms": lambda: np.fromfile(raw, np.uint8),
        },
        5,
    )


def _peak_memory(path: Path, pixels: int) -> int:
    """Highest resident memory of a fresh process from events to exact image, less the events."""
    command = [sys.executable, "-m", "recon.bench", str(path), str(pixels)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


def _measure_memory(path: str, pixels: int) -> int:
    events = open_events(path)
    g = build_sidebands(events, reference_calibration(pixels), pixels)
    for mode in ("draft", "exact"):
        single_sideband(g, ABERRATIONS, mode)
    return _highest_resident() - events.nbytes


def _highest_resident() -> int:
    """Most bytes this process ever had in memory."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage would count the parent's memory, which a child has before it starts afresh.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024)


def _ratios(figures: dict) -> dict:
    """What the project promises of each figure, as the ratio measured in this run."""
    pairs = {
        "draft redraw / floor": ("redraw_draft_ms", "floor_ms"),
        "paper's kernel / draft redraw": ("paper_kernel_ms", "redraw_draft_ms"),
        "exact redraw / draft redraw": ("redraw_exact_ms", "redraw_draft_ms"),
        "first image / batched FFT": ("first_image_ms", "batched_fft_ms"),
        "centre of mass / one pass": ("com_ms", "one_pass_ms"),
        "HDF5 / h5py's own read": ("read_hdf5_ms", "h5py_read_ms"),
        "cache / raw bytes": ("read_cache_ms", "raw_read_ms"),
    }
    return {name: figures[over] / figures[under] for name, (over, under) in pairs.items()}


if __name__ == "__main__":
    print(_measure_memory(sys.argv[1], int(sys.argv[2])))
