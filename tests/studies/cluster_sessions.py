"""What sessions leave on the workers of a cluster: `python -m tests.studies.cluster_sessions`.

A server whose G lies on two worker processes; pages open one after the other, half of them with
settings of their own, wait for the exact phase, drag defocus, and go. Printed are the actors that
each worker still holds, and its memory: while the first page is open, and after every tenth.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path
from time import monotonic

from recon.cluster.connection import Cluster
from recon.io import write_events
from tests.support.clusters import left_there
from tests.support.light_pages import light_page
from tests.support.servers import served
from tests.ui.samples import lattice_scan

SETTLED_S = 60.0
"""Longest time that the workers are given to let go of what nobody looks at any more."""


async def session(url: str, query: str) -> None:
    """A page that is opened, used and closed."""
    async with light_page(url, query) as page:
        bar = page.component("StatusBar")
        await page.until(lambda: page.shown(bar, "mode") == "exact")
        for step in range(4):
            await page.set("defocus", 30.0 + step)
        await asyncio.sleep(0.3)


def settled(cluster: Cluster) -> tuple[list, float]:
    """(actors, bytes) of each worker once they hold nothing, or in the end; and when."""
    began = monotonic()
    while True:
        there = [(actors, resident) for actors, resident in cluster.run(left_there).values()]
        took = monotonic() - began
        if took > SETTLED_S or not any(actors for actors, _ in there):
            return there, took
        asyncio.run(asyncio.sleep(0.2))


def line(name: str, there, took: float = 0.0) -> str:
    """One line of what is printed."""
    held = " + ".join(str(actors) for actors, _ in there)
    memory = " + ".join(f"{resident / 1e6:.0f}" for _, resident in there)
    return f"{name:>12}{held:>12} actors{memory:>16} MB{took:>8.1f} s"


def study(sessions: int) -> None:
    with tempfile.TemporaryDirectory() as folder, Cluster("local:2", device="cpu") as cluster:
        write_events(Path(folder) / "lattice.npz", lattice_scan())
        scheduler = cluster.client.scheduler.address
        how = {"LIVESTEM_CACHE": f"{folder}/cache"}
        with served(f"{folder}/lattice.npz", "--cluster", scheduler, **how) as (_, found):
            for number in range(1, sessions + 1):
                query = "" if number % 2 else f"?pixels={10 + number % 7}"
                asyncio.run(session(found[0], query))
                if number == 1 or number % 10 == 0:
                    print(line(f"{number} sessions", *settled(cluster)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, default=50)
    study(parser.parse_args().sessions)


if __name__ == "__main__":
    main()
