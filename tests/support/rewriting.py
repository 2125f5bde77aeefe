"""Scans whose files are rewritten, cut off or replaced while they are read.

    python -m tests.support.rewriting FOLDER

For a process of its own, which may die of it. One JSON line a format and way: [format, way, what
the reading ended in], that is "old" (right values of what was opened) or the sentence.
"""

import datetime
import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from recon.errors import UnreadableFile
from recon.io import open_events, open_frames, write_events
from recon.io.dense import blo
from recon.io.files.unchanged import Unchanged
from recon.scan import spill as room
from recon.scan.events import from_frames
from tests.support.dense_files import EMPAD_XML
from tests.support.dm_files import image, write_dm
from tests.support.eer_files import CODES, encode, random_hits, tiff

SCAN, SIDE = (4, 6), 64
"""Frames of several pages each: a cut file is missed where it is touched."""


def counts(seed):
    return np.random.default_rng(seed).integers(0, 9, (*SCAN, SIDE, SIDE)).astype("<u2")


# Writers of dense frames: folder, seed -> the path to open, and the file that holds the frames.


def npy(folder, seed):
    np.save(folder / "scan.npy", counts(seed))
    return folder / "scan.npy"


def npy_fortran(folder, seed):
    np.save(folder / "scan.npy", np.asfortranarray(counts(seed)))
    return folder / "scan.npy"


def hdf5(folder, seed):
    with h5py.File(folder / "scan.h5", "w") as file:
        file["frames"] = counts(seed)
    return folder / "scan.h5"


def hdf5_bitshuffle(folder, seed):
    import hdf5plugin

    with h5py.File(folder / "scan.h5", "w") as file:
        how = {"chunks": (1, 1, SIDE, SIDE), **hdf5plugin.Bitshuffle()}
        file.create_dataset("frames", data=counts(seed), **how)
    return folder / "scan.h5"


def zarr_zip(folder, seed):
    import zarr

    store = zarr.storage.ZipStore(folder / "scan.zip", mode="w")
    zarr.create_array(store, data=counts(seed), chunks=(1, 1, SIDE, SIDE), zarr_format=2)
    store.close()
    return folder / "scan.zip"


def block_file(folder, seed):
    header = np.zeros(1, blo.HEADER)
    header["id"], header["magic"], header["data"] = b"IMGBLO", blo.MAGIC, 200
    header["size"], header["ny"], header["nx"] = SIDE, *SCAN
    with open(folder / "scan.blo", "wb") as file:
        file.write(header.tobytes().ljust(200, b"\0"))
        for number, frame in enumerate(counts(seed).astype("u1").reshape(-1, SIDE, SIDE)):
            file.write(b"\xaa\x55" + number.to_bytes(4, "little") + frame.tobytes())
    return folder / "scan.blo"


def empad(folder, seed):
    frames = np.random.default_rng(seed).normal(size=(6, 130, 128)).astype("<f4")
    frames.tofile(folder / "raw.raw")
    if not (folder / "scan.xml").exists():
        (folder / "scan.xml").write_text(EMPAD_XML.format(name="raw.raw"))
    return folder / "raw.raw"


