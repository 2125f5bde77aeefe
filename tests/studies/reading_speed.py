"""Opening each event format against the raw read of the same bytes, in one run; not for pytest.

    python -m tests.studies.reading_speed FOLDER [ELECTRONS]

Each is opened and read seven times in turn, from the page cache, and the fastest of each counts.
What a format's codes take to decode (run lengths of EER, packets and clusters of Timepix3) is the
time within our kernels for it, and is told apart: the rest is to be at most twice the raw read.
"""

import sys
import time
from functools import wraps
from pathlib import Path

import numpy as np
from scipy import sparse

from recon.io import open_events, write_events
from recon.io.events import hits
from recon.kernels.decode import clusters, eer, timepix
from recon.scan.events import ElectronEvents
from tests.support.eer_files import CODES, encode, random_hits, tiff
from tests.support.timepix_files import chunk, global_time, hit, opened

SIDE, FRAME = 512, 256
TIMES = 7


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
    tiff(folder / "scan.eer", some * 4096, (256, 256), 65001)
    yield "EER", folder / "scan.eer", {"scan_shape": (256, 256)}
    begin = chunk([opened(10), *global_time(40)], 0)
    parts = [
        chunk([hit(100 * n, n % 256, n // 7 % 256, 9) for n in range(first, first + 1000)], 0)
        for first in range(10, 8_000_010, 1000)
    ]
    (folder / "scan.tpx3").write_bytes(begin + b"".join(parts))
    yield "Timepix3", folder / "scan.tpx3", {"scan_shape": (100, 100), "dwell_time": 1e-4}


def fastest(function):
    taken = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        function()
        taken.append(time.perf_counter() - begun)
    return min(taken)


class Decoder:
    """Time spent in kernels that decode, which are timed from now on, and in the sort of hits."""

    def __init__(self):
        self.seconds = 0.0
        for module in (eer, timepix, clusters):
            for name, found in list(vars(module).items()):
                if hasattr(found, "py_func") or hasattr(found, "compiled"):
                    setattr(module, name, self._timed(found))
        hits.in_order_of_time = self._timed(hits.in_order_of_time)
        self._inside = False

    def _timed(self, work):
        @wraps(work)
        def timed(*arguments):
            if self._inside:
                return work(*arguments)
            begun, self._inside = time.perf_counter(), True
            try:
                return work(*arguments)
            finally:
                self.seconds += time.perf_counter() - begun
                self._inside = False

        return timed


def read(paths):
    for path in paths:
        path.read_bytes()


def main():
    folder = Path(sys.argv[1])
    electrons = int(float((sys.argv[2:] or ["1e8"])[0]))
    heads = "raw read s", "open s", "decoding s", "ratio", "of the rest", "M e/s"
    print(f"{'format':12} {'MB':>7} " + " ".join(f"{head:>11}" for head in heads))
    decoder = Decoder()
    for name, path, options in files(folder, scan(electrons)):
        sides = [p for p in folder.iterdir() if p.name.startswith("scan") and p.suffix == ".raw"]
        paths = [path, *(sides if path.suffix == ".toml" else [])]
        raw = fastest(lambda paths=paths: read(paths))
        open_events(path, **options)  # compiles
        opens, decodes = float("inf"), 0.0
        for _ in range(TIMES):
            decoder.seconds, begun = 0.0, time.perf_counter()
            found = open_events(path, **options).electrons
            taken = time.perf_counter() - begun
            if taken < opens:
                opens, decodes = taken, decoder.seconds
        size = sum(p.stat().st_size for p in paths) / 1e6
        numbers = raw, opens, decodes, opens / raw, (opens - decodes) / raw, found / opens / 1e6
        print(f"{name:12} {size:7.0f} " + " ".join(f"{n:11.3f}" for n in numbers), flush=True)


if __name__ == "__main__":
    main()
