"""Making G on a cluster: rows of the scan in, rows of q out.

A worker sums the electrons of its rows of the scan into planes. Batches of planes, whole and as
small numbers of counts, go to the workers in turn, which transform them as one machine would; of
each transform every slab gets its rows of q, as far as their columns reach, and packs its entries.
A field that is split by rows needs one exchange to be transformed over both axes, and then lies in
columns; that it lies in rows takes the second one. Counts, a byte each, are cheap to exchange: so
they go first. Dask moves the parts from worker to worker; none passes here.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from recon.cluster import held
from recon.cluster.connection import Cluster
from recon.cluster.failure import ClusterError, WorkerLost
from recon.cluster.held import Job, ScanRows, Slab
from recon.cluster.planning import IN_FLIGHT
from recon.ssb.gfunction import no_electrons
from recon.sums.current import BeamCurrent, beam_current


@dataclass(eq=False)
class Placed:
    """An actor on a worker."""

    name: str
    address: str
    actor: Any
    future: Any
    """Keeps it there."""


def place(cluster: Cluster, kind: type, address: str, *arguments) -> Placed:
    """An actor of a kind on the worker at `address`.

    Raises
    ------
    WorkerLost, ClusterError
    """
    name = held.new_name(kind.__name__.lower())
    future = cluster.client.submit(
        kind,
        name,
        *arguments,
        actor=True,
        key=name,
        workers=[address],
        allow_other_workers=False,
        pure=False,
    )
    # An actor belongs to the client that is current where it is first used.
    with cluster.client.as_current():
        actor = cluster.result(future, address)
        assert actor.ask
    return Placed(name, address, actor, future)


def answers(cluster: Cluster, placed, function: Callable, *arguments) -> list:
    """What each of some actors says to `ask(function, *arguments)`, asked at once.

    Raises
    ------
    WorkerLost
        If one is gone.
    Exception
        What the function raised there.
    """
    asked = []
    for each in placed:
        try:
            asked.append(each.actor.ask(function, *arguments))
        except RuntimeError as error:  # Dask's word for an actor whose worker is gone
            raise WorkerLost(f"The worker at {each.address} is gone.") from error
    found = []
    for each, future in zip(placed, asked, strict=True):
        good, value = cluster.answer(future, each.address)
        if not good:
            raise value
        found.append(value)
    return found


def called(cluster: Cluster, placed: Placed, method: str, *arguments):
    """What a method of an actor gives.

    Raises
    ------
    WorkerLost
        If it is gone.
    """
    return cluster.answer(getattr(placed.actor, method)(*arguments), placed.address)


class Building:
    """The making of a G, or of some of its slabs.

    Parameters
    ----------
    cluster : Cluster
    job : Job
    rows : list of Placed
        The scan's rows, in their order.
    batch : int
        Planes to a batch.
    tell : callable
        Called with the fraction done; may raise `Cancelled`.
    """

    def __init__(self, cluster: Cluster, job: Job, rows: list[Placed], batch: int, tell: Callable):
        self.cluster, self.job, self.rows, self.batch, self.tell = cluster, job, rows, batch, tell
        self.key = held.new_name("planes")
        for each in rows:
            # Once, and not with each batch.
            called(cluster, each, "know", self.key, job.disc)

    def slab(self, address: str, number: int) -> Placed:
        """The slab of that number, empty, on the worker at `address`."""
        return place(self.cluster, Slab, address, self.job, self.job.lines[number])

    def remake(self, slabs: list[Placed], lost, pacbed, total, current) -> None:
        """Fill those slabs again that were lost; the others know what is transformed."""
        self._tell_all(slabs, total, current)
        self.fill(slabs, lost)
        for slab in slabs:
            called(self.cluster, slab, "finish", pacbed, total)

    def begin(self, slabs: list[Placed], whole: BeamCurrent | None = None):
        """Have slabs know what they are filled with: the total, and what is taken out.

        Returns
        -------
        float, BeamCurrent or None
        """
        told = self.binned()
        total = sum(each[-1] for each in told)
        current = self.current_of(told, whole)
        self._tell_all(slabs, total, current)
        return total, current

    def _tell_all(self, slabs, total, current) -> None:
        reaches = tuple(called(self.cluster, slab, "reach") for slab in slabs)
        for slab in slabs:
            called(self.cluster, slab, "begin", reaches, total, current)

    def binned(self) -> list:
        """What `recon.cluster.held.ScanRows.bin` gives on each worker."""
        futures = [
            self._submit(rows.address, held.binned, rows.name, self.key) for rows in self.rows
        ]
        return [self.cluster.result(each, *self.addresses(())) for each in futures]

    def current_of(self, told, whole: BeamCurrent | None = None) -> BeamCurrent | None:
        """What is to be taken out, of what `binned` has told."""
        calibration = self.job.calibration
        if len(told[0]) == 2:
            counts = np.concatenate([each[0] for each in told])
            return beam_current(counts, calibration, whole=whole)
        halves = np.stack([np.concatenate([each[n] for each in told]) for n in range(2)])
        return beam_current(halves.sum(axis=0), calibration, halves=halves)

    def addresses(self, slabs) -> set[str]:
        """Workers without which the work does not go on."""
        return {each.address for each in (*self.rows, *slabs)}

    def counts(self, start: int, stop: int) -> list:
        """Futures of the counts of some planes, of each worker's rows."""
        return [
            self._submit(rows.address, held.counted, rows.name, self.key, start, stop)
            for rows in self.rows
        ]

    def ranges(self):
        """(start, stop) of each batch of planes."""
        return pairwise([*range(0, self.job.disc.size, self.batch), self.job.disc.size])

    def shifted_sum(self, current, waves, upsample: int):
        """`recon.ssb.parallax.shifted_sum` of all planes, by workers in turn.

        Raises
        ------
        WorkerLost, ClusterError
        """
        last: dict[str, Any] = {}
        order: dict[str, list] = {}
        needed, sums = self.addresses(()), np.empty(self.job.disc.size)
        for each in self.rows:
            called(self.cluster, each, "know", self.key, self.job.disc, current)
        for number, (start, stop) in enumerate(self.ranges()):
            rows = self.rows[number % len(self.rows)]
            where = rows.address
            part = [wave[start:stop] for wave in waves]
            task = (
                held.shifted,
                rows.name,
                self.key,
                self.job.scan_shape,
                part,
                upsample,
                last.get(where),
            )
            last[where] = self._submit(where, *task, *self.counts(start, stop))
            order.setdefault(where, []).append(slice(start, stop))
            if number % (IN_FLIGHT * len(self.rows)) == 0:
                self.cluster.settled(last[where], *needed)
                self.tell(stop / self.job.disc.size)
        total = None
        for where, future in last.items():
            part, found = self.cluster.result(future, *needed)
            total = part if total is None else total + part
            sums[np.concatenate([np.arange(s.start, s.stop) for s in order[where]])] = found
        for each in self.rows:
            called(self.cluster, each, "let_go", self.key)
        return total, sums

    def fill(self, slabs: list[Placed], wanted=None) -> np.ndarray:
        """Fill slabs with their entries, all or those whose numbers are `wanted`.

        Returns
        -------
        (K,) float64 array
            The planes' sums.
        """
        wanted = range(len(slabs)) if wanted is None else wanted
        try:
            return self._filled(slabs, wanted)
        finally:
            # Also where it was stopped.
            with suppress(ClusterError):
                for rows in self.rows:
                    called(self.cluster, rows, "let_go", self.key)

    def _filled(self, slabs, wanted):
        planes = self.job.disc.size
        last: dict[int, Any] = {}
        under_way: list = []
        sums = np.empty(planes, np.float32)
        for number, (start, stop) in enumerate(self.ranges()):
            where = slabs[number % len(slabs)]
            counts = self.counts(start, stop)
            made = self._submit(where.address, held.transformed, where.name, start, *counts)
            for n in wanted:
                piece = self._submit(where.address, held.piece_of, made, n)
                task = held.packed, slabs[n].name, start, piece, last.get(n)
                last[n] = self._submit(slabs[n].address, *task)
            told = self._submit(where.address, held.sums_of, made)
            under_way.append((start, stop, told, dict(last)))
            del counts, made, told
            if len(under_way) >= IN_FLIGHT * len(slabs):
                self._finished(under_way.pop(0), slabs, sums)
        while under_way:
            self._finished(under_way.pop(0), slabs, sums)
        return sums.astype(np.float64)

    def _finished(self, one, slabs, sums) -> None:
        start, stop, told, packed = one
        needed = self.addresses(slabs)
        sums[start:stop] = self.cluster.result(told, *needed)
        for future in packed.values():
            self.cluster.result(future, *needed)
        self.tell(0.05 + 0.95 * stop / self.job.disc.size)

    def finish(self, slabs, sums, total):
        """Have slabs be whole: P(k), and (entries, hard entries, bytes) of each.

        Raises
        ------
        ValueError
            If the disc holds no electrons.
        """
        if not sums.any():
            raise no_electrons(self.job.calibration)
        pacbed = sums / (self.job.scan_shape[0] * self.job.scan_shape[1])
        told = [called(self.cluster, slab, "finish", pacbed, total) for slab in slabs]
        return pacbed, told

    def _submit(self, address, task, *arguments):
        client = self.cluster.client
        if client is None:
            raise self.cluster.gone()
        options = {"workers": [address], "allow_other_workers": False, "pure": False}
        return client.submit(task, *arguments, **options)


def read_rows(cluster: Cluster, source, borders, addresses) -> list[Placed]:
    """The rows of a scan on workers, the n-th range at the n-th address.

    Raises
    ------
    ClusterError
        If a worker cannot see the file.
    ValueError
        If it cannot be read.
    """
    placed = [
        place(cluster, ScanRows, address, source.reader(rows), cluster.device)
        for rows, address in zip(borders, addresses, strict=True)
    ]
    answers(cluster, placed, _there)
    return placed


def _there(scan):
    return scan.scan_shape
