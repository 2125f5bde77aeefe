"""Thickness and tilt on multislice scans: how large the phase is, and what is found.

    python -m tests.studies.specimen film
    python -m tests.studies.specimen scans FOLDER [--scans sto_20A,sto_52A,…] [--dose 10000]
    python -m tests.studies.specimen gold FOLDER --simulator PLACE [--dose 10000]

Film: a weak object spread over 120 Å that leans by 5.8 mrad, 200 kV, 20 mrad, by the multislice of
tests/support and plain sums in double precision. Scans: those of `tests.studies.truth`, with the
true geometry, one draw; beside each the share of the true projected phase that comes out for a thin
specimen, for what is fitted and, where the scan says its slices, for its true thickness. Crystals
show where the theory ends. Gold: crystals of 2.0 and 3.3 nm along [001] that lean by 7.2 mrad, made
by tests/studies/gold.py with the simulator at PLACE where FOLDER lacks them. Not run by pytest.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from recon.calibration import Calibration
from recon.errors import Unfitted
from recon.focus.specimen import fit_in_turn
from recon.optics import Aberrations, electron_wavelength
from recon.simulate.scan import sample_events
from recon.specimen import THIN, Specimen
from recon.ssb.gfunction import build_sidebands
from recon.ssb.phase import single_sideband
from tests.studies import gold
from tests.support.multislice import Box, first_order, g_of, weak_g

LEANING = 6.0, -4.0
"""Tilt of the gold crystals (y, x) [mrad]."""

GOLD = {"gold_20A": 10, "gold_33A": 16}
"""Their layers."""

BAND = 0.9
"""Share of 2 k0 that gains are taken over."""


def gain(found, truth):
    """Least-squares factor between two images, or spectra."""
    return float(np.vdot(truth, found).real / np.vdot(truth, truth).real)


def compared(found, truth):
    """Gain and correlation of an image with the true one, in words."""
    alike = float(np.corrcoef(found.ravel(), truth.ravel())[0, 1])
    return f"{gain(found, truth):.2f} ({alike:.2f})"


def film(thickness=120.0, tilt=(4.1, -4.1)):
    box = Box(electron_wavelength(200e3), 0.020)
    probe, phase = box.probe(Aberrations()), box.object()
    leaning = tuple(1e-3 * angle for angle in tilt)
    g = g_of(box, first_order(box, phase, probe, thickness, leaning, slices=24))
    scan = box.size // 2
    index = np.fft.fftfreq(scan, 1 / scan).astype(int)
    rows, columns = np.meshgrid(index, index, indexing="ij")
    truth = (np.fft.fft2(phase) / phase.size)[rows, columns]
    inside = np.hypot(rows, columns) / box.length < BAND * 2 * box.k0
    inside[0, 0] = False
    for name, specimen in {
        "thin": THIN,
        "its thickness": Specimen(thickness),
        "thickness and tilt": Specimen(thickness, tilt),
    }.items():

        def weights(k, q, specimen=specimen):
            return specimen.weights(k, q, box.wavelength)

        unit = np.zeros_like(phase)
        unit[0, 0] = phase.size
        gamma = weak_g(box, unit, probe, weights) / 1j
        power = (abs(gamma) ** 2).sum((0, 1))
        sums = (gamma.conj() * g).sum((0, 1))
        found = np.where(power > 0.2, -1j * sums / np.maximum(power, 0.2), 0)
        print(f"film of {thickness:g} Å, tilt {tilt} mrad, taken for {name}: gain "
              f"{gain(found[inside], truth[inside]):.2f}", flush=True)  # fmt: skip


def within(image, sampling, limit):
    """The image without what lies beyond a frequency [1/Å], and without its mean."""
    q_y, q_x = (np.fft.fftfreq(n, s) for n, s in zip(image.shape, sampling, strict=True))
    spectrum = np.fft.fft2(image)
    spectrum[np.hypot(q_y[:, None], q_x) > limit] = 0
    spectrum[0, 0] = 0
    return np.fft.ifft2(spectrum).real


def scan(folder, name, dose):
    about = json.loads((folder / f"{name}.json").read_text())
    truth = np.load(folder / f"{name}_truth.npz")["phase"]
    step = tuple(about["step"])
    intensities = np.load(folder / f"{name}.npy").astype(float)
    events = sample_events(intensities, dose * step[0] * step[1], seed=0)
    calibration = Calibration(
        about["E_eV"],
        about["alpha_rad"] * 1e3,
        step,
        tuple(about["centre"]),
        about["radius"],
        about["theta_deg"],
        about["transpose"],
    )
    g = build_sidebands(events, calibration, 18, full=True)
    thickness = about.get("nslices", 1) * about.get("dz", 0.0)
    tilt = tuple(about.get("tilt_mrad", (0.0, 0.0)))
    limit = BAND * 2 * calibration.k0
    truth = within(truth, step, limit)

    def of(specimen, aberrations):
        image = single_sideband(g.through(specimen), aberrations)
        return compared(within(image, step, limit), truth)

    try:
        fit, found = fit_in_turn(g, Aberrations(), 1)
    except Unfitted as refusal:
        print(f"{name} ({thickness:g} Å, tilt {tilt} mrad): {refusal}", flush=True)
        return
    known = dict(about["aberrations"].items())
    c10 = known.get("C10", 0.0) + max(thickness - about.get("dz", 0.0), 0.0) / 2
    print(
        f"{name}: {thickness:g} Å, tilt {tilt} mrad, C10 {c10:.1f}, "
        f"found {fit.aberrations.C10:.1f} ± {fit.errors.get('C10', np.nan):.1f} Å | "
        f"{found.statement} | gain (correlation): thin {of(THIN, fit.aberrations)}, "
        f"found {of(found.specimen, fit.aberrations)}, "
        f"true thickness and tilt {of(Specimen(thickness, tilt), fit.aberrations)}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("film", "scans", "gold"))
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--scans", default="sto_20A,sto_52A,sto_104A,au_ac,amorph60")
    parser.add_argument("--simulator", type=Path, help="Folder of a module `sim`.")
    parser.add_argument("--dose", type=float, default=1e4)
    asked = parser.parse_args()
    if asked.what != "film" and asked.folder is None:
        parser.error(f"{asked.what}: which FOLDER holds them?")
    if asked.what == "film":
        film()
        return
    names = asked.scans.split(",")
    if asked.what == "gold":
        names = GOLD
        for name in GOLD:
            if not (asked.folder / f"{name}.npy").exists():
                if asked.simulator is None:
                    parser.error("gold: which --simulator makes the scans?")
                gold.write(asked.folder, name, asked.simulator, GOLD[name], LEANING)
    for name in names:
        if (asked.folder / f"{name}.npy").exists():
            scan(asked.folder, name, asked.dose)
        else:
            print(f"{name}: not there")


if __name__ == "__main__":
    main()
