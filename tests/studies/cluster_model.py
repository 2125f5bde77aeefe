"""The model of a cluster's speed against what 1 to 4 processes take, and what it foresees of GPUs.

    python -m tests.studies.cluster_model [--side 512]

Workers of one thread each, on a machine of which the cores are told. The model's rates are those
measured with one worker, and it is then asked for two, three and four. For 8 and 32 GPUs with
8192² positions at 64 pixels across its rates are assumed, as printed.
"""

import argparse
import os
from dataclasses import replace
from statistics import median
from time import perf_counter

from recon.bench.work import ABERRATIONS, reference_calibration, reference_events
from recon.cluster.connection import Cluster
from recon.cluster.model import Rates, Work, building_s, rates_of, redraw_s
from recon.cluster.planning import plan, reach
from recon.cluster.slabs import build_slabs, on_cluster
from recon.cluster.speed import _empty, _nothing, task_s
from recon.ssb.bright_field import bright_field
from recon.ssb.phase import single_sideband
from recon.ssb.tables import estimate_entries
from recon.ssb.workspace import workspace

REPEATS = 15

ROOM = 140 * 10**9
"""Memory of a GPU [bytes]."""

GPU = {
    "bytes of memory read a second by a GPU": 0.5 * 4.3e12,
    "exact sums take as much longer than a draft as on a CPU": 3.2,
    "bytes a second of a link": 0.8 * 100e9 / 8,
    "seconds to ask": 2e-3,
    "seconds of the scheduler for a task": 5e-4,
    "positions a second that the server transforms": 8 * 3.5e8,
    "bytes that a GPU moves for each position of a plane": 40,
}
"""What is assumed: H200s that read at half of what they copy, links of 100 Gbit/s, and a server of
16 cores, eight times two cores of which transform 1024² positions in 3 ms."""


def timed(work) -> float:
    """Median seconds."""
    work()
    took = []
    for _ in range(REPEATS):
        start = perf_counter()
        work()
        took.append(perf_counter() - start)
    return median(took)


def measured(workers: int, events, calibration, pixels):
    """Work, and seconds of each part, with so many workers of one thread."""
    with Cluster(f"local:{workers}", device="cpu") as cluster:
        scan = on_cluster(cluster, events)
        scan.placed()
        took = []
        for _ in range(3):
            start = perf_counter()
            g = build_slabs(scan, calibration, pixels)
            took.append(perf_counter() - start)
        received = sum(rows.nbytes for rows in g.asked(_empty))
        work = Work(g.entries, events.positions, g.bright_field.size, received, g.batch)
        with workspace(g) as lent:
            lent.spectrum[:] = 0
            inverse = timed(lambda: lent.image(lent.spectrum))
        return work, {
            "ask": timed(lambda: g.asked(_nothing)),
            "empty": timed(lambda: g.asked(_empty)),
            "redraw": timed(lambda: single_sideband(g, ABERRATIONS)),
            "inverse": inverse,
            "building": min(took),
            "task": task_s(cluster),
        }


def compare(side: int, pixels: int) -> None:
    os.environ["LIVESTEM_THREADS"] = "1"
    cores = os.cpu_count()
    events, calibration = reference_events((side, side), pixels), reference_calibration(pixels)
    rates = None
    print(f"{side}² × {pixels}, workers of one thread on {cores} cores [ms]")
    print(f"{'':>10}{'redraw':>10}{'model':>10}{'ratio':>8}{'G':>12}{'model':>10}{'ratio':>8}")
    for workers in range(1, 5):
        work, took = measured(workers, events, calibration, pixels)
        rates = rates or rates_of(work, **took)
        line = f"{workers:>10}"
        for name, model, width in (("redraw", redraw_s, 10), ("building", building_s, 12)):
            said = model(work, workers, rates, at_once=cores)
            line += f"{1e3 * took[name]:>{width}.0f}{1e3 * said:>10.0f}{took[name] / said:>8.2f}"
        print(line, flush=True)


def foresee(side: int, pixels: int) -> None:
    calibration, scan = reference_calibration(pixels), (side, side)
    disc = bright_field(calibration, (pixels, pixels), pixels)
    counts = estimate_entries(calibration, disc, scan, False)
    # Rows and columns that two discs reach.
    rows = min(side, 2 * reach(calibration, side) - 1)
    spectrum = 8 * rows * reach(calibration, side)
    work = Work(counts.entries, side**2, disc.size, spectrum)
    speed = GPU["bytes of memory read a second by a GPU"]
    moved = GPU["bytes that a GPU moves for each position of a plane"]
    slower = GPU["exact sums take as much longer than a draft as on a CPU"]
    print(f"\n{side}² × {pixels}: {work.entries / 1e9:.1f} billion entries; assumed")
    for name, value in GPU.items():
        print(f"    {name}: {value:.3g}")
    print(f"{'GPUs':>6}{'GB each':>10}{'draft [ms]':>12}{'exact [ms]':>12}{'G [s]':>8}")
    for workers in (8, 32):
        wanted = plan(calibration, disc, scan, False, workers, 0, room=ROOM)
        work, each = replace(work, batch=wanted.batch), wanted.peak
        line = f"{workers:>6}{each / 1e9:>10.1f}"
        for factor in (1.0, slower):
            rates = Rates(
                entries=speed / 8 / factor,
                ask=GPU["seconds to ask"],
                link=GPU["bytes a second of a link"],
                inverse=GPU["positions a second that the server transforms"],
                transforms=speed / moved,
                task=GPU["seconds of the scheduler for a task"],
            )
            line += f"{1e3 * redraw_s(work, workers, rates):>12.0f}"
        print(f"{line}{building_s(work, workers, rates):>8.0f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--only", choices=["compare", "foresee"])
    chosen = parser.parse_args()
    if chosen.only != "foresee":
        compare(chosen.side, 18)
    if chosen.only != "compare":
        foresee(8192, 64)


if __name__ == "__main__":
    main()
