"""Inputs from public reports that once went wrong, asked again by the command line.

    python -m tests.studies.cases FOLDER [--only NAME,…]

FOLDER holds a folder for each case, with `make.py` that makes its inputs beside itself and
`expected.txt` that says what is right. Each is copied, made, and asked by `livestem`; what comes is
held against what make.py wrote (PACBED is a sum, the centre of mass a quotient of sums) or against
the words that are right. Cases of the page are tried in a browser by tests/ui. Not run by pytest.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np

from tests.support.paths import ROOT

KNOWN = ("--energy-kev", "80", "--semiangle-mrad", "25", "--scan-step-angstrom", "0.3")
DISC = ("--disc-centre", "7.5,7.5", "--disc-radius", "4")
COM_MRAD = 5e-6
"""Difference of centres of mass that rounding to float32 explains, of the disc's semi-angle."""


class Made:
    """One case, copied and made, and what the command line says of it."""

    def __init__(self, source, folder, **environment):
        shutil.copytree(source, folder)
        folder.chmod(0o755)
        for path in folder.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        self.folder, self.environment, self.rows = folder, environment, []
        if (folder / "make.py").exists():
            subprocess.run([sys.executable, folder / "make.py"], check=True)

    @cached_property
    def truth(self):
        return np.load(self.folder / "truth.npy").astype(float)

    def livestem(self, *arguments):
        """Exit code, none for a traceback, and what was printed, the errors last."""
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *map(str, arguments)],
            cwd="/",
            env={**os.environ, "PYTHONPATH": str(ROOT), **self.environment},
            capture_output=True,
            text=True,
        )
        said = done.stdout + done.stderr
        expected = "Traceback" not in said and "Unexpected" not in said
        return (done.returncode if expected else None), said

    def row(self, what, right, said):
        self.rows.append((what, bool(right), re.sub(r"\s+", " ", str(said)).strip()))

    def refused(self, name, *words, options=(), commands=("info", "reconstruct", "convert")):
        """One sentence with these words from each command, and nothing written."""
        for command in commands:
            written = {"info": (), "reconstruct": ("-o", self.folder / "no.h5", *KNOWN)}
            more = written.get(command, (self.folder / "no.npz",))
            code, said = self.livestem(command, self.folder / name, *more, *options)
            right = code == 2 and all(re.search(word, said) for word in words)
            right &= len(said.strip().splitlines()) == 1 and not list(self.folder.glob("no.*"))
            self.row(" ".join([command, name, *options]), right, said)

    def info(self, name, *options, notes=(), **right):
        """Properties as they are to be, and every note that has to be there."""
        code, said = self.livestem("info", self.folder / name, *options)
        told = json.loads(said) if code == 0 else {}
        got = {**told, **told.get("metadata", {})}
        short = {key: got.get(key) for key in (*right, "notes")}
        fits = all(same_value(got.get(key), value) for key, value in right.items())
        noted = all(re.search(note, " ".join(told.get("notes", ""))) for note in notes)
        quiet = notes or not told.get("notes")
        self.row(
            " ".join(["info", name, *options]), fits and noted and quiet, short if told else said
        )

    def sums(self, name, *options, truth=None, words=(), left_out=None):
        """PACBED and centre of mass as numpy makes them of the truth."""
        frames = self.truth if truth is None else truth
        out = self.folder / "out.h5"
        out.unlink(missing_ok=True)
        code, said = self.livestem("reconstruct", self.folder / name, "-o", out, *KNOWN, *options)
        what = " ".join(["reconstruct", name, *options])
        if code != 0:
            self.row(what, False, said)
            return
        with h5py.File(out) as file:
            pacbed, com = file["pacbed"][()], file["com"][()]
            record = json.loads(file.attrs["parameters"])
        kept = np.ones(frames.shape[2:], bool) if left_out is None else ~left_out
        per_px = record["calibration"]["semiangle_cutoff"] / record["calibration"]["radius"]
        total = (frames * kept).sum((2, 3))
        axes = np.indices(frames.shape[2:])
        right = np.stack([(frames * kept * axis).sum((2, 3)) / total for axis in axes]) * per_px
        right -= right.mean((1, 2), keepdims=True)
        off = np.abs(com - right).max() if com.shape == right.shape else np.inf
        same = np.array_equal(pacbed[kept], frames.sum((0, 1))[kept])
        worded = all(re.search(word, said) for word in words)
        told = f"PACBED {'equal' if same else 'differs'}, COM off by {off:.1g} mrad; {said}"
        self.row(what, same and off < COM_MRAD and worded, told)

    def health(self, name, finding, verdict, words):
        code, said = self.livestem("info", self.folder / name, "--health", "--json")
        found = {f["name"]: f for f in json.loads(said)["findings"]} if code == 0 else {}
        told = found.get(finding, {"meaning": said, "verdict": ""})
        right = told["verdict"] == verdict and re.search(words, told["meaning"])
        self.row(f"info --health {name}: {finding}", right, told["meaning"])


