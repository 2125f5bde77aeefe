"""A scan larger than memory: what opening it and each pass over it take.

    python -m tests.support.huge_scan FOLDER [ELECTRONS] [SIDE]

Writes raw CSR and our .npz of so many electrons (4.3e9 unless told) at SIDE × SIDE positions, as
sparse files: a few hundred electrons of each position are real, the others are holes, which read
as electrons on pixel 0. The copy that is made where memory is short (TMPDIR) takes the disk all of
them. Prints JSON: seconds of each step, most anonymous
bytes (RssAnon: what is not a page of a file), and whether results are those of the real electrons.
"""

import json
import os
import sys
import time
import zipfile
from pathlib import Path
from threading import Event, Thread

import numpy as np
from numpy.lib import format as npy

from recon.calibration import Calibration
from recon.io import open_events
from recon.io.events import csr_npz
from recon.optics import Aberrations
from recon.scan import spill as room
from recon.scan.events import from_frames
from recon.ssb.gfunction import build_sidebands
from recon.ssb.phase import single_sideband
from recon.sums.com import centre_of_mass
from recon.sums.detectors import pacbed, virtual_detectors

FRAME = (32, 32)
REAL = 300
"""Electrons of each position that are no holes."""
CALIBRATION = Calibration(80e3, 25.0, (0.4, 0.4), (15.3, 16.1), 9.0)


def real_electrons(side):
    """(side², REAL) uint32: pixels in the disc, more of them to one side and another."""
    random = np.random.default_rng(0)
    y = np.repeat(np.arange(side * side)[:, None], REAL, axis=1)
    phase = np.sin(2 * np.pi * 5 * (y // side) / side) + np.cos(2 * np.pi * 4 * (y % side) / side)
    radius, angle = 8 * np.sqrt(random.random(y.shape)), 2 * np.pi * random.random(y.shape)
    row = np.clip(15.3 + radius * np.sin(angle) + phase, 0, 31)
    column = np.clip(16.1 + radius * np.cos(angle) - phase, 0, 31)
    return (np.rint(row) * 32 + np.rint(column)).astype(np.uint32)


def plant(file, start, offsets, real):
    """Put the real electrons of each position at its beginning."""
    for first, pixels in zip(offsets, real, strict=False):
        os.pwrite(file.fileno(), pixels.tobytes(), start + 4 * int(first))


def raw_csr(folder, offsets, real, side):
    (folder / "i.raw").write_bytes(offsets.tobytes())
    with open(folder / "p.raw", "wb") as file:
        file.truncate(4 * int(offsets[-1]))
        plant(file, 0, offsets, real)
    path = folder / "scan.toml"
    path.write_text(
        f'[params]\nfiletype = "raw_csr"\nnav_shape = [{side}, {side}]\nsig_shape = [32, 32]\n'
        '[raw_csr]\nindptr_file = "i.raw"\nindptr_dtype = "<i8"\n'
        'indices_file = "p.raw"\nindices_dtype = "<u4"\n'
    )
    return path


def event_npz(folder, offsets, real, side):
    """The archive as `csr_npz` writes it, but for the checksum and for the holes."""
    path = folder / "scan.npz"
    arrays = {"scan_shape": np.array([side, side]), "frame_shape": np.array(FRAME)}
    with open(path, "w+b") as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in (arrays | {"offsets": offsets}).items():
            with archive.open(f"{name}.npy", "w") as member:
                npy.write_array(member, array)
        entry = zipfile.ZipInfo("pixels.npy")
        entry.extra = csr_npz._padding(file.tell(), entry.filename, True)
        with archive.open(entry, "w", force_zip64=True) as member:
            head = {"descr": "<u4", "fortran_order": False, "shape": (int(offsets[-1]),)}
            npy.write_array_header_1_0(member, head)
            start = file.tell()
            assert start % csr_npz.ALIGNED == 0
            file.seek(4 * int(offsets[-1]), os.SEEK_CUR)
            member._file_size += 4 * int(offsets[-1])
            member._compress_size = member._file_size
        file.flush()
        plant(file, start, offsets, real)
    return path


class Watch:
    """Most anonymous bytes that were resident since it was started."""

    def __init__(self):
        self.peak, self._over = 0, Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._over.wait(0.01):
            self.peak = max(self.peak, anonymous())

    def stop(self):
        self._over.set()
        self._thread.join()
        return self.peak


def anonymous():
    text = Path("/proc/self/status").read_text()
    return int(text.split("RssAnon:")[1].split()[0]) * 1024


def passes(events):
    """What is made of a scan: results, and seconds of each."""
    timed, results = {}, {}
    detectors = {"bright": (0, 1.0), "dark": (1.0, 1.5)}
    steps = {
        "pacbed": lambda: pacbed(events),
        "com": lambda: centre_of_mass(events),
        "images": lambda: virtual_detectors(events, CALIBRATION, detectors),
        "ssb": lambda: single_sideband(build_sidebands(events, CALIBRATION, 12), Aberrations()),
    }
    for name, step in steps.items():
        begun = time.perf_counter()
        results[name] = step()
        timed[name] = time.perf_counter() - begun
    return results, timed


def agree(found, wanted, electrons, real, side):
    """Whether results are those of the real electrons and of electrons on pixel 0."""
    pattern = wanted["pacbed"].copy()
    pattern[0, 0] += electrons - real.size
    counts = np.full(side * side, electrons // side**2)
    counts[: electrons % side**2] += 1
    y, x = np.divmod(real, 32)
    com = np.stack([y.sum(1) / counts, x.sum(1) / counts]).reshape(2, side, side)
    images = all(np.array_equal(found["images"][n], wanted["images"][n]) for n in wanted["images"])
    return {
        "pacbed": bool(np.array_equal(found["pacbed"], pattern)),
        "com": bool(np.allclose(found["com"], com, rtol=1e-5, atol=1e-7)),
        "images": images,
        "ssb": bool(np.allclose(found["ssb"], wanted["ssb"], atol=1e-5)),
    }


def main():
    folder, electrons = Path(sys.argv[1]), int(float((sys.argv[2:] or ["4.3e9"])[0]))
    side = int((sys.argv[3:] or [128])[0])
    real = real_electrons(side)
    small = from_frames(list(real), (side, side), FRAME)
    wanted, _ = passes(small)  # Compiles, and loads what later peaks should not count.
    counts = np.full(side * side, electrons // side**2)
    counts[: electrons % side**2] += 1
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    report = {"electrons": electrons, "bytes": 4 * electrons}
    # As if memory were short: what is larger than a sixteenth of the file goes to a temporary one.
    room.is_large = lambda size: size > electrons // 4
    for write in (raw_csr, event_npz):
        path = write(folder, offsets, real, side)
        before, watch = anonymous(), Watch()
        begun = time.perf_counter()
        events = open_events(path)
        opened = time.perf_counter() - begun
        results, timed = passes(events)
        report[path.suffix] = {
            "seconds": {"open": opened, **timed},
            "peak_anonymous": watch.stop(),
            "anonymous_before": before,
            "agree": agree(results, wanted, electrons, real, side),
        }
        del events
        for file in folder.iterdir():
            file.unlink()
    print(json.dumps(report))


if __name__ == "__main__":
    main()
