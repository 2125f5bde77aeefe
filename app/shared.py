"""What all sessions of a process share: the catalogue, the engine and its threads."""

import atexit
import os
import sys
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
        self.service.close(timeout=0)
        self.engine.close()  # ends what the threads of the service wait for
        self.service.close()
        self.catalogue.close()


def build(chosen: Settings) -> Shared:
    """The parts, as the settings want them."""
    if chosen.threads is not None:
        import numba

        # Read once, before the first kernel starts the threads.
        os.environ["NUMBA_NUM_THREADS"] = str(chosen.threads)
        numba.config.reload_config()
    # A redraw's thread gets its turn within a millisecond of being asked for, not five.
    sys.setswitchinterval(1e-3)
    catalogue = Catalogue(chosen.data)
    engine = Engine(
        catalogue, memory=chosen.memory, demo_cache=chosen.cache, results=chosen.results
    )
    return Shared(chosen, catalogue, engine, ComputeService())


@cache
def shared() -> Shared:
    """What this process shares, made on first use."""
    parts = build(settings())
    atexit.register(parts.close)
    return parts
