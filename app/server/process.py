"""What all sessions of a process share: the catalogue, the engine and its threads."""

import atexit
import logging
import sys
from dataclasses import dataclass
from functools import cache, partial

from app.engine.catalogue import Catalogue
from app.engine.engine import Engine
from app.engine.microscope import Microscope
from app.engine.uploads import remove_leftovers
from app.pipeline.lanes import ComputeService
from app.server.config import Settings, limit_threads, settings
from recon.device.backend import CPU, choose, limit_memory, why_not_gpu
from recon.io.files import atomic
from recon.live.kinds import open_source


@dataclass(frozen=True)
class Shared:
    """One of each for the process."""

    settings: Settings
    catalogue: Catalogue
    engine: Engine
    service: ComputeService

    def close(self) -> None:
        """Stop all work and delete what was uploaded."""
        self.service.close(timeout=0)
        self.engine.close()  # ends what the threads of the service wait for
        self.service.close()
        self.catalogue.close()


def build(chosen: Settings) -> Shared:
    """The parts, as the settings want them.

    Raises
    ------
    DeviceError
        If the owner wants a GPU and there is none.
    """
    limit_threads(chosen.threads)
    # A redraw's thread gets its turn within a millisecond of being asked for, not five.
    sys.setswitchinterval(1e-3)
    device, why_cpu = choose(chosen.device), None
    limit_memory(device, chosen.gpu_memory)
    if device is CPU and chosen.device == "auto":
        why_cpu = why_not_gpu()
        logging.getLogger(__name__).warning("Running on the CPU. %s", why_cpu)
    remove_leftovers()
    for folder in filter(None, (chosen.results, chosen.cache)):
        atomic.remove_leftovers(folder)
    live = Microscope(device)
    catalogue = Catalogue(chosen.data, upload_limit=chosen.upload, live=live)
    engine = Engine(
        catalogue,
        memory=chosen.memory,
        demo_cache=chosen.cache,
        results=chosen.results,
        device=device,
        strict=chosen.device == "gpu",
        why_cpu=why_cpu,
        half=chosen.gpu_half,
        cluster=None if chosen.cluster is None else _cluster(chosen.cluster, chosen.device),
        beyond=chosen.beyond and partial(_cluster, chosen.beyond, chosen.device),
    )
    if chosen.live:
        kind = chosen.live.partition(":")[0].strip()
        live.listen(kind, lambda: open_source(chosen.live, **chosen.live_options), chosen.keep)
    return Shared(chosen, catalogue, engine, ComputeService())


def _cluster(address: str, device: str):
    from recon.cluster.connection import Cluster  # Dask's, which others need not have

    return Cluster(address, device=device)


@cache
def shared() -> Shared:
    """What this process shares, made on first use."""
    parts = build(settings())
    atexit.register(parts.close)
    return parts
