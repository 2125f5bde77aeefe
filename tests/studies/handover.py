"""Whether what is handed over means the same to the programs that take it: run by hand.

    python -m tests.studies.handover --python PATH/bin/python [--iterations 8]

PATH is a virtual environment with ptyrad 1.0.0, quantem 0.1.10 and abtem 1.0.11. A scan is
simulated that is turned and transposed, out of focus and with all aberrations to third order. Each
program's own code is asked for χ on the grid of the frames, and its phase is compared with the
double-precision polynomial; then PtyRAD and quantem reconstruct with the orientation that was
handed over, and with three wrong ones: the right one must fit the frames best.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from recon.calibration import Calibration
from recon.handover import ptyrad, scripts
from recon.handover.data import write_frames
from recon.handover.start import Start, cut_of
from recon.optics import Aberrations
from recon.simulate.scan import simulate_events

THERE = Path(__file__).with_name("handover_peers.py")
WRONG = {"other sign": -1, "quarter turn": 90, "half turn": 180}


def made(folder: Path, side=24):
    """A `Start` of a simulated scan, and the scan."""
    rng = np.random.default_rng(3)
    calibration = Calibration(80e3, 25.0, (0.42, 0.38), (31.7, 32.4), 12.0, 33.0, True)
    aberrations = Aberrations(
        C10=90.0, C12a=20.0, C12b=-15.0, C21a=150.0, C21b=300.0, C23a=-200.0, C23b=120.0,
        C30=2e4, C32a=-4e3, C32b=6e3, C34a=5e3, C34b=-3e3,
    )  # fmt: skip
    y, x = np.meshgrid(*(np.fft.fftfreq(4 * side, d) for d in (0.21, 0.19)), indexing="ij")
    noise = rng.normal(size=y.shape) + 1j * rng.normal(size=y.shape)
    phase = np.fft.ifft2(noise * np.exp(-((np.hypot(y, x) / 0.4) ** 2))).real
    phase *= 0.4 / phase.std()
    shape = (side, side + 4)
    scan = simulate_events(
        phase, calibration, aberrations, dose=1e5, frame_shape=(64, 66), scan_shape=shape,
        oversampling=2,
    )  # fmt: skip
    top, left = ((n - 2 * s) // 2 for n, s in zip(phase.shape, shape, strict=True))
    known = phase[top : top + 2 * shape[0] : 2, left : left + 2 * shape[1] : 2]
    return Start("simulated", calibration, aberrations, (64, 66), known, {}), scan


def expected(start, cut):
    """(N, N) float64 χ [rad] in the camera's frame, on the grid of the frames."""
    k = (np.arange(cut.pixels) - cut.pixels // 2) * cut.bin * start.calibration.reciprocal_sampling
    return start.in_camera.chi(k[:, None], k, start.calibration.wavelength)


def main():
    """Write, ask, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", required=True)
    parser.add_argument("--iterations", type=int, default=8)
    chosen = parser.parse_args()
    worst = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start, scan = made(folder)
        cut = cut_of(start.calibration, start.frame_shape)
        write_frames(folder / "frames.h5", scan, start, cut)
        for other, turn in {"right": 0, **WRONG}.items():
            angle = start.calibration.rotation_deg
            turned = -angle if turn == -1 else angle + turn
            tried = replace(start, calibration=replace(start.calibration, rotation_deg=turned))
            at = folder / other.replace(" ", "_")
            at.mkdir()
            files = {}
            for kind in scripts.PROGRAMS:
                files |= scripts.files(kind, tried, cut)
            for file, content in (files | ptyrad.files(tried, cut)).items():
                (at / file).write_bytes(content)
            (at / "frames.h5").symlink_to(folder / "frames.h5")
        np.save(folder / "chi.npy", expected(start, cut))
        command = [chosen.python, str(THERE), name, str(chosen.iterations)]
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        found = json.loads(told.splitlines()[-1])
    for program, error in found["chi"].items():
        print(f"χ by {program:9} differs by {error:.1e} of its largest value")
        worst = max(worst, error)
    right = True
    for program, losses in found["loss"].items():
        print(f"{program} misfit: " + ", ".join(f"{k} {v:.4g}" for k, v in losses.items()))
        right &= min(losses, key=losses.get) == "right"
    sys.exit(0 if worst < 1e-6 and right else 1)


if __name__ == "__main__":
    main()
