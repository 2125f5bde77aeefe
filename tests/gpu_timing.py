"""Times of the CUDA kernels against the floor of the same device: `python tests/gpu_timing.py`.

Needs Numba and a GPU, not CuPy. In the simulator, with `--scan 8`, it shows only that it runs.
"""

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from numba import config, cuda

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from recon import ssb
from recon.bench import ABERRATIONS, reference_calibration, reference_events
from recon.com import row_divider
from recon.datacube import bright_field, count_type
from recon.gfunction import build_sidebands
from recon.kernels import cuda as kernels


def milliseconds(work, repeats):
    """Median time of a launch, over `repeats` runs of ten launches."""
    work()
    times = []
    for _ in range(repeats):
        cuda.synchronize()
        start = perf_counter()
        for _ in range(10 if repeats > 1 else 1):
            work()
        cuda.synchronize()
        times.append(1e3 * (perf_counter() - start) / (10 if repeats > 1 else 1))
    return median(times)


def redraws(g, repeats):
    """Times of draft and exact redraw without the inverse FFT, and their error against the CPU."""
    up = cuda.to_device
    g_arrays = {n: up(getattr(g, n)) for n in ("re", "im", "first", "runs", "hard", "masks")}
    hard_at, shape = up(g.hard_at), g.q_shape
    frequencies = [up(a) for a in ssb._frequencies(g)]
    out = cuda.device_array(shape, np.complex64)
    result = {}
    for mode in ("draft", "exact"):
        phases = ssb._phases(g, ABERRATIONS, averaged=mode == "exact")
        expected = np.empty(shape, np.complex64)
        ssb._fill(g, phases, mode, "both", 1.0, expected)
        p = {name: up(value) for name, value in vars(phases).items()}
        k, q_y, q_x = frequencies
        entries = [g_arrays[n] for n in ("re", "im", "first")]
        if mode == "draft":
            norm = up(ssb._hard_norm(g, phases, ssb.SIDES["both"], 1.0))
            chi = up(phases.values[0]), p["powers"], p["mirrored"]
            tables = *entries, g_arrays["hard"], hard_at
            arguments = *tables, k, *chi, q_y, q_x, norm, ssb.SIDES["both"], out
            launch = kernels.sum_hard
        else:
            chi = [p[n] for n in ("values", "powers", "mirrored", "slopes", "slopes_mirrored")]
            limits = up(ssb._last_columns(g, 1.0)), np.float32(ssb.LEAST_OVERLAP)
            tables = *entries, g_arrays["runs"], g_arrays["masks"]
            mean = np.float32(1 / g.mean_counts)
            arguments = *tables, k, *chi, q_y, q_x, ssb.KINDS["both"], *limits, mean, out
            launch = kernels.sum_averaged
        result[f"{mode}_ms"] = milliseconds(lambda a=arguments, f=launch: f(*a), repeats)
        error = abs(out.copy_to_host() - expected).max() / abs(expected).max()
        result[f"{mode}_error"] = float(error)
    return result


def passes(events, repeats):
    """Times of the passes over the electrons."""
    pixels, offsets = cuda.to_device(events.pixels), cuda.to_device(events.offsets)
    disc = bright_field(reference_calibration(events.frame_shape[0]), events.frame_shape)
    counts = cuda.device_array((disc.size, events.positions), count_type(events))
    lookup = cuda.to_device(disc.lookup)
    field = cuda.device_array((2, events.positions), np.float32)
    keep = cuda.to_device(np.ones(events.frame_shape, bool).ravel())
    width = events.frame_shape[1]
    last = events.positions
    magic = row_divider(*events.frame_shape)
    return {
        "densify_ms": milliseconds(
            lambda: kernels.densify(pixels, offsets, lookup, 0, counts), repeats
        ),
        "centres_ms": milliseconds(
            lambda: kernels.centres(pixels, offsets, 0, last, keep, width, *magic, field), repeats
        ),
        "total_ms": milliseconds(lambda: kernels.total(pixels), repeats),
    }


def main():
    """Print everything as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scan", type=int, default=1024)
    parser.add_argument("--pixels", type=int, default=18)
    scan, pixels = (parser.parse_args().scan,) * 2, parser.parse_args().pixels
    repeats = 1 if config.ENABLE_CUDASIM else 9
    events = reference_events(scan, pixels)
    g = build_sidebands(events, reference_calibration(pixels), pixels)
    source = cuda.to_device(g.re)
    copy = cuda.device_array_like(source)
    floor = milliseconds(lambda: copy.copy_to_device(source), repeats)
    # A copy reads and writes as many bytes as a redraw reads of `re` and `im`.
    report = {"device": "simulator", "entries": g.entries, "floor_ms": floor}
    if not config.ENABLE_CUDASIM:
        report["device"] = str(cuda.get_current_device().name)
    report["hard_entries"] = g.hard_entries
    print(json.dumps(report | redraws(g, repeats) | passes(events, repeats), indent=2))


if __name__ == "__main__":
    main()