def same_value(got, right):
    if isinstance(right, str):
        return isinstance(got, str) and re.search(right, got)
    return got is not None and np.allclose(got, right, rtol=1e-9)


def stored(path, dataset):
    with h5py.File(path) as file:
        return file[dataset][()].astype(float)


def merlin(path, side=16):
    """Frames of a .mib with headers of 384 bytes: big-endian 16 bit, rows stored bottom first."""
    raw = np.frombuffer(path.read_bytes(), np.uint8).reshape(-1, 384 + 2 * side * side)
    frames = raw[:, 384:].copy().view(">u2").astype(float)
    return frames.reshape(-1, side, side)[:, ::-1]


def axes_say_scan_is_last(case):
    for name in ("k2_calibrated.dm4", "transposed.hspy", "ncem.emd"):
        case.info(name, scan_shape=[6, 7], frame_shape=[16, 16], scan_sampling=[0.3, 0.3])
        case.sums(name)
    case.refused("k2_uncalibrated.dm4", "16 × 16 or 6 × 7")
    case.info("k2_uncalibrated.dm4", "--scan-shape", "6,7", scan_shape=[6, 7])
    case.sums("k2_uncalibrated.dm4", "--scan-shape", "6,7")


def convert_no_whole_numbers(case):
    counts = np.load(case.folder / "counts_f4.npy").astype(float)
    case.info("counts_f4.npy", scan_shape=[8, 10], electrons=counts.sum())
    case.sums("counts_f4.npy", truth=counts)
    code, said = case.livestem("convert", case.folder / "counts_f4.npy", case.folder / "o.npz")
    case.row("convert counts_f4.npy", code == 0 and f"{counts.sum():.0f} electrons" in said, said)
    case.sums("o.npz", truth=counts)


def de_mrc_scan_step(case):
    name = "20240101_00001_movie.mrc"
    case.info(name, scan_shape=[4, 5], scan_sampling=[0.3, 0.2], energy=300e3)


def dectris_master(case):
    halves = [case.folder / f"with_vds/scan_data_00000{half}.h5" for half in (1, 2)]
    whole = np.concatenate([stored(half, "entry/data/data") for half in halves])
    whole = whole.reshape(8, 10, 16, 16)
    case.info("with_vds/scan_master.h5", scan_shape=[8, 10])
    case.sums("with_vds/scan_master.h5", truth=whole)
    case.info("one_more/scan_master.h5", scan_shape=[8, 10], notes=["81 frames.* last one .*left"])
    case.sums("one_more/scan_master.h5", truth=whole)
    case.info("aborted/scan_master.h5", scan_shape=[5, 10], notes=["57 frames.* 7 frames .*left"])
    case.sums("aborted/scan_master.h5", truth=whole[:5])
    missing = "aborted_file_missing/scan_master.h5"
    case.info(
        missing, scan_shape=[4, 10], notes=["scan_data_000002.h5 is not beside it", "40 frames"]
    )
    case.sums(missing, truth=whole[:4])


