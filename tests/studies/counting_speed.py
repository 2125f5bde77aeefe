"""Frames a second of electron counting, beside stempy's on the same frames in the same run.

Not a test: `python -m tests.studies.counting_speed` where both recon and stempy can be imported.
Both take the frames from a memory-mapped file that was just written, so from the system's cache;
stempy through `PyReader`, because its threaded reader of the 4D Camera's own files (3.6.0)
ended with a segmentation fault wherever it was tried.
"""

import argparse
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numba
import numpy as np

from recon.counting.count import count_electrons, estimate_thresholds, sample_frames
from tests.support.detector import Camera

SHAPE = (576, 576)
"""The 4D Camera's detector."""


def main():
    """Write frames, count them with both, print a line for each."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--scan", type=int, default=24, help="scan positions along each axis")
    options.add_argument("--electrons", type=float, default=50, help="mean electrons a frame")
    options.add_argument("--repeat", type=int, default=5, help="interleaved runs; the best counts")
    options = options.parse_args()
    if find_spec("stempy") is None:
        print("stempy is not installed here, so there is nothing to compare with.")
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), options)


def compare(folder, options):
    """Count the same frames with both, at the same thresholds, dark reference and gain."""
    camera = Camera(SHAPE)
    frames = options.scan**2
    scan = options.scan, options.scan
    raw = np.lib.format.open_memmap(folder / "raw.npy", "w+", np.uint16, (frames, *SHAPE))
    for first in range(0, frames, 16):
        last = min(first + 16, frames)
        places = camera.electrons(last - first, options.electrons)
        raw[first:last] = camera.expose(last - first, places, xrays=0.05)
    raw.flush()
    thresholds = estimate_thresholds(sample_frames(raw, 20), camera.dark, camera.gain)
    print(thresholds.statement)

    def ours():
        source = np.load(folder / "raw.npy", mmap_mode="r")
        return count_electrons(source, scan, camera.dark, camera.gain, thresholds).electrons

    def theirs():
        from stempy._image import ElectronCountOptionsClassic, electron_count
        from stempy.io import PyReader

        settings = ElectronCountOptionsClassic()
        settings.dark_reference = camera.dark
        # Theirs is multiplied.
        settings.gain = (np.median(camera.gain) / camera.gain).astype(np.float32)
        settings.background_threshold = thresholds.background
        settings.x_ray_threshold = thresholds.xray
        settings.scan_dimensions = scan
        settings.apply_row_dark_subtraction = False
        source = np.load(folder / "raw.npy", mmap_mode="r")
        reader = PyReader(source, np.arange(frames), scan, 32, frames)
        found = electron_count(reader.begin(), reader.end(), settings)
        return sum(np.asarray(frame).size for position in found.data for frame in position)

    contenders = {"livestem": ours, "stempy": theirs}
    best, found = dict.fromkeys(contenders, np.inf), {}
    ours()
    for _ in range(options.repeat):
        for name, run in contenders.items():
            start = time.perf_counter()
            found[name] = run()
            best[name] = min(best[name], time.perf_counter() - start)
    for name, seconds in best.items():
        print(f"{name:9} {frames / seconds:7.0f} frames/s, {found[name] / frames:.2f} electrons")
    cores = numba.get_num_threads()
    ratio = best["stempy"] / best["livestem"]
    print(
        f"livestem, on {cores} cores, is {ratio:.1f} times as fast as stempy on one: "
        f"{ratio / cores:.1f} times, if stempy made perfect use of as many."
    )


if __name__ == "__main__":
    main()
