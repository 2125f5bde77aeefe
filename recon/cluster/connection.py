"""A Dask cluster, made here or found at an address: its workers, and how they are."""

import logging
import os
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Event, Lock
from time import monotonic

from recon.cluster import on_worker
from recon.cluster.address import LOCAL, check_address, is_local
from recon.cluster.failure import ClusterError, WorkerLost
from recon.cluster.state import ClusterState, Worker
from recon.device.failure import brief

PATIENCE_S = 0.5
"""Time between two looks at whether a worker that is waited for is still there."""

CONNECTING_S = 10.0
"""Time in which a scheduler answers, or is taken to be gone."""

ANSWERING_S = 30.0
"""Time in which a scheduler that was there answers, or is taken to be gone: it may be busy."""

REACHING_S = 2.0
"""Time in which a worker that can be reached past the scheduler answers."""

READ_EVERY_S = 1.0
"""The scheduler is asked how full its workers are no more often than this."""

CONFIGURATION = {
    # Actors cannot be spilled; a worker that is stopped at 80 % would stop for good.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": 0.95,
    "distributed.worker.memory.terminate": 0.98,
    "distributed.comm.timeouts.connect": ANSWERING_S,
}

_log = logging.getLogger(__name__)


class Cluster:
    """The workers of a Dask cluster, through one client.

    Parameters
    ----------
    address : str
        As for `check_address`.
    processes : bool
        Whether workers of this machine are processes of their own; threads are for tests.
    device : str
        Of the workers, as for `recon.device.backend.choose`.

    Raises
    ------
    ValueError
        If the address is none.
    ClusterError
        If Dask is missing, nothing answers there, there is no worker, or versions differ.
    """

    def __init__(self, address: str = LOCAL, *, processes: bool = True, device: str = "auto"):
        self.address, self.device = check_address(address), device
        self._processes, self._local, self.client = processes, None, None
        self._lock, self._known = Lock(), {}
        self._state, self._read_at = ClusterState(0, 0, 0, 0), 0.0
        self._gpus, self._gpus_at = {}, 0.0
        self._open()

    # ---- connecting ----

    def _open(self) -> None:
        # `distributed` is an extra: who needs no cluster need not have it.
        try:
            import dask
            from distributed import LocalCluster

            from recon.cluster.client import ClosedClient
        except ImportError as error:
            raise ClusterError(
                "A cluster needs Dask's distributed: run `pip install '.[cluster]'`."
            ) from error
        local = is_local(self.address)
        with dask.config.set(CONFIGURATION):
            try:
                if local:
                    self._local = self._made(LocalCluster)
                where = self._local or self.address
                self.client = ClosedClient(where, timeout=CONNECTING_S, set_as_default=False)
            except (OSError, TimeoutError, TypeError) as error:
                self.close()
                raise self._refused(error) from error
        try:
            self._check_versions()
            self.alive()
        except BaseException:
            self.close()
            raise

    def _made(self, local_cluster):
        wanted = self.address.partition(":")[2]
        cores = os.cpu_count() or 1
        workers = int(wanted) if wanted else max(2, cores // 8)
        threads = max(1, cores // workers)
        made = {
            "n_workers": workers,
            "threads_per_worker": 1,
            "processes": self._processes,
            "dashboard_address": "127.0.0.1:0",
            "worker_dashboard_address": "127.0.0.1:0",
            "silence_logs": logging.ERROR,
        }
        if self._processes:
            # All cores are shared; a setting of the owner's counts.
            given = os.environ.get("LIVESTEM_THREADS") or str(threads)
            made["host"] = "127.0.0.1"
            made["env"] = {"LIVESTEM_THREADS": given, "OMP_WAIT_POLICY": "passive"}
        try:
            return local_cluster(**made)
        except (OSError, RuntimeError) as error:
            raise ClusterError(
                f"Workers could not be started on this machine ({brief(error)}): free memory, or "
                "ask for fewer, such as local:1."
            ) from error

    def _check_versions(self) -> None:
        """Refuse workers of other versions, by name."""
        mine, theirs = on_worker.versions(), self.run(on_worker.versions)
        for address, found in theirs.items():
            for name, number in mine.items():
                if found[name] != number:
                    raise ClusterError(
                        f"The worker at {address} has {name} {found[name]}, this machine "
                        f"{number}: install the same versions on both."
                    )

    def _refused(self, error: Exception) -> Exception:
        """What is to be raised where no connection came about."""
        causes = [error]
        while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
            causes.append(cause)
        # A TypeError is Dask's word for a configuration without certificates.
        kinds = ssl.SSLError, FileNotFoundError, TypeError
        why = next((each for each in causes if isinstance(each, kinds)), None)
        if why is None:
            return self.gone()
        if not self.address.startswith("tls"):
            return error
        said = "none are named" if isinstance(why, TypeError) else brief(why)
        return ClusterError(
            f"The cluster at {self.address} and this machine do not accept each other's "
            f"certificates ({said}): name authority, certificate and key for the client in Dask's "
            "configuration under distributed.comm.tls, such as in ~/.config/dask/tls.yaml."
        )

    def gone(self) -> ClusterError:
        """What is to be raised where the scheduler does not answer."""
        return ClusterError(
            f"The cluster at {self.address} does not answer: check that its scheduler runs, the "
            "address and the network. What is shown stays; the next change tries again."
        )

    def reconnect(self) -> None:
        """Connect anew, where the scheduler was gone.

        Raises
        ------
        ClusterError
            If it still is.
        """
        with self._lock:
            if self.answers():
                return
            self.close()
            self._known.clear()
            self._open()

    def answers(self) -> bool:
        """Whether the scheduler answers."""
        if self.client is None or self.client.status != "running":
            return False
        try:
            self._identity(0)
        except Exception:
            _log.debug("The scheduler does not answer.", exc_info=True)
            return False
        return True

    def _identity(self, workers: int) -> dict:
        """What the scheduler tells of itself and so many workers, -1 for all of them."""
        ask = self.client.scheduler.identity
        return self.client.sync(ask, n_workers=workers, callback_timeout=ANSWERING_S)

    def close(self) -> None:
        """Let the workers go; those of this machine end."""
        client, self.client = self.client, None
        local, self._local = self._local, None
        for each in (client, local):
            if each is not None:
                with suppress(Exception):  # one that is gone need not be closed
                    each.close(timeout=5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- workers ----

    def run(self, function: Callable, *arguments, workers: Iterable[str] | None = None) -> dict:
        """What a function gives on each worker, by address."""
        workers = None if workers is None else list(workers)
        try:
            return self.client.run(function, *arguments, workers=workers)
        except (OSError, TimeoutError) as error:
            raise self.gone() from error

    def alive(self) -> dict[str, Worker]:
        """Workers that the scheduler knows now, by address, in a lasting order.

        Raises
        ------
        ClusterError
            If the scheduler does not answer, or there is none.
        """
        client = self.client
        if client is None or client.status != "running":
            raise self.gone()
        try:
            found = self._identity(-1)
        except Exception as error:  # whatever a connection that breaks raises
            raise self.gone() from error
        workers = found["workers"]
        if not workers:
            raise ClusterError(
                f"The cluster at {self.address} has no workers: start some, such as with "
                "`dask worker ADDRESS`."
            )
        for address in sorted(set(workers) - set(self._known)):
            mine = self._processes and self._local is not None
            told = self.run(on_worker.settle, self.device, self._processes, mine, workers=[address])
            if address in told:
                self._known[address] = told[address]
                self._pass_the_scheduler(address)
        there = [address for address in sorted(workers) if address in self._known]
        on_gpus = self._on_gpus([address for address in there if self._known[address][0]])
        found = {}
        for address in there:
            gpu, total = self._known[address]
            told = workers[address]
            memory = told["metrics"].get("memory", 0), told["memory_limit"] or total
            # G lies on the GPU, where there is one.
            found[address] = Worker(address, gpu, *on_gpus.get(address, memory))
        return found

    def _on_gpus(self, addresses) -> dict[str, tuple[int, int]]:
        """(used, total) bytes of workers' GPUs, as of a second ago at most."""
        old = monotonic() - self._gpus_at > READ_EVERY_S
        if addresses and (old or not self._gpus.keys() >= set(addresses)):
            self._gpus = self.run(on_worker.filled, self.device, workers=addresses)
            self._gpus_at = monotonic()
        return self._gpus

    def _pass_the_scheduler(self, address: str) -> None:
        """Have pictures come from workers themselves as long as all of them can be reached."""
        from distributed.comm import connect  # as above

        async def reach():
            how = self.client.connection_args
            await (await connect(address, timeout=REACHING_S, **how)).close()

        reached = True
        try:
            self.client.sync(reach)
        except (OSError, TimeoutError):
            _log.info("%s is reached through the scheduler only.", address)
            reached = False
        earlier = self.client.direct_to_workers or len(self._known) == 1
        self.client.direct_to_workers = reached and earlier

    def state(self) -> ClusterState:
        """How the workers are, as of a second ago at most.

        Raises
        ------
        ClusterError
            If the scheduler does not answer, or there is no worker.
        """
        if monotonic() - self._read_at > READ_EVERY_S:
            workers = self.alive().values()
            gpus = sum(worker.gpu for worker in workers)
            used, total = (sum(getattr(w, name) for w in workers) for name in ("used", "total"))
            self._state, self._read_at = ClusterState(len(workers), gpus, used, total), monotonic()
        return self._state

    # ---- waiting ----

    def result(self, future, *addresses: str):
        """The result of a task, for which the workers there are needed.

        Raises
        ------
        WorkerLost
            If one of them is gone, or what the task is made of.
        ClusterError
            If the scheduler is.
        Exception
            Whatever the task raised.
        """
        # `distributed` is an extra: who needs no cluster need not have it.
        from distributed import KilledWorker

        self.settled(future, *addresses)
        try:
            return future.result()
        except KilledWorker as error:
            raise WorkerLost(f"A worker was lost with its work ({error}).") from error

    def settled(self, future, *addresses: str) -> None:
        """Wait until a task is done, without its result; raises as `result`."""
        done = Event()
        future.add_done_callback(lambda _: done.set())
        while not done.wait(PATIENCE_S):
            self.check(*addresses)
        if future.status not in ("finished", "error"):
            self.check(*addresses)
            raise WorkerLost("Work on a worker was lost.")

    def answer(self, future, address: str):
        """The answer of an actor on the worker at `address`; raises as `result`."""
        while True:
            try:
                return future.result(timeout=PATIENCE_S)
            except TimeoutError:
                self.check(address)
            except (OSError, RuntimeError) as error:
                # What is wrong with the question comes as an answer: this is the connection.
                self.check(address)
                raise WorkerLost(f"The worker at {address} does not answer.") from error

    def check(self, *addresses: str) -> None:
        """Raise `WorkerLost` where a worker is gone."""
        gone = set(addresses).difference(self.alive())
        if gone:
            raise WorkerLost(f"The worker at {min(gone)} is gone.")
