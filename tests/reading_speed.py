"""Opening each event format against the raw read of the same bytes, in one run; not for pytest.

    python tests/reading_speed.py FOLDER [ELECTRONS]

Each is opened and read three times in turn, from the page cache, and the fastest of each counts.
"""

import sys
import time
from pathlib import Path

import numpy as np
from eer_files import CODES, encode, random_hits, tiff
from scipy import sparse
from timepix_files import chunk, global_time, hit, opened

from recon.events import ElectronEvents
from recon.io import open_events, write_events

SIDE, FRAME = 512, 256


def scan(electrons):
    """So many electrons anywhere on the detector at any of 512² positions."""
    random = np.random.default_rng(0)
    counts = random.multinomial(electrons, np.full(SIDE**2, SIDE**-2.0))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    pixels = random.integers(0, FRAME**2, electrons, dtype=np.uint32)
    return ElectronEvents(pixels, offsets, (SIDE, SIDE), (FRAME, FRAME))


def files(folder, events):
    """(name, path, options) of the same scan, or one as large, in each format."""
    for suffix in (".h5", ".npz", ".toml"):
        write_events(folder / f"scan{suffix}", events)
        yield suffix, folder / f"scan{suffix}", {}
    data = np.ones(events.electrons, np.uint8)
    size = (events.positions, FRAME**2)
    matrix = sparse.csr_array((data, events.pixels.astype(np.int64), events.offsets), size)
    sparse.save_npz(folder / "csr.npz", matrix, compressed=False)
    yield "sparse .npz", folder / "csr.npz", {"scan_shape": (SIDE, SIDE)}
    random = np.random.default_rng(1)
    bits = CODES[65001]
    some = [encode(random_hits(random, 400, 1 << 16, bits), 1 << 16, bits) for _ in range(16)]
    tiff(folder / "scan.eer", some * 1024, (256, 256), 65001)
    yield "EER", folder / "scan.eer", {"scan_shape": (128, 128)}
    begin = chunk([opened(10), *global_time(40)], 0)
    parts = [
        chunk([hit(100 * n, n % 256, n // 7 % 256, 9) for n in range(first, first + 1000)], 0)
        for first in range(10, 1_000_010, 1000)
    ]
    (folder / "scan.tpx3").write_bytes(begin + b"".join(parts))
    yield "Timepix3", folder / "scan.tpx3", {"scan_shape": (100, 100), "dwell_time": 1e-5}


def fastest(function, times=3):
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        function()
        taken.append(time.perf_counter() - begun)
    return min(taken)


def read(paths):
    for path in paths:
        path.read_bytes()


def main():
    folder = Path(sys.argv[1])
    electrons = int(float((sys.argv[2:] or ["1e8"])[0]))
    print(f"{'format':12} {'MB':>7} {'raw read s':>11} {'open s':>8} {'ratio':>6} {'M e/s':>7}")
    for name, path, options in files(folder, scan(electrons)):
        sides = [p for p in folder.iterdir() if p.name.startswith("scan") and p.suffix == ".raw"]
        paths = [path, *(sides if path.suffix == ".toml" else [])]
        raw = fastest(lambda paths=paths: read(paths))
        held = []

        def opened(path=path, options=options, held=held):
            held[:] = [open_events(path, **options)]

        opens = fastest(opened)
        size, found = sum(p.stat().st_size for p in paths) / 1e6, held[0].electrons
        ratio, rate = opens / raw, found / opens / 1e6
        print(
            f"{name:12} {size:7.0f} {raw:11.3f} {opens:8.3f} {ratio:6.1f} {rate:7.1f}", flush=True
        )
        held.clear()


if __name__ == "__main__":
    main()
