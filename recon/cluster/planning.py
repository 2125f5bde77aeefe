"""Whether the workers' memory holds a G, known before any of it is taken."""

from dataclasses import dataclass

from recon.calibration import Calibration
from recon.cluster.failure import ClusterFull
from recon.device.backend import amount
from recon.kernels.cpu.simd import LANES
from recon.ssb.bright_field import BrightField
from recon.ssb.planning import MARGIN
from recon.ssb.tables import estimate_entries

BATCH_BYTES = 128 * 2**20
"""Transforms in one message, at most but for one plane: long beside a message, short beside
memory."""

BATCH_SHARE = 1 / 64
"""Of a large worker's memory they may take more: the scheduler, one for all, hands out less."""

IN_FLIGHT = 2
"""Batches for each worker that are under way: one is transformed while others come and go."""


DRAWING = 24
"""Bytes for each scan position that a redraw takes on all slabs together: a half plane, its copy
on the way, and norms for a few band limits. Images are made by the one who asks."""


@dataclass(frozen=True)
class ClusterPlan:
    """Bytes that a G takes on each of the workers.

    Attributes
    ----------
    workers : int
    rows : int
        Its share of the scan.
    g : int
        Its share of G, tables and entries.
    building : int
        What is under way while G is made: counts, whole transforms, and the slabs' parts of them.
    redraw : int
        Spectra and what is remembered of a few band limits.
    batch : int
        Planes to a batch.
    """

    workers: int
    rows: int
    g: int
    building: int
    redraw: int
    batch: int

    @property
    def peak(self) -> int:
        """Most bytes that a worker takes at a time, beside its programs."""
        return self.rows + self.g + max(self.building, self.redraw)


def batch_of(scan_shape, planes: int, workers: int, room: int = 0) -> int:
    """Planes that are transformed in one task, on workers with so many bytes of memory each."""
    most = max(BATCH_BYTES, int(BATCH_SHARE * room))
    half = 8 * scan_shape[0] * (scan_shape[1] // 2 + 1)
    # Every worker has something to do, several times over: they then end at about one time.
    fair = max(1, -(-planes // (4 * workers)))
    return max(1, min(most // half, fair, planes))


def reach(calibration: Calibration, columns: int) -> int:
    """Columns of the half plane beyond which no two discs overlap: |q| < 2 k0."""
    within = 2 * calibration.k0 * columns * calibration.scan_sampling[1]
    return min(columns // 2, int(within)) + 1


def plan(
    calibration: Calibration,
    disc: BrightField,
    scan_shape: tuple[int, int],
    full: bool,
    workers: int,
    scan_bytes: int,
    dense: bool = False,
    room: int = 0,
) -> ClusterPlan:
    """What a G of a scan takes on each of so many workers.

    Parameters
    ----------
    scan_bytes : int
        Of the events in memory; 0 for frames that are read from the file.
    dense : bool
        Whether the scan is of frames, whose binned planes are kept while G is made.
    room : int
        Memory of the smallest worker [bytes], where it is known.

    Raises
    ------
    ValueError
        If the scan is too small or too large for sidebands.
    """
    counts = estimate_entries(calibration, disc, scan_shape, full)
    positions = scan_shape[0] * scan_shape[1]
    batch = batch_of(scan_shape, disc.size, workers, room)
    half = 8 * scan_shape[0] * (scan_shape[1] // 2 + 1)
    # Whole counts, one real and one complex plane; and of each batch under way the slabs' parts:
    # all of those that a worker made, and its own slab's of those that others made.
    building = batch * positions * (4 if dense else 1) + 4 * positions + half
    parts = IN_FLIGHT * (2 - 1 / workers)
    building += int(parts * batch * 8 * scan_shape[0] * reach(calibration, scan_shape[1]))
    if dense:
        building += 4 * disc.size * positions // workers
    g = int(MARGIN * (counts.nbytes() + 2 * LANES) / workers)
    return ClusterPlan(
        workers, scan_bytes // workers, g, building, DRAWING * positions // workers, batch
    )


def require(wanted: ClusterPlan, workers, scan_shape, pixels_across: int) -> None:
    """Refuse a G that the workers' memory does not hold.

    Parameters
    ----------
    workers : sequence of recon.cluster.state.Worker

    Raises
    ------
    ClusterFull
        With numbers, and ways out.
    """
    tight = [worker for worker in workers if worker.total and worker.free < wanted.peak]
    if not tight:
        return
    free, worst = sum(worker.free for worker in workers), min(w.free for w in workers)
    rows, columns = scan_shape
    # What does not shrink with more workers is one batch on its way.
    shared = (wanted.rows + wanted.g + wanted.redraw) * wanted.workers
    left = worst - wanted.building
    more = f"about {-(-shared // left)} workers as large" if left > shared // 1000 else ""
    ways = [*filter(None, [more]), "workers with more memory", "fewer pixels across the disc"]
    raise ClusterFull(
        f"This scan of {rows} × {columns} positions at {pixels_across} pixels across needs "
        f"{amount(wanted.peak)} on each of {wanted.workers} workers (G {amount(wanted.g)}, its "
        f"making {amount(wanted.building)}), and {len(tight)} of them "
        f"{'has' if len(tight) == 1 else 'have'} less: {amount(worst)} is free on the fullest, "
        f"{amount(free)} on all. Take {', '.join(ways[:-1])} or {ways[-1]}."
    )
