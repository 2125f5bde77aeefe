"""How fast this machine reconstructs, against what bounds it: ratios taken within one run.

The reference work is the paper's: 1024 × 1024 positions, 18 × 18 pixels over the bright-field
disc, 80 keV, 25 mrad, a scan step of 0.316 Å and 50 electrons a frame.

Where only `recon`'s dependencies are installed, `python -m recon.bench --help` takes the place of
`livestem bench`. On a machine with a GPU, all that wants one is this, in one line of a shell:

    python -m pytest -q -W default tests/recon/device $(find tests -name 'test_*cuda*.py');
    python -m recon.bench --device gpu --output bench.json
"""

import json
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import h5py
import numpy as np
import scipy.fft

from recon.bench.memory import peak_memory
from recon.bench.work import (
    ABERRATIONS,
    dense_transform,
    paper_arguments,
    reference_calibration,
    reference_events,
)
from recon.device.backend import CPU
from recon.io import open_events, write_events
from recon.io.files.atomic import replacing
from recon.kernels.cpu import events as event_kernels
from recon.kernels.cpu import reference
from recon.ssb.bright_field import bright_field, plane_counts
from recon.ssb.gfunction import build_sidebands
from recon.ssb.phase import single_sideband
from recon.sums.com import centre_of_mass

REPEATS = 9
SCAN, PIXELS, ELECTRONS = 1024, 18, 50.0


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
        figures["peak_memory_bytes"] = peak_memory(Path(folder) / "events.npz", pixels)
    figures["ratios"] = _ratios(figures)
    tell(1.0)
    return figures


def _threads() -> int:
    """Threads that kernels run on."""
    from recon.kernels import threads

    return threads()


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
    g = dense_transform(events, CPU)
    arguments = paper_arguments(events, calibration, CPU)
    out = np.empty((3, *g.shape[1:]), np.complex64)

    def redraw():
        reference.paper_sideband(g, *arguments, out)
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


def run_device(
    device, scan=None, pixels=None, electrons_per_frame=ELECTRONS, *, quick=False, **how
) -> dict:
    """Measure a device: `recon.bench.device.run`, which takes the other arguments.

    Parameters
    ----------
    device : Device
    scan : (int, int), optional
    pixels : int, optional
        One size, in place of all of them, if either is given.
    electrons_per_frame : float
    quick : bool
        Two small sizes instead of all: half a minute.
    """
    from recon.bench import device as bench_device

    sizes = bench_device.QUICK if quick else bench_device.all_sizes()
    if scan or pixels:
        sizes = [(tuple(scan or (SCAN, SCAN)), pixels or PIXELS)]
    return bench_device.run(device, sizes, electrons_per_frame=electrons_per_frame, **how)


def failures(report: dict) -> str:
    """A sentence that names the stages of a device's report that failed; empty if none did.

    What was left out for want of memory or time has not failed.
    """
    stages = [item for size in report["sizes"] for item in size.get("stages", {}).items()]
    stages += [item for item in report["agreement"].items() if item[0] != "scan"]
    names = [name for name, figures in stages if "failed" in figures]
    if not names:
        return ""
    stages = "1 stage" if len(names) == 1 else f"{len(names)} stages"
    return f"{stages} failed, for the reasons above: {', '.join(sorted(set(names)))}."


def written(path: Path):
    """A function that keeps a report as JSON in a file, there in full or not at all."""

    def keep(report: dict) -> None:
        with replacing(path) as file:
            file.write(json.dumps(report, indent=2).encode() + b"\n")

    return keep
