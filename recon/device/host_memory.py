"""How much memory the machine has, and how much of it is free."""

import re
from pathlib import Path

TOLD = Path("/proc/meminfo")
"""What Linux says of it."""


def host_memory() -> tuple[int, int]:
    """(total, free) bytes; what the system keeps of files is free."""
    if not TOLD.exists():  # macOS, Windows
        import psutil

        found = psutil.virtual_memory()
        return found.total, found.available
    kib = dict(re.findall(r"^(\w+):\s*(\d+) kB", TOLD.read_text("ascii"), re.MULTILINE))
    total, free = int(kib["MemTotal"]), int(kib.get("MemAvailable", kib["MemFree"]))
    return 1024 * total, 1024 * min(total, free)
