"""Scan after scan, to a receiver and to a page that follows: what their memory does.

    PYTHONPATH=. python -m tests.studies.soak_live [--scans 30]

Prints, after each scan, the memory of `livestem receive` and of a server, without pages of files
that the system lends them, and what a page in headless Chromium holds after a garbage collection:
heap, nodes, listeners.
"""

import argparse
import re
import shutil
import tempfile
import threading
from pathlib import Path
from statistics import median

from recon.bench.report import table
from recon.live.kinds import open_sender
from recon.live.replay import play
from tests.studies.latency import FLAGS
from tests.support.ports import free_port
from tests.support.servers import served, server
from tests.support.waiting import PATIENCE_S, wait_until
from tests.ui.idle import PROGRAM as IDLE
from tests.ui.instrument import Instrument
from tests.ui.samples import lattice_scan

KNOWN = "energy=80&angle=25&step=0.6&rotation=0&left=bf"
MEMORY_GB = "0.25"
"""What the server may hold for sessions to share: reached within a few scans."""

ARENAS = {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "100000000"}
"""What glibc keeps for each thread, whatever was given back, would hide what is held."""

SETTLED = 14
"""Scans after which all that is kept has been filled: the last twelve are held."""


def send(events, port):
    """One scan, to whoever listens."""
    sender = open_sender("accos", f"tcp://127.0.0.1:{port}", False, lambda: False)
    for _ in play(events, sender):
        pass


def own_mb(pid):
    """Memory of a process that is of no file [MB]."""
    said = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+) kB", said)[1]) / 1e3


def receiver(scans, folder):
    """Megabytes of `livestem receive` after each scan."""
    events, port, held = lattice_scan(), free_port(), []
    command = "-m", "app.cli", "receive", f"accos:tcp://listen@127.0.0.1:{port}"
    out = folder / "scan.toml"
    with server([*command, "-o", out, "--scans", "0"], "Waiting for scans") as (process, _):
        for number in range(1, scans + 1):
            send(events, port)
            name = f"scan-{number}.toml"
            wait_until(lambda name=name: f"{name}: {events.electrons} electrons" in process.said())
            held.append(own_mb(process.pid))
            # What is kept is not what is tested.
            for file in folder.glob(f"scan-{number}.*"):
                file.unlink()
    return held


def page(scans, folder, browser):
    """After each scan: megabytes of the server and of the page's heap, its nodes and listeners."""
    events, port, found = lattice_scan(), free_port(), []
    where = "--live", f"accos:tcp://listen@127.0.0.1:{port}", "--keep", folder / "kept"
    settings = {"LIVESTEM_CACHE": str(folder / "cache"), "LIVESTEM_MEMORY_GB": MEMORY_GB} | ARENAS
    context = browser.new_context(viewport={"width": 1366, "height": 900})
    context.set_default_timeout(1000 * PATIENCE_S)
    with served(*where, program=IDLE, **settings) as (process, ready):
        send(events, port)
        shown = Instrument(context.new_page(), f"{ready[0]}?{KNOWN}", process)
        devtools = context.new_cdp_session(shown.page)
        devtools.send("Performance.enable")
        card = shown.page.locator(".live")
        for number in range(1, scans + 1):
            if number > 1:
                sender = threading.Thread(target=send, args=(events, port))
                sender.start()
                sender.join()
            shown.until(lambda number=number: f"Scan {number}\ncomplete" in card.inner_text())
            shown.until(lambda: shown.words("main .mode") == "exact")
            shown.exact()
            devtools.send("HeapProfiler.collectGarbage")
            told = {
                m["name"]: m["value"] for m in devtools.send("Performance.getMetrics")["metrics"]
            }
            found.append(
                {
                    "server": own_mb(process.pid),
                    "heap": told["JSHeapUsedSize"] / 1e6,
                    "nodes": told["Nodes"],
                    "listeners": told["JSEventListeners"],
                }
            )
        problems = list(shown.problems)
        context.close()
    assert problems == []
    return found


def growth(values, settled=SETTLED):
    """Medians of the scans once all has settled: of the first third, and of the last."""
    values = values[settled:]
    part = max(1, len(values) // 3)
    return median(values[:part]), median(values[-part:])


def main():
    """Both, one after the other."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scans", type=int, default=30)
    scans = parser.parse_args().scans
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        alone = receiver(scans, Path(folder))
        chromium = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        shown = page(scans, Path(folder), chromium)
        chromium.close()
    lines = [
        (f"{n}", f"{held:.0f}", *(f"{value:.1f}" for value in seen.values()))
        for n, (held, seen) in enumerate(zip(alone, shown, strict=True), 1)
    ]
    print(
        "\n".join(
            table(("scan", "receive MB", "server MB", "heap MB", "nodes", "listeners"), lines)
        )
    )


if __name__ == "__main__":
    main()
