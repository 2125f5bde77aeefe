"""Tries damaged files of dense frames, in a process that may die of them.

    python -m tests.support.fuzz_dense FOLDER COUNT SEED [FORMAT ...]

Each attempt is told on standard output before it is made (kind, number), so that the last line
names the one that ended the process; at the end, JSON of how many were opened and refused.
Everything else on standard error.
"""

import faulthandler
import json
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np

from recon.errors import UnreadableFile
from recon.io.dense import open_frames
from tests.support.dense_files import (
    blo_file,
    dectris_file,
    emd,
    empad_file,
    hdf5,
    hdf5_compressed,
    hspy,
    mrc,
    npy,
    tvips,
    zarr_zip,
    zspy,
)
from tests.support.fuzzing import EXTREMES, _edited
from tests.support.merlin_files import hdr, mib

PATIENCE_S = 600
"""Beyond which an input counts as a hang; a child that reads has 60 s, the others take none."""
MEMORY = 2 << 30
"""Resident bytes that the process may ever have had, compiled kernels and libraries included."""
DATA = np.arange(2 * 3 * 5 * 7, dtype=np.uint16).reshape(2, 3, 5, 7)


def bytes_of_blo(folder, data):
    return blo_file(folder, np.arange(150, dtype=np.uint8).reshape(2, 3, 5, 5))


def filtered(name, chunks=(1, 2, 5, 7)):
    def make(folder, data):
        import hdf5plugin

        options = {"compression": name} if name in ("gzip", "lzf") else getattr(hdf5plugin, name)()
        with h5py.File(folder / "scan.h5", "w") as file:
            file.create_dataset("frames", data=data, chunks=chunks, **options)
        return folder / "scan.h5"

    return make


def coded(name):
    def make(folder, data):
        import numcodecs
        import zarr

        options = {"zarr_format": 2, "compressors": numcodecs.Blosc()}
        if name == "shards":
            options = {"zarr_format": 3, "shards": (2, 3, 5, 7)}
        zarr.create_array(folder / "scan.zarr", data=data, chunks=(1, 1, 5, 7), **options)
        return folder / "scan.zarr"

    return make


def dectris_compressed(folder, data):
    import hdf5plugin

    with h5py.File(folder / "scan_data_000001.h5", "w") as file:
        frames, lz4 = data.reshape(6, 5, 7), hdf5plugin.Bitshuffle()
        file.create_dataset("entry/data/data", data=frames, chunks=(1, 5, 7), **lz4)
    with h5py.File(folder / "scan_master.h5", "w") as file:
        file["entry/data/data_000001"] = h5py.ExternalLink("scan_data_000001.h5", "entry/data/data")
        file["entry/instrument/detector/frame_time"] = 0.001
    return folder / "scan_master.h5"


def empad(folder, data):
    empad_file(folder)
    return folder / "scan.xml"


def merlin(folder, data):
    hdr(folder / "scan.hdr", 6, 3)
    return mib(folder / "scan.mib", data.reshape(6, 5, 7))


FORMATS = {
    "npy": npy,
    "HDF5": hdf5,
    "HDF5, Bitshuffle": hdf5_compressed,
    "HDF5, gzip": filtered("gzip"),
    "HDF5, lzf": filtered("lzf"),
    "HDF5, Zstd": filtered("Zstd"),
    "HDF5, Blosc": filtered("Blosc"),
    "HyperSpy": hspy,
    "EMD": emd,
    "Zarr in zip": zarr_zip,
    "Zarr folder": zspy,
    "Zarr, Blosc": coded("blosc"),
    "Zarr, shards": coded("shards"),
    "TVIPS": tvips,
    "MRC": mrc,
    "Merlin": merlin,
    "blockfile": bytes_of_blo,
    "EMPAD": empad,
    "Dectris": dectris_file,
    "Dectris, Bitshuffle": dectris_compressed,
}


def damage(random):
    """A few edits of a file's bytes, as in `fuzzing.damage`."""
    edits = []
    kinds = [*["flip", "byte", "number", "noise", "move"] * 3, "cut", "drop", "twice"]
    for _ in range(random.integers(1, 4)):
        # Half of the places lie in the first kilobytes, where headers are.
        where = random.random() * (0.1 if random.integers(2) else 1)
        kind = str(random.choice(kinds))
        rest = {
            "flip": [int(random.integers(8))],
            "byte": [int(random.integers(256))],
            "number": [int(random.choice([2, 4, 8])), EXTREMES[random.integers(len(EXTREMES))]],
            "cut": [],
            "drop": [int(random.integers(1, 65))],
            "twice": [int(random.integers(1, 65))],
            "noise": [random.bytes(random.integers(1, 25))],
            "move": [random.random(), int(random.integers(1, 33))],
        }
        edits.append((kind, where, *rest[kind]))
    return edits


def attempt(path):
    """Whether a file opens and can be read through; else the sentence is looked at."""
    faulthandler.dump_traceback_later(PATIENCE_S, exit=True)
    try:
        frames = open_frames(path, scan_shape=(2, 3))
        for _ in frames.slabs():
            pass
    except UnreadableFile as error:
        text = str(error)
        assert text.strip(), "an empty sentence"
        assert "\n" not in text, text
        assert len(text) < 1500, text
        return False
    finally:
        faulthandler.cancel_dump_traceback_later()
    return True


def try_format(name, folder, count, seed):
    """(opened, refused) of so many damaged files of one format."""
    folder.mkdir()
    path = FORMATS[name](folder, DATA)
    assert attempt(path), f"{name}: the sound file does not open"
    sides = sorted(side for side in folder.rglob("*") if side.is_file())
    contents = [side.read_bytes() for side in sides]
    ends = [0, 0]
    for number in range(count):
        random = np.random.default_rng([seed, number])
        print(f"{name} {number}", flush=True)
        which = random.integers(len(sides))
        sides[which].write_bytes(_edited(contents[which], damage(random)))
        ends[not attempt(path)] += 1
        sides[which].write_bytes(contents[which])
    shutil.rmtree(folder)
    return ends


def main():
    folder, count, seed, *names = sys.argv[1:]
    ends = {}
    for name in names or FORMATS:
        with suppress(ImportError):
            place = Path(folder) / name.replace(",", "").replace(" ", "-")
            ends[name] = try_format(name, place, int(count), int(seed))
    print(json.dumps({"ends": ends, "memory": peak()}))


def peak():
    """Most bytes that were resident; 0 where the system does not tell."""
    if not os.path.exists("/proc/self/status"):
        return 0
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) * 1024


if __name__ == "__main__":
    faulthandler.enable()
    main()
