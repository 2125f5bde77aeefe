"""Automatic answers held against scans of an independent simulator, whose truth is known.

    python -m tests.studies.truth FOLDER [--scans base,basef,…] [--doses 3000,10000] [--seeds 3]

FOLDER holds for each scan NAME.npy, (Sy, Sx, Ky, Kx) fractions of the electrons, and NAME.json
with E_eV, alpha_rad, step [Å], theta_deg, transpose, aberrations [Å], and for thick objects dz [Å]
and nslices. Electrons are drawn, disc, orientation and aberrations found as `livestem reconstruct
--rotation-deg auto --aberrations auto` does, and each answer is right (within 3 standard errors;
of n coefficients the farthest within what chance exceeds as seldom), said to be uncertain or
refused, or wrong and used without a word, of which there may be none.
Not run by pytest.
"""

import argparse
import json
from collections import Counter
from dataclasses import replace
from math import hypot
from pathlib import Path
from time import perf_counter

import numpy as np
from scipy.stats import norm

from recon.batch.fitting import fit_to_data, orientation_record
from recon.calibration import Calibration
from recon.device.backend import CPU
from recon.errors import Unfitted
from recon.geometry.disc import fit_disc
from recon.optics import Aberrations
from recon.orientation.eight_ways import orientations
from recon.simulate.scan import sample_events
from recon.ssb.build import build_g
from recon.sums.detectors import pacbed

ORDERS = {"basef": 1, "graphene_t112": 3, "sto_20A": 1, "sto_52A": 1, "sto_104A": 1, "au_ac": 1}
"""Highest order that is fitted; 2 where none is said."""

TRIED = ("basef", "base", "base_per", "uncorr", "uncorr:3", "graphene_r37", "graphene_t112")
TRIED += ("sto_20A", "sto_52A", "sto_104A", "au_ac", "amorph60", "mos2", "mos2f:1", "defoc_1000:1")
"""Scans, and after a colon the order that is fitted."""

DEPTHS = {"au_ac": (28.0, 4.0)}
"""Depth of the middle of an object that does not fill its slices and to what it is known [Å]: of a
particle 25 Å thick, askew on a film of 20 Å."""

SIGMAS = 3.0
ROUGH_DEG = 5.0
"""Standard error beyond which an angle counts as said to be uncertain."""

RIGHT, SAID, WRONG = "right", "said", "WRONG"


def truth_of(name, about):
    """Aberrations, in the detector's frame, as seen from the middle of the object."""
    values = dict(about["aberrations"])
    # The first slice lies at the plane that C10 refers to.
    middle = (about.get("nslices", 1) - 1) * about.get("dz", 0.0) / 2, 0.0
    middle, open_ = DEPTHS.get(name, middle)
    values["C10"] = values.get("C10", 0.0) + middle
    return Aberrations(**values), open_


def verdict_of_orientation(turn, about):
    """Rotation and transpose."""
    off = (turn["rotation_deg"] - about["theta_deg"] + 180) % 360 - 180
    doubt = turn["statement"].lower()
    if turn["rotation_error"] > ROUGH_DEG:
        return SAID, off
    if turn["transpose"] != about["transpose"]:
        return (SAID if "swapped is uncertain" in doubt else WRONG), off
    within = SIGMAS * max(turn["rotation_error"], 0.1)
    if abs(off) < within:
        return RIGHT, off
    if 180 - abs(off) < within:
        return (SAID if "atoms are positive there is uncertain" in doubt else WRONG), off
    return WRONG, off


def verdict_of_fit(fitted, truth, open_):
    """Coefficients: within their errors, or refused, or said to be missing something."""
    if not fitted.names:
        return SAID, []
    off = [
        (n, (getattr(fitted.aberrations, n) - getattr(truth, n)) / hypot(e, open_ * (n[1] == "1")))
        for n, e in fitted.record["errors"].items()
    ]
    far = [
        "{} {:.4g} ± {:.2g} ({:+.1f} σ)".format(
            n, getattr(fitted.aberrations, n), fitted.record["errors"][n], z
        )
        for n, z in off
    ]
    if max(abs(z) for _, z in off) < norm.isf(norm.sf(SIGMAS) / len(off)):
        return RIGHT, far
    return (SAID if fitted.record["remarks"] else WRONG), far


