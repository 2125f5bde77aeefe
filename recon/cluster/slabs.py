"""G whose rows of q lie on the workers of a cluster, as it stands where `Sidebands` stands."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from recon.calibration import Calibration
from recon.cluster import held, planning
from recon.cluster.borders import balanced_borders, entries_of_rows, even_borders
from recon.cluster.building import Building, Placed, answers, read_rows
from recon.cluster.connection import Cluster
from recon.cluster.failure import ClusterError, WorkerLost
from recon.cluster.held import Job
from recon.cluster.sources import SentRows
from recon.device.backend import CPU, Device
from recon.scan.kinds import ScanData, electrons
from recon.specimen import THIN, Specimen
from recon.ssb.bright_field import BrightField, bright_field
from recon.ssb.sidebands import Plane
from recon.ssb.tables import check_scan
from recon.sums.current import BeamCurrent

TRIES = 5
"""Times that a cluster whose workers go one after the other is tried with."""

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class OnCluster:
    """A scan whose rows lie on workers, for sums and G.

    Parameters
    ----------
    cluster : Cluster
    source
        `recon.cluster.sources.FileRows` or `SentRows`.
    scan_shape : (Sy, Sx)
    frame_shape : (Ky, Kx)
    excluded : (Ky, Kx) bool array, or None
    nbytes : int
        Of its events; 0 for frames.
    dense : bool
        Whether it consists of frames.
    """

    cluster: Cluster
    source: object
    scan_shape: tuple[int, int]
    frame_shape: tuple[int, int]
    excluded: np.ndarray | None = None
    nbytes: int = 0
    dense: bool = False
    rows: list[Placed] = field(default_factory=list, init=False)
    borders: tuple = field(default=(), init=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def placed(self) -> list[Placed]:
        """Its rows on workers; those whose worker is gone, elsewhere."""
        with self._lock:
            alive = self.cluster.alive()
            if not self.rows:
                self.borders = even_borders(self.scan_shape[0], len(alive))
                taken = list(alive)[: len(self.borders)]
                self.rows = read_rows(self.cluster, self.source, self.borders, taken)
            kept = {n for n, each in enumerate(self.rows) if each.address in alive}
            for n in sorted(set(range(len(self.rows))) - kept):
                address = roomiest(alive, [self.rows[k].address for k in kept])
                (self.rows[n],) = read_rows(
                    self.cluster, self.source, self.borders[n : n + 1], [address]
                )
                kept.add(n)
            return list(self.rows)

    def summed(self, function: Callable, *arguments) -> list:
        """What `function(rows, *arguments)` gives on each worker, in the order of the rows.

        A worker that is lost on the way has its rows read elsewhere.

        Raises
        ------
        ClusterError
            If the cluster fails.
        """
        return outlasting(
            self.cluster, lambda: answers(self.cluster, self.placed(), function, *arguments)
        )

    def forget(self) -> None:
        """Read all rows anew when they are next wanted: the cluster is another one."""
        with self._lock:
            self.rows = []


def on_cluster(cluster: Cluster, scan: ScanData, source=None) -> OnCluster:
    """A scan that is open here, to be worked on by a cluster.

    Parameters
    ----------
    cluster : Cluster
    scan : ElectronEvents or DenseFrames
    source : FileRows, optional
        The file that holds just this scan; without it the rows are sent to the workers.
    """
    dense = electrons(scan) is None
    return OnCluster(
        cluster,
        source or SentRows(scan),
        scan.scan_shape,
        scan.frame_shape,
        scan.excluded,
        scan.nbytes if not dense or source is None else 0,
        dense,
    )


def roomiest(alive, taken) -> str:
    """The worker with the fewest parts already, and of those the one with most room."""
    return min(alive, key=lambda address: (taken.count(address), -alive[address].free))


def outlasting(cluster: Cluster, work: Callable):
    """`work()`, again where a worker went meanwhile.

    Raises
    ------
    ClusterError
        If one after the other goes, or the scheduler.
    """
    for _ in range(TRIES - 1):
        try:
            return work()
        except WorkerLost as error:
            _log.warning("%s Its part is made again.", error)
    return work()


@dataclass(frozen=True, eq=False)
class Slabs(Plane):
    """G(k, q) on the sidebands, its rows of q on workers; the same to look at as `Sidebands`.

    Attributes
    ----------
    calibration, bright_field, scan_shape, full, k, pacbed, electrons, current
        As of `recon.ssb.sidebands.Sidebands`.
    entries, hard_entries, stored : int
        Entries kept, those that a draft reads, and bytes on the workers.
    notices : list of str
        What has happened on the cluster since they were last taken.
    """

    calibration: Calibration
    bright_field: BrightField
    scan_shape: tuple[int, int]
    full: bool
    k: np.ndarray
    pacbed: np.ndarray
    electrons: float
    current: BeamCurrent | None
    entries: int
    hard_entries: int
    stored: int
    batch: int
    job: Job = field(repr=False)
    scan: OnCluster = field(repr=False)
    placed: list[Placed] = field(repr=False)
    spare: list = field(default_factory=list, repr=False)
    derived: dict = field(default_factory=dict, repr=False)
    notices: list[str] = field(default_factory=list)
    rows: None = None
    lines: None = None
    device: Device = CPU
    scale: float = 1.0
    half: bool = False
    specimen: Specimen = THIN
    _lock: Lock = field(default_factory=Lock, repr=False)

    @property
    def cluster(self) -> Cluster:
        """Where it lies."""
        return self.scan.cluster

    @property
    def made_on(self) -> dict[str, str]:
        """That it is a cluster, and how large."""
        return {"used": "cluster", "name": self.cluster.state().name}

    # ---- what stands where Sidebands' own stand ----

    def asked(self, function: Callable, *arguments) -> list:
        """What `function` of each slab gives."""
        return self._asked(held.rows_of, self.specimen, function, arguments)

    def by_rows(self, function: Callable, *arguments):
        """`function` of each slab: (..., Sy, Qx), row after row."""
        return np.concatenate(self.asked(function, *arguments), axis=-2)

    def fill(self, work, function: Callable, *arguments) -> None:
        """Fill the spectrum of a workspace with the slabs' rows."""
        question = held.spectrum_of, self.specimen, function, arguments
        # Frequencies that no sideband reaches are made nothing while the workers sum.
        found = self._each(lambda number: question, lambda: work.spectrum.fill(0))
        for (first, _), (rows, part) in zip(self.job.lines, found, strict=True):
            work.spectrum[first + rows.astype(int), : part.shape[1]] = part

    def gathered(self, function: Callable, places):
        """`function(slab, places)` of the slab that holds each (row, column) of q."""
        rows = np.array([row for row, _ in places], int).reshape(-1)
        begins = np.array([begin for begin, _ in self.job.lines])
        owners = np.searchsorted(begins, rows, side="right") - 1
        wanted: list[list] = [[] for _ in begins]
        for (row, column), owner in zip(places, owners, strict=True):
            wanted[owner].append((row - self.job.lines[owner][0], column))
        found = self._each(lambda s: (held.rows_of, self.specimen, function, (wanted[s],)))
        together = [np.concatenate(parts) for parts in zip(*found, strict=True)]
        order = np.argsort(np.argsort(owners, kind="stable"), kind="stable")
        return tuple(part[order] for part in together)

    # ---- asking ----

    def _asked(self, function, *arguments):
        return self._each(lambda number: (function, *arguments))

    def _each(self, of: Callable[[int], tuple], meanwhile: Callable = lambda: None) -> list:
        """What each slab answers to the question `of` its number; those lost are remade.

        `meanwhile()` is called between questions and answers.
        """

        def work():
            placed = list(self.placed)
            asked = []
            for number, each in enumerate(placed):
                try:
                    asked.append(each.actor.ask(*of(number)))
                except RuntimeError as error:  # Dask's word for a worker that is gone
                    raise WorkerLost(f"The worker at {each.address} is gone.") from error
            meanwhile()
            found = [self.cluster.answer(f, p.address) for f, p in zip(asked, placed, strict=True)]
            for good, value in found:
                if not good:
                    raise value
            return [value for _, value in found]

        try:
            return outlasting(self.cluster, lambda: self._watched(work))
        except ClusterError:
            if self.cluster.answers():
                raise
            self.cluster.reconnect()
            self.scan.forget()
            self._remake(range(len(self.job.lines)))
            return work()

    def _watched(self, work):
        try:
            return work()
        except WorkerLost:
            alive = self.cluster.alive()
            lost = [n for n, each in enumerate(self.placed) if each.address not in alive]
            self._remake(lost)
            raise

    def take_notices(self) -> list[str]:
        """What has happened since this was last asked, in sentences."""
        with self._lock:
            told, self.notices[:] = list(self.notices), []
        return told

    def _remake(self, numbers) -> None:
        """Make slabs again, of the file, on workers that there are."""
        with self._lock:
            alive = self.cluster.alive()
            lost = [n for n in numbers if self.placed[n].address not in alive or not self._knows(n)]
            if not lost:
                return
            rows = self.scan.placed()
            building = Building(self.cluster, self.job, rows, self.batch, lambda fraction: None)
            slabs = list(self.placed)
            kept = [each.address for n, each in enumerate(slabs) if n not in lost]
            for n in lost:
                slabs[n] = building.slab(roomiest(alive, kept), n)
                kept.append(slabs[n].address)
            building.remake(slabs, lost, self.pacbed, self.electrons, self.current)
            self.placed[:] = slabs
            whose = "was lost with its worker" if len(lost) == 1 else "were lost with their workers"
            self.notices.append(
                f"{len(lost)} of {len(slabs)} parts of G {whose}, and made again elsewhere."
            )

    def _knows(self, number: int) -> bool:
        """Whether a slab is still where it was, on the cluster as it is connected now."""
        future = getattr(self.placed[number].actor, "_future", None)
        return future is not None and future.status in ("finished", "pending")


