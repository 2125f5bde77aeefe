"""Memory of a whole reconstruction, in a process of its own: `python -m recon.bench.memory FILE N`.

Prints the most bytes that the process had in memory from the events in the file to the exact
image of N pixels across the disc, less those of the events.
"""

import subprocess
import sys
from pathlib import Path

from recon.bench.work import ABERRATIONS, reference_calibration
from recon.io import open_events
from recon.ssb.gfunction import build_sidebands
from recon.ssb.phase import single_sideband


def peak_memory(path: Path, pixels: int) -> int:
    """Bytes that a fresh process had at most from events to exact image, less the events."""
    command = [sys.executable, "-m", "recon.bench.memory", str(path), str(pixels)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _measure(path: str, pixels: int) -> int:
    events = open_events(path)
    g = build_sidebands(events, reference_calibration(pixels), pixels)
    for mode in ("draft", "exact"):
        single_sideband(g, ABERRATIONS, mode)
    return highest_resident() - events.nbytes


def highest_resident() -> int:
    """Most bytes this process ever had in memory."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage would count the parent's memory, which a child has before it starts afresh.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    print(_measure(sys.argv[1], int(sys.argv[2])))
