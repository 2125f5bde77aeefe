"""Scans and G on the workers of a cluster, for as long as a session shows them.

Unlike what lies on this machine, nothing is kept there for sessions to come: what the last session
lets go is freed on the workers.
"""

from contextlib import contextmanager
from threading import Lock
from weakref import WeakKeyDictionary, WeakValueDictionary

from app.engine.catalogue import DEMO, Catalogue
from app.engine.scan import Scan
from recon.calibration import Calibration
from recon.cluster.connection import Cluster
from recon.cluster.failure import ClusterFull
from recon.cluster.slabs import OnCluster, Slabs, build_slabs, on_cluster
from recon.cluster.sources import FileRows, file_rows


class Workers:
    """What sessions have on a cluster.

    Parameters
    ----------
    cluster : Cluster
    """

    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        self._lock, self._making = Lock(), WeakValueDictionary()
        self._held: WeakKeyDictionary = WeakKeyDictionary()
        self._scans: WeakValueDictionary = WeakValueDictionary()
        self._slabs: WeakValueDictionary = WeakValueDictionary()

    def scan(self, scan: Scan, catalogue: Catalogue) -> OnCluster:
        """A scan on the cluster; its rows are read by workers when they are first asked for.

        From the file itself, unless something was done to its electrons.
        """
        with self._lock:
            there = self._scans.get(scan.key)
            if there is None:
                there = on_cluster(self.cluster, scan.events, _file_of(scan, catalogue))
                self._scans[scan.key] = there
            # As long as this scan is held, or a G of it.
            self._held[scan] = there
            return there

    def sidebands(
        self, key: tuple, scan: OnCluster, calibration: Calibration, pixels: int, let_go, **options
    ) -> Slabs:
        """G of a scan, once for all sessions that look at it at the same time.

        Where the workers are full, `let_go()` is called for the G that this one replaces. Other
        parameters, and what is raised, are those of `recon.cluster.slabs.build_slabs`.
        """
        with self._alone(key):
            found = self._slabs.get(key)
            if found is None:
                try:
                    found = build_slabs(scan, calibration, pixels, **options)
                except ClusterFull:
                    if let_go is None:
                        raise
                    let_go()
                    found = build_slabs(scan, calibration, pixels, **options)
                self._slabs[key] = found
            return found

    def holds(self, key: tuple) -> bool:
        """Whether a G is there."""
        return key in self._slabs

    @contextmanager
    def _alone(self, key):
        with self._lock:
            turn = self._making.get(key)
            if turn is None:
                turn = self._making[key] = _Turn()
        with turn.lock:
            yield

    def close(self) -> None:
        """Let all of it go."""
        self.cluster.close()


class _Turn:
    """A lock that is forgotten when nobody waits for it."""

    def __init__(self):
        self.lock = Lock()


def _file_of(scan: Scan, catalogue: Catalogue) -> FileRows | None:
    """The file that holds just this scan, if there is one."""
    if scan.reading is None or scan.reading.dataset == DEMO:
        return None
    return file_rows(catalogue.path(scan.reading.dataset), **scan.reading.options())