def run(name, orders, intensities, about, dose, seed, semiangle):
    """Verdicts of one run, and a line about it."""
    step = about["step"]
    events = sample_events(intensities, dose * step[0] * step[1], seed=seed)
    disc = fit_disc(pacbed(events))
    told = semiangle or about["alpha_rad"] * 1e3
    calibration = Calibration(about["E_eV"], told, tuple(step), disc.centre, disc.radius)
    try:
        turn = orientation_record(orientations(events, calibration))
    except (Unfitted, ValueError) as refusal:
        return SAID, SAID, f"{refusal}"
    calibration = replace(
        calibration, rotation_deg=turn["rotation_deg"], transpose=turn["transpose"]
    )
    fitted = fit_to_data(
        lambda c: build_g(events, c, 18, CPU, full=True),
        calibration,
        Aberrations(),
        orders,
        rotation_error=turn["rotation_error"],
        semiangle=semiangle is not None,
    )
    lying = {**turn, "rotation_deg": fitted.g.calibration.rotation_deg}
    if fitted.record.get("rotation_error") is not None:
        lying["rotation_error"] = fitted.record["rotation_error"]
    oriented, off = verdict_of_orientation(lying, about)
    fit, far = verdict_of_fit(fitted, *truth_of(name, about))
    before = (turn["rotation_deg"] - about["theta_deg"] + 180) % 360 - 180
    r = fitted.record
    line = (
        f"turn {off:+.2f} ± {lying.get('rotation_error') or 0:.2f} (before {before:+.2f} ± "
        f"{turn.get('rotation_error', 0):.2f}) swapped {turn['transpose']} | {far} flat "
        f"{r['flatness_before']:.2f} → {r['flatness_after']:.2f} misfit {r.get('misfit', 0):.2f} "
        f"R {disc.radius:.2f}/{about['radius']} {r.get('semiangle', {}).get('statement', '')} "
        f"{' '.join(r['remarks']) if fitted.names else r['statement']}"
    )
    return oriented, fit, line


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scans", default=",".join(TRIED))
    parser.add_argument("--doses", default="3000,10000")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--semiangle", type=float, help="told [mrad], and fitted")
    asked = parser.parse_args()
    rows = []
    for scan in asked.scans.split(","):
        name, _, order = scan.partition(":")
        if not (asked.folder / f"{name}.npy").exists():
            print(f"{name}: not there")
            continue
        intensities = np.load(asked.folder / f"{name}.npy").astype(float)
        about = json.loads((asked.folder / f"{name}.json").read_text())
        orders = int(order or ORDERS.get(name, 2))
        for dose in map(float, asked.doses.split(",")):
            turns, fits = Counter(), Counter()
            for seed in range(asked.seeds):
                begun = perf_counter()
                turn, fit, line = run(name, orders, intensities, about, dose, seed, asked.semiangle)
                turns[turn] += 1
                fits[fit] += 1
                took = perf_counter() - begun
                print(
                    f"  {scan} {dose:g} #{seed}: {turn}, {fit}; {line} [{took:.0f} s]", flush=True
                )
            rows.append((scan, orders, dose, asked.seeds, turns, fits))
    print("\n| scan | order | e/Å² | runs | orientation: right, said, wrong | fit |")
    print("|---|---|---|---|---|---|")
    for scan, orders, dose, runs, *verdicts in rows:
        each = (" | ".join(f"{v[RIGHT]}, {v[SAID]}, {v[WRONG]}" for v in verdicts),)
        print(f"| {scan} | {orders} | {dose:g} | {runs} |", *each, "|")


if __name__ == "__main__":
    main()
