"""Scans of a thin gold crystal that leans against the beam, by a multislice that is not ours.

The simulator is a module `sim` with a function `simulate` (reciprocity multislice, checked against
abTEM), in a folder that is named when a study is run: it shares nothing with livestem.
"""

import importlib
import json
import sys

import ase
import numpy as np
from ase.build import bulk

from recon.simulate.specimen import interaction_constant, projected_potential

ENERGY, SEMIANGLE = 200e3, 20.0
BOX, GRID, LATTICE = 40.0, 200, 128
LAYER = 4.078 / 2
WINDOW = (14, 14, 100, 104)
FRAME, CENTRE, RADIUS = (38, 38), (18.3, 18.8), 13.0
RADIUS_OF_CRYSTAL = 13.0
ROTATION_DEG = 25.0
MIDDLE = {"C10": 40.0, "C12a": -25.0, "C21a": 300.0}
"""Aberrations of the probe [Å], C10 of the crystal's middle plane."""


def layers(count: int, tilt) -> list[ase.Atoms]:
    """The (002) layers of a round gold crystal along [001], from where the beam enters.

    Each lies `tilt` (y, x) [mrad] times its height above the middle plane from where it would lie
    upright.
    """
    crystal = bulk("Au", cubic=True, a=2 * LAYER).repeat((8, 8, -(-count // 2)))
    crystal.positions[:, :2] -= crystal.positions[:, :2].mean(0)
    crystal.rotate(17, "z")
    found = []
    for number in range(count):
        layer = crystal[np.abs(crystal.positions[:, 2] - number * LAYER) < LAYER / 4]
        layer = layer[np.hypot(*layer.positions[:, :2].T) < RADIUS_OF_CRYSTAL]
        height = (number - (count - 1) / 2) * LAYER
        layer.positions[:, :2] += 1e-3 * height * np.array(tilt[::-1])
        found.append(layer)
    return found


def write(folder, name: str, simulator, count: int, tilt) -> None:
    """Simulate such a scan, as `NAME.npy`, `NAME_truth.npz` and `NAME.json` in a folder."""
    sys.path.insert(0, str(simulator))
    sim = importlib.import_module("sim")
    step = BOX / GRID
    slices = np.array(
        [projected_potential(layer, (GRID, GRID), (step, step)) for layer in layers(count, tilt)]
    )
    entered = MIDDLE | {"C10": MIDDLE["C10"] - (count - 1) * LAYER / 2}
    beam = ENERGY, SEMIANGLE * 1e-3, entered
    intensities = sim.simulate(
        slices, (BOX, BOX), LAYER, *beam, (LATTICE, LATTICE), WINDOW, FRAME, CENTRE, RADIUS,
        np.deg2rad(ROTATION_DEG), False, 2, verbose=False,
    )  # fmt: skip
    # Of the whole projection, on the scan's positions, as far as the aperture passes it.
    phase = np.fft.fft2(interaction_constant(ENERGY) * slices.sum(0)) / GRID**2
    index = np.fft.fftfreq(GRID, 1 / GRID).astype(int)
    passed = np.hypot(index[:, None], index) / BOX < 2 * SEMIANGLE * 1e-3 / sim.wavelength(ENERGY)
    spectrum = np.zeros((LATTICE, LATTICE), complex)
    rows, columns = np.nonzero(passed)
    spectrum[index[rows], index[columns]] = phase[rows, columns]
    top, left, height, width = WINDOW
    truth = np.fft.ifft2(spectrum, norm="forward").real[top : top + height, left : left + width]
    about = {
        "E_eV": ENERGY, "alpha_rad": SEMIANGLE * 1e-3, "step": [BOX / LATTICE] * 2,
        "aberrations": entered, "theta_deg": ROTATION_DEG, "transpose": False, "centre": CENTRE,
        "radius": RADIUS, "dz": LAYER, "nslices": count, "tilt_mrad": list(tilt),
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{name}.npy", intensities)
    np.savez_compressed(folder / f"{name}_truth.npz", phase=truth)
    (folder / f"{name}.json").write_text(json.dumps(about, indent=1))
