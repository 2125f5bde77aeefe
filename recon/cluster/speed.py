"""How fast a cluster reconstructs, beside one process of the same machine."""

import os
import pickle
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from recon.bench.memory import highest_resident
from recon.bench.work import ABERRATIONS, reference_calibration, reference_events
from recon.cluster import held, planning
from recon.cluster.connection import Cluster
from recon.cluster.model import Work, building_s, rates_of, redraw_s, tasks
from recon.cluster.slabs import Slabs, build_slabs, on_cluster
from recon.cluster.sources import file_rows
from recon.io import write_events
from recon.specimen import THIN
from recon.ssb.gfunction import build_sidebands
from recon.ssb.phase import fill_phase, single_sideband
from recon.ssb.workspace import workspace

REPEATS, TASKS = 9, 200

FORESEEN = 1, 2, 4, 8, 32
"""Workers for which the model is asked."""


def run(
    cluster: Cluster,
    scan=(1024, 1024),
    pixels: int = 18,
    electrons_per_frame: float = 50.0,
    progress=lambda fraction: None,
) -> dict[str, Any]:
    """Measure G and redraws on a cluster beside one process, in turns.

    Parameters
    ----------
    cluster : Cluster
        Of this machine, or one that sees this machine's temporary folder.
    scan : (Sy, Sx)
    pixels : int
        Across the disc.
    electrons_per_frame : float
    progress : callable

    Returns
    -------
    dict
        Times [ms], bytes, and what a model of them foresees for more workers; ready for JSON.
    """
    events = reference_events(scan, pixels, electrons_per_frame)
    calibration = reference_calibration(pixels)
    figures: dict[str, Any] = {
        "scan": list(scan),
        "pixels": pixels,
        "electrons": int(events.electrons),
        "cluster": cluster.state().line,
    }
    with tempfile.TemporaryDirectory(prefix="livestem-bench-") as folder:
        path = Path(folder) / "scan.npz"
        write_events(path, events)
        progress(0.1)
        _load(cluster)
        before = cluster.run(_resident)
        there = on_cluster(cluster, events, file_rows(path))
        start = perf_counter()
        there.placed()
        figures["reading_ms"] = 1e3 * (perf_counter() - start)
        start = perf_counter()
        slabs = build_slabs(there, calibration, pixels)
        figures["building_ms"] = {"cluster": 1e3 * (perf_counter() - start)}
        after = cluster.run(highest_resident)
    progress(0.5)
    start = perf_counter()
    one = build_sidebands(events, calibration, pixels)
    figures["building_ms"]["one process"] = 1e3 * (perf_counter() - start)
    figures["entries"], figures["parts"] = slabs.entries, len(slabs.placed)
    room = min(worker.total for worker in cluster.alive().values())
    how = calibration, slabs.bright_field, scan, False, len(slabs.placed), events.nbytes
    wanted = planning.plan(*how, room=room)
    figures["peak_bytes"] = {
        "planned": wanted.peak,
        "measured": max(after[p.address] - before[p.address] for p in slabs.placed),
    }
    progress(0.6)
    for mode in ("draft", "exact"):
        figures[f"redraw_{mode}_ms"] = _in_turns(
            {
                "one process": lambda mode=mode: single_sideband(one, ABERRATIONS, mode),
                "cluster": lambda mode=mode: single_sideband(slabs, ABERRATIONS, mode),
            }
        )
        progress(0.8)
    figures["traffic_bytes"] = _traffic(slabs)
    figures["foreseen_ms"] = _foreseen(slabs, figures)
    progress(1.0)
    return figures


def _load(cluster: Cluster) -> None:
    """Have the workers load their programs, which a small scan needs as well as a large one."""
    small = reference_events((16, 16), 8, 20.0)
    slabs = build_slabs(on_cluster(cluster, small), reference_calibration(8), 8)
    single_sideband(slabs, ABERRATIONS)


