"""What this machine does not hold goes to a cluster, where there is one."""

from collections.abc import Callable
from threading import Lock

from recon.calibration import Calibration
from recon.device.backend import Device
from recon.ssb.build import too_large


def workers_of(cluster):
    """The `app.engine.workers.Workers` of a cluster; None without one."""
    if cluster is None:
        return None
    from app.engine.workers import Workers  # with Dask's, which others need not have

    return Workers(cluster)


class Overflow:
    """Workers that hold those G which one device does not.

    Parameters
    ----------
    connect : callable, optional
        `connect()` gives a `recon.cluster.connection.Cluster`: called with the first scan that is
        too large, and again after it failed. None where there is no cluster.
    """

    def __init__(self, connect: Callable | None = None):
        self._connect, self._workers, self._lock = connect, None, Lock()

    def workers(self, scan, calibration: Calibration, pixels: int, full: bool, device: Device):
        """The workers for G of a scan, if `device` does not hold it; None where it does.

        Raises
        ------
        ClusterError
            If it does not, and the cluster cannot be used.
        """
        if self._connect is None or not too_large(scan.events, calibration, pixels, full, device):
            return None
        with self._lock:
            if self._workers is None:
                self._workers = workers_of(self._connect())
            return self._workers

    def holds(self, key: tuple) -> bool:
        """Whether a G is there."""
        return self._workers is not None and self._workers.holds(key)

    def close(self) -> None:
        """Let all of it go."""
        if self._workers is not None:
            self._workers.close()
