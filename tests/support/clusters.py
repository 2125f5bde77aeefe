"""Clusters for tests, and scans on them."""

import gc
import os
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from recon.calibration import Calibration
from recon.cluster import held
from recon.cluster.connection import Cluster
from recon.cluster.slabs import OnCluster, on_cluster
from recon.scan.events import ElectronEvents, from_frames
from recon.scan.frames import of_array

CALIBRATION = Calibration(80e3, 25.0, (0.41, 0.37), (8.3, 7.6), 6.0, 15.0)

DETECTOR = (17, 18)


def random_events(scan=(13, 10), electrons=40, seed=0) -> ElectronEvents:
    """Electrons at random places, another number at each position; some frames are empty."""
    rng = np.random.default_rng(seed)
    numbers = rng.poisson(electrons, scan[0] * scan[1])
    numbers[:: max(2, numbers.size // 3)] = 0
    frames = [rng.integers(0, DETECTOR[0] * DETECTOR[1], n) for n in numbers]
    return from_frames(frames, scan, DETECTOR)


def random_frames(scan=(13, 10), seed=1):
    """Frames of counts, as large numbers as no electrons one by one would be made of."""
    rng = np.random.default_rng(seed)
    return of_array(rng.poisson(90, (*scan, *DETECTOR)).astype(np.uint16))


@contextmanager
def threads(workers: int):
    """A cluster whose workers are threads of this process."""
    with Cluster(f"local:{workers}", processes=False, device="cpu") as cluster:
        yield cluster


def sent(cluster: Cluster, scan) -> OnCluster:
    """A scan at hand on a cluster."""
    return on_cluster(cluster, scan)


def left_there() -> tuple[int, int]:
    """On a worker: how many actors it holds, and the bytes of its process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return len(held._held), pages * os.sysconf("SC_PAGE_SIZE")