def empad_newer_xml(case):
    right = {"scan_shape": [1, 3], "energy": 300e3, "scan_sampling": [10, 10]}
    case.info("scan_x3_y1.raw", camera_length=0.369, **right)
    case.info("scan_x3_y1.raw", "--scan-shape", "1,3", camera_length=0.369, **right)


def float16_frames(case):
    case.info("half_precision.npy", scan_shape=[8, 10], frame_shape=[16, 16])
    case.sums("half_precision.npy")
    case.health("half_precision.npy", "frames", "ok", "")


def hdf5_several_arrays(case):
    path = "/4DSTEM_simulation/data/datacubes/CBED_array_depth000{}/datacube"
    case.refused("two_depths.h5", "2 arrays", "--option dataset=", path.format(0), path.format(1))
    for depth in range(2):
        option = f"dataset={path.format(depth)}"
        case.sums("two_depths.h5", "--option", option, truth=stored(case.folder / "store.h5", "x"))
    none = ("--option", "dataset=/none")
    case.refused("two_depths.h5", "no array /none", path.format(0), path.format(1), options=none)
    case.refused("five.h5", "five dimensions", "1 × 8 × 10 × 16 × 16")
    case.refused("complex.h5", "complex", "8 × 10 × 16 × 16")
    case.refused("link.h5", "link", "store.h5")


def health_rows_empty(case):
    for name, empty in (("quarter_missing.npy", 80), ("half_written.npy", 140)):
        case.health(name, "frames", "bad", f"{empty} frames are empty")
        code, said = case.livestem("info", case.folder / name, "--health")
        case.row(f"info --health {name}", code == 0 and "All well" not in said, said[:60])


def mib_called_damaged(case):
    frames = merlin(case.folder / "old_header.mib").reshape(8, 10, 16, 16)
    for name in ("old_header.mib", "umlaut_hdr.mib", "zero_trigger.mib", "UPPER.MIB"):
        notes = ["pauses after every 10"] if name == "zero_trigger.mib" else []
        case.info(name, scan_shape=[8, 10], notes=notes)
        case.info(name, "--scan-shape", "8,10", scan_shape=[8, 10])
        case.sums(name, truth=frames)


def mib_extra_frames_dropped(case):
    case.refused("lineskip.mib", "88 frames", r"8 × 10 positions \(80\)", "8 × 11")
    every = merlin(case.folder / "lineskip.mib").reshape(8, 11, 16, 16)
    case.sums("lineskip.mib", "--scan-shape", "8,11", truth=every)
    flat = every.reshape(-1, 16, 16)[:80].reshape(8, 10, 16, 16)
    asked = ("--scan-shape", "8,10")
    case.info("lineskip.mib", *asked, scan_shape=[8, 10], notes=["88 frames", "8 .*left out"])
    case.sums("lineskip.mib", *asked, truth=flat, words=["88 frames"])


def mib_shape_from_timestamps(case):
    for number in range(4):
        name = f"pixel_trigger_{number}.mib"
        case.info(name, scan_shape=[3, 128], notes=["Nothing states .* every 128 frames"])


def mib_stopped_scan(case):
    frames = merlin(case.folder / "stopped.mib")[:70].reshape(7, 10, 16, 16)
    case.info("stopped.mib", scan_shape=[7, 10], notes=["77 frames", "80", "7 frames .*left out"])
    case.sums("stopped.mib", truth=frames)
    cut = ["76 frames", "80", "6 frames .*left out", "within a frame"]
    case.info("cut.mib", scan_shape=[7, 10], notes=cut)
    case.sums("cut.mib", truth=frames)
    case.info("stopped.mib", "--scan-shape", "8,10", scan_shape=[7, 10], notes=["77 frames"])