def merlin(folder, seed):
    when = datetime.datetime(2024, 5, 6, 7, 8, 9)
    with open(folder / "scan.mib", "wb") as file:
        for number, frame in enumerate(counts(seed).reshape(-1, SIDE, SIDE)):
            at = when + datetime.timedelta(milliseconds=number + 5 * (number // SCAN[1]))
            parts = ["MQ1", f"{number + 1:06d}", "00384", "01", f"{SIDE:04d}", f"{SIDE:04d}", "U16"]
            parts += ["   1x1", "01", f"{at:%Y-%m-%d %H:%M:%S.%f}", "0.001000", *"000"]
            parts += [f"{v:.6E}" for v in (4.0, 511.0, 0, 0, 0, 0, 0, 0)] + ["3RX"]
            parts += [f"{v:03d}" for v in range(27)]
            parts += ["MQ1A", f"{at:%Y-%m-%dT%H:%M:%S.%f}000Z", "1000000ns", "12", ""]
            file.write(",".join(parts).encode().ljust(384) + frame[::-1].astype(">u2").tobytes())
    return folder / "scan.mib"


def tvips(folder, seed):
    header = np.zeros(64, "<u4")
    header[:13] = [256, 2, SIDE, SIDE, 16, 0, 0, 1, 1, 15500, 200, 100, 60]
    with open(folder / "scan_000.tvips", "wb") as file:
        file.write(header.tobytes())
        for frame in counts(seed).reshape(-1, SIDE, SIDE):
            file.write(bytes(60) + frame.tobytes())
    return folder / "scan_000.tvips"


def mrc(folder, seed):
    header = np.zeros(256, "<u4")
    header[:4] = [SIDE, SIDE, SCAN[0] * SCAN[1], 6]
    header[52] = int.from_bytes(b"MAP ", "little")
    header[53] = 0x00004144
    (folder / "scan.mrc").write_bytes(header.tobytes() + counts(seed).tobytes())
    return folder / "scan.mrc"


def dm4(folder, seed):
    units = ("nm", "nm", "1/nm", "1/nm")
    write_dm(folder / "scan.dm4", image(counts(seed), (1.0,) * 4, units))
    return folder / "scan.dm4"


DENSE = (npy, npy_fortran, hdf5, hdf5_bitshuffle, zarr_zip, block_file, empad, merlin, tvips)
DENSE += (mrc, dm4)


# Writers of events, likewise.


def electrons(seed):
    random = np.random.default_rng(seed)
    return from_frames([random.integers(0, 400, 500) for _ in range(600)], (20, 30), (20, 20))


def written(suffix):
    def write(folder, seed):
        write_events(folder / f"scan{suffix}", electrons(seed))
        # Of raw CSR the electrons lie beside.
        return next(folder.glob("*.indices.raw"), folder / f"scan{suffix}")

    return write


def eer(folder, seed):
    random, bits = np.random.default_rng(seed), CODES[65001]
    pages = [encode(random_hits(random, 400, 1 << 12, bits), 1 << 12, bits) for _ in range(600)]
    return tiff(folder / "scan.eer", pages, (64, 64), 65001)


EVENTS = {".npz": written(".npz"), ".toml": written(".toml"), ".h5": written(".h5"), ".eer": eer}


# Ways to change a file: path, contents of another one of the same size.


def in_place(path, other):
    """As `numpy.save` does: emptied, and written anew."""
    path.write_bytes(other)


def cut(path, other):
    os.truncate(path, path.stat().st_size // 2)


def replaced(path, other):
    path.with_name("new").write_bytes(other)
    os.replace(path.with_name("new"), path)


def other_contents(write, folder):
    (folder / "other").mkdir()
    return write(folder / "other", 2).read_bytes()


@contextmanager
def at_the_next_reading(change):
    """Have `change()` done once, after a file was found unchanged and before it is read."""
    check = Unchanged.__enter__

    def then_change(files):
        Unchanged.__enter__ = check
        entered = check(files)
        change()
        return entered

    Unchanged.__enter__ = then_change
    try:
        yield
    finally:
        Unchanged.__enter__ = check


def read_on(write, folder, change):
    """Open frames, read all, and once more while the file is changed: what that ended in."""
    path, other = write(folder, 1), other_contents(write, folder)
    frames = open_frames(path, scan_shape=(2, 3) if write is empad else SCAN)
    expected = frames.read(0, frames.positions).copy()
    assert len(np.unique(expected)) > 5
    told = []
    with at_the_next_reading(lambda: change(path, other)):
        for _ in range(2):
            try:
                found = frames.read(0, frames.positions)
                told.append("old" if np.array_equal(found, expected) else "mixed")
            except UnreadableFile as error:
                told.append(str(error))
    return told[0] if len(set(told)) == 1 else f"first {told[0]}, then {told[1]}"


def work_on(write, folder, change):
    """Open events as if memory were short, have their file changed, use them."""
    room.is_large = lambda size: True
    path, other = write(folder, 1), other_contents(write, folder)
    opened = path if path.suffix != ".raw" else folder / "scan.toml"
    options = {"scan_shape": (20, 30)} if path.suffix == ".eer" else {}
    events = open_events(opened, **options)
    expected = events.pixels.tobytes()
    change(path, other)
    events.check_pixels()
    return "old" if events.pixels.tobytes() == expected else "mixed"


def main():
    for number, change in enumerate((in_place, cut, replaced)):
        for name, write in ({w.__name__: w for w in DENSE} | EVENTS).items():
            here = Path(sys.argv[1], f"{name}{number}")
            here.mkdir(parents=True)
            follow = read_on if write in DENSE else work_on
            print(json.dumps([name, change.__name__, follow(write, here, change)]), flush=True)


if __name__ == "__main__":
    main()
