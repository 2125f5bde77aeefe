"""What all sessions of a process share: the catalogue, the engine and its threads."""

import os
from dataclasses import dataclass
from functools import cache

from app.catalogue import Catalogue
from app.config import Settings, settings
from app.engine import Engine
from app.service import ComputeService


@dataclass(frozen=True)
class Shared:
    """One of each for the process."""

    settings: Settings
    catalogue: Catalogue
    engine: Engine
    service: ComputeService

    def close(self) -> None:
        """Stop all work and delete what was uploaded."""
        self.service.close()
        self.engine.close()
        self.catalogue.close()


def build(chosen: Settings) -> Shared:
    """The parts, as the settings want them."""
    if chosen.threads is not None:
        import numba

        # Read once, before the first kernel starts the threads.
        os.environ["NUMBA_NUM_THREADS"] = str(chosen.threads)
        numba.config.reload_config()
    catalogue = Catalogue(chosen.data)
    engine = Engine(catalogue, memory=chosen.memory, demo_cache=chosen.cache)
    return Shared(chosen, catalogue, engine, ComputeService())


@cache
def shared() -> Shared:
    """What this process shares, made on first use."""
    return build(settings())