def _in_turns(works) -> dict[str, float]:
    """Median times [ms], taken in turns so that a busy moment hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(REPEATS):
        for name, work in works.items():
            start = perf_counter()
            work()
            times[name].append(1e3 * (perf_counter() - start))
    return {name: median(each) for name, each in times.items()}


def _traffic(slabs: Slabs) -> dict[str, int]:
    """Bytes that a redraw sends to each worker, and gets from all of them."""
    question = held.spectrum_of, THIN, fill_phase, (ABERRATIONS, "exact", "both", 1.0, None)
    received = sum(rows.nbytes for rows in slabs.asked(_empty))
    return {"sent": len(pickle.dumps(question)), "received": received}


def _empty(g):
    rows, columns = held.held_extent(g)
    return np.zeros((rows.size, columns), np.complex64)


def _nothing(g):
    return None


def task_s(cluster: Cluster) -> float:
    """Seconds that the scheduler takes for a task with nothing to do."""
    where = list(cluster.alive())
    start = perf_counter()
    asked = [
        cluster.client.submit(abs, -n, workers=[where[n % len(where)]], pure=False)
        for n in range(TASKS)
    ]
    cluster.client.gather(asked)
    return (perf_counter() - start) / TASKS


def _foreseen(slabs: Slabs, figures) -> dict[str, Any] | None:
    """What the model says of more workers, with rates taken from what was measured here."""
    parts, positions = len(slabs.placed), int(np.prod(slabs.scan_shape))
    received = figures["traffic_bytes"]["received"]
    work = Work(slabs.entries, positions, slabs.bright_field.size, received, slabs.batch)
    with workspace(slabs) as lent:
        lent.spectrum[:] = 0
        times = _in_turns(
            {
                "ask": lambda: slabs.asked(_nothing),
                "empty": lambda: slabs.asked(_empty),
                "inverse": lambda: lent.image(lent.spectrum),
            }
        )
    # As one worker would: slabs are summed at a time.
    fixed = times["empty"] + times["inverse"]
    alone = fixed + parts * (figures["redraw_exact_ms"]["cluster"] - fixed)
    task = task_s(slabs.cluster)
    making = 1e-3 * figures["building_ms"]["cluster"] - tasks(work, parts) * task
    building = parts * making + tasks(work, 1) * task
    parts_of_redraw = times["ask"], times["empty"], alone, times["inverse"]
    try:
        rates = rates_of(work, *(1e-3 * each for each in parts_of_redraw), building, task)
    except ValueError:
        # A machine so busy that its figures contradict each other tells nothing of others.
        return None
    return {
        "redraw_exact": {str(n): 1e3 * redraw_s(work, n, rates) for n in FORESEEN},
        "building": {str(n): 1e3 * building_s(work, n, rates) for n in FORESEEN},
    }


def _resident() -> int:
    """Bytes that this process has in memory now, or had at most where that is all that is told."""
    told = Path("/proc/self/statm")
    if told.exists():
        return int(told.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return highest_resident()


def text(figures: dict[str, Any]) -> str:
    """The figures as a table of plain text."""
    build, peak = figures["building_ms"], figures["peak_bytes"]
    rows = [("", "one process", "cluster")]
    rows.append(("G [ms]", f"{build['one process']:,.0f}", f"{build['cluster']:,.0f}"))
    for mode in ("draft", "exact"):
        took = figures[f"redraw_{mode}_ms"]
        rows.append(
            (f"redraw, {mode} [ms]", f"{took['one process']:.1f}", f"{took['cluster']:.1f}")
        )
    traffic = figures["traffic_bytes"]
    lines = [f"{a:<24}{b:>14}{c:>14}" for a, b, c in rows]
    lines.append(
        f"A redraw sends {traffic['sent']:,} bytes to each worker and gets "
        f"{traffic['received'] / 1e6:.1f} MB from all of them."
    )
    lines.append(
        "Memory of a worker: {measured:,.0f} MB, planned {planned:,.0f}.".format(
            **{name: size / 1e6 for name, size in peak.items()}
        )
    )
    foreseen = figures["foreseen_ms"]
    if foreseen:
        lines.append("Foreseen by a model of workers and links as fast as these:")
        lines += [
            f"{n:>4} workers: G {foreseen['building'][n]:,.0f} ms, "
            f"exact redraw {foreseen['redraw_exact'][n]:.1f} ms"
            for n in foreseen["building"]
        ]
    scan = "{} × {}".format(*figures["scan"])
    head = f"{scan} positions, {figures['pixels']} pixels across; {figures['cluster']}"
    return "\n".join([head, *lines])
