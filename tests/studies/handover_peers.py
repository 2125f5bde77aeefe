"""Asks PtyRAD, quantem and abTEM; run by `tests.studies.handover` in their own environment."""

import contextlib
import importlib.util
import json
import logging
import os
import sys
from pathlib import Path

import h5py
import numpy as np
import yaml

OTHERS = ("right", "other_sign", "quarter_turn", "half_turn")


def loaded(path):
    """A Python file as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def chi_of_ptyrad(folder):
    """(N, N) χ [rad] by PtyRAD's own surface."""
    from ptyrad.optics.aberrations import Aberrations
    from ptyrad.optics.constants import get_wavelength_ang
    from ptyrad.optics.probe import make_aberration_surface_krivanek_cartesian as surface

    known = yaml.safe_load((folder / "ptyrad.yaml").read_text())["init_params"]
    pixels = known["meas_Npix"]
    k = (np.arange(pixels) - pixels // 2) * known["meas_calibration"]["value"]
    ky, kx = np.meshgrid(k, k, indexing="ij")
    coefficients = Aberrations(known["probe_aberrations"]).get_coefficients("cartesian")
    return surface(coefficients, kx, ky, get_wavelength_ang(known["probe_kv"]))


def chi_of_quantem(folder):
    """(N, N) χ [rad] by quantem's own surface; its x is the row."""
    import torch
    from quantem.core.utils.utils import electron_wavelength_angstrom
    from quantem.diffractive_imaging.complex_probe import aberration_surface, polar_coordinates

    start = loaded(folder / "quantem_start.py")
    k = (np.arange(start.PIXELS) - start.PIXELS // 2) * start.RECIPROCAL_SAMPLING
    kx, ky = (torch.tensor(v.copy()) for v in np.meshgrid(k, k, indexing="ij"))
    k, phi = polar_coordinates(kx, ky)
    wavelength = float(electron_wavelength_angstrom(start.ENERGY))
    coefficients = {n: torch.tensor(v, dtype=torch.float64) for n, v in start.ABERRATIONS.items()}
    return aberration_surface(k * wavelength, phi, wavelength, coefficients).numpy()


def phase_of_abtem(folder):
    """(N, N) exp(-iχ) by abTEM; its axes are (x, y)."""
    import abtem
    from abtem.transfer import Aberrations

    abtem.config.set({"precision": "float64"})
    start = loaded(folder / "abtem_start.py")
    probe = start.probe()
    k = (np.arange(start.PIXELS) - start.PIXELS // 2) * start.RECIPROCAL_SAMPLING
    kx, ky = np.meshgrid(k, k, indexing="ij")
    by = Aberrations(energy=start.ENERGY, **start.ABERRATIONS)
    assert probe.aberrations.C10 == by.C10
    return by._evaluate_from_angular_grid(np.hypot(kx, ky) * by.wavelength, np.arctan2(ky, kx))


def loss_of_quantem(folder, iterations):
    """Misfit after some iterations."""
    start = loaded(folder / "quantem_start.py")
    with h5py.File(folder / "frames.h5") as file:
        found = start.ptychography(file["data"][()])
    found.preprocess()
    found.reconstruct(
        num_iters=iterations,
        optimizer_params={"object": {"type": "adam", "lr": 5e-2}},
        device="cpu",
    )
    return float(np.asarray(found.iter_losses)[-1])


def misfit_of_ptyrad(folder):
    """1 - the correlation of the frames' centres of mass with those of PtyRAD's own start.

    In the middle of the scan: what lies beside it no start can know.
    """
    from ptyrad.init.initializer import Initializer
    from ptyrad.params import load_params

    os.chdir(folder)
    known = Initializer(load_params("ptyrad.yaml")["init_params"], seed=0).init_all()
    begun = known.init_variables
    probe, whole, frames = begun["probe"][0], begun["obj"][0, 0], begun["measurements"]
    size = probe.shape[-1]
    shift = np.arange(size) - size // 2
    rows, columns = begun["N_scan_slow"], begun["N_scan_fast"]
    inner = np.zeros((rows, columns), bool)
    inner[rows // 3 : -rows // 3, columns // 3 : -columns // 3] = True
    centres = []
    for (y, x), frame in zip(begun["crop_pos"][inner.ravel()], frames[inner.ravel()], strict=True):
        wave = np.fft.fftshift(np.fft.fft2(probe * whole[y : y + size, x : x + size]))
        pair = [np.abs(wave) ** 2, frame]
        centres.append(
            [[(p * s).sum() / p.sum() for p in pair] for s in (shift[:, None], shift[None])]
        )
    # (2, positions, y and x); the disc lies off the middle of the frames by parts of a pixel.
    predicted, measured = np.moveaxis(np.array(centres) - np.mean(centres, axis=0), -1, 0)
    return 1 - float(np.corrcoef(predicted.T.ravel(), measured.T.ravel())[0, 1])


def main(folder, iterations):
    """One line of JSON."""
    expected = np.load(folder / "chi.npy")
    right = folder / "right"
    scale = abs(expected).max()
    chi = {
        "PtyRAD": float(abs(chi_of_ptyrad(right) - expected).max() / scale),
        "quantem": float(abs(chi_of_quantem(right) - expected).max() / scale),
        "abTEM": float(abs(np.angle(phase_of_abtem(right) * np.exp(1j * expected))).max() / scale),
    }
    loss = {"quantem": {}, "PtyRAD": {}}
    for other in OTHERS:
        loss["quantem"][other] = loss_of_quantem(folder / other, iterations)
        loss["PtyRAD"][other] = misfit_of_ptyrad(folder / other)
    return {"chi": chi, "loss": loss}


if __name__ == "__main__":
    logging.disable(logging.INFO)
    with contextlib.redirect_stdout(sys.stderr):
        told = main(Path(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps(told))