def mixed_units(case):
    for name in ("mixed.hspy", "mixed_dm.dm4"):
        case.info(name, scan_shape=[6, 7], scan_sampling=[0.3, 0.3])


def nan_com_all_zero(case):
    nan = np.zeros((16, 16), bool)
    nan[1, 1] = True
    said = ["1 of 256 .* no number .*left out of every sum"]
    case.info("nan_pixel.npy", notes=said, scan_shape=[12, 12])
    for options in ((), DISC):
        case.sums("nan_pixel.npy", *options, words=said, left_out=nan)
    case.health("nan_pixel.npy", "dead pixels", "ok", "")


def rare_negative_count(case):
    for name, notes in (("rare.npy", ["position 1 holds -1.* dense"]), ("also_in_first.npy", [])):
        case.info(name, scan_shape=[16, 20], pixel="int16", notes=notes)
        case.sums(name, truth=np.load(case.folder / name).astype(float))


def rectangular_pixels(case):
    case.refused("rect.h5", "ellipse of ratio 2", "--ellipse auto", commands=["reconstruct"])
    for ellipse in ("auto", "2,90"):
        arguments = ("reconstruct", case.folder / "rect.h5", "-o", case.folder / "out.h5", *KNOWN)
        code, said = case.livestem(*arguments, "--ellipse", ellipse)
        case.row(f"reconstruct rect.h5 --ellipse {ellipse}", code == 0, said)


def threads_setting(case):
    """One thread, as the environment asks, in the record and in the process."""
    np.save(case.folder / "scan.npy", np.random.default_rng(0).poisson(3, (6, 6, 16, 16)))
    out = case.folder / "out.h5"
    arguments = ("reconstruct", case.folder / "scan.npy", "-o", out, *KNOWN, *DISC)
    code, said = case.livestem(*arguments)
    if code == 0:
        with h5py.File(out) as file:
            said = json.loads(file.attrs["parameters"])["device"]["name"]
    case.row("reconstruct under LIVESTEM_THREADS=1", said == "CPU, 1 thread", said)


def unknown_format_list(case):
    case.refused("scan_x1_y1.raw", "EMPAD", r"\.xml")
    case.refused("scan.hdr", r"\.mib")


def vds_source_missing(case):
    case.refused("scan.h5", r"part2\.h5", "not beside it")


CASES = (axes_say_scan_is_last, convert_no_whole_numbers, de_mrc_scan_step, dectris_master)
CASES += (empad_newer_xml, float16_frames, hdf5_several_arrays, health_rows_empty)
CASES += (mib_called_damaged, mib_extra_frames_dropped, mib_shape_from_timestamps, mib_stopped_scan)
CASES += (mixed_units, nan_com_all_zero, rare_negative_count, rectangular_pixels, threads_setting)
CASES += (unknown_format_list, vds_source_missing)
ENVIRONMENTS = {"threads_setting": {"LIVESTEM_THREADS": "1"}}
BROWSER = {"page_connection_lost": "tests/ui/test_connection.py"}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    only = set(filter(None, asked.only.split(",")))
    asks = {ask.__name__: ask for ask in CASES}
    wrong = 0
    print("| case | right? | asked | said |\n|---|---|---|---|")
    for source in sorted(asked.folder.iterdir()):
        name = source.name
        if name not in asks or (only and name not in only):
            if not only:
                print(f"| {name} | not tried | {BROWSER.get(name, 'nothing asks it')} | |")
            continue
        with TemporaryDirectory() as folder:
            case = Made(source, Path(folder) / name, **ENVIRONMENTS.get(name, {}))
            asks[name](case)
        for what, right, said in case.rows:
            wrong += not right
            print(f"| {name} | {'yes' if right else 'NO'} | {what} | {said[:400]} |", flush=True)
    print(f"{wrong} wrong")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