def build_slabs(
    scan: OnCluster,
    calibration: Calibration,
    pixels_across: int = 18,
    *,
    full: bool = False,
    half: bool = False,
    whole: BeamCurrent | None = None,
    progress=None,
) -> Slabs:
    """Transform a scan to G, kept only on the sidebands, on the workers of a cluster.

    Parameters
    ----------
    scan : OnCluster
    calibration, pixels_across, full, half, whole, progress
        As for `recon.ssb.gfunction.build_sidebands`: of the same scan, this is the same G. Half
        precision is for workers with a GPU; others keep single precision.

    Raises
    ------
    ClusterFull
        If the workers' memory does not suffice: said before any of it is taken.
    ClusterError
        If the cluster fails, or a worker cannot see the file.
    ValueError
        As `build_sidebands`.
    """
    tell = progress or (lambda fraction: None)
    check_scan(scan.scan_shape)
    disc = bright_field(calibration, scan.frame_shape, pixels_across, scan.excluded)
    tell(0.0)

    def make():
        cluster, alive = scan.cluster, scan.cluster.alive()
        how = calibration, disc, scan.scan_shape, full
        # Rows that are read already are among what is taken there.
        where = [each.address for each in scan.rows] or list(alive)[: scan.scan_shape[0]]
        number = len(where)
        there = [alive[address] for address in where if address in alive]
        size = 0 if scan.rows else scan.nbytes
        room = min((worker.total for worker in there), default=0)
        wanted = planning.plan(*how, number, size, scan.dense, room)
        planning.require(wanted, there, scan.scan_shape, pixels_across)
        rows = scan.placed()
        lines = balanced_borders(entries_of_rows(calibration, scan.scan_shape, full), number)
        job = Job(*how, half, lines, cluster.device)
        building = Building(cluster, job, rows, wanted.batch, tell)
        slabs = [building.slab(each.address, n) for n, each in enumerate(rows)]
        total, current = building.begin(slabs, whole)
        tell(0.05)
        sums = building.fill(slabs)
        pacbed, told = building.finish(slabs, sums, total)
        entries, hard, stored = (sum(each) for each in zip(*told, strict=True))
        k = calibration.detector_to_scan @ disc.k
        sizes = entries, hard, stored, wanted.batch
        told = full, k, pacbed, total, current
        g = Slabs(calibration, disc, scan.scan_shape, *told, *sizes, job, scan, slabs)
        tell(1.0)
        return g

    return outlasting(scan.cluster, make)
