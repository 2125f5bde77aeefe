"""How well aberrations and orientation are found: bias and scatter against the Cramér-Rao bound.

    python -m tests.studies.fit [weak] [demo] [virus] [orientation]

Weak: a simulated weak phase object of 44 × 36 positions at 10² to 10⁵ e/Å², several seeds each.
The bound is that of the electrons for the fitted model, from the same tiles at hardly any noise.
Not run by pytest, which has smaller versions in tests/recon/focus.
"""

import os
import sys
from dataclasses import fields
from itertools import product
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from recon.calibration import Calibration
from recon.errors import Unfitted
from recon.focus.fit import coefficients_to, fit_aberrations
from recon.focus.overlaps import strongest_overlaps
from recon.focus.refinement import Refinement
from recon.optics import Aberrations
from recon.simulate.scan import sample_events
from recon.ssb.gfunction import build_sidebands
from recon.ssb.phase import single_sideband
from tests.support.focus_scans import LOW, STEP, calibration_of, intensities
from tests.support.paths import SHARED

SEEDS = 8
BRIGHT = 1e6
"""Dose [e/Å²] at which the bound is taken; it goes with the square root of the dose."""


def weak_g(dose, seed):
    expected = intensities(LOW, -12.0, False)
    events = sample_events(expected, dose * STEP[0] * STEP[1], seed=seed)
    return build_sidebands(events, calibration_of(-12.0), 16, full=True)


def bound(orders=2):
    """Standard errors [Å] by name at one electron per Å²."""
    names = coefficients_to(orders)
    fit = Refinement(strongest_overlaps(weak_g(BRIGHT, 0)), names, LOW)
    errors = np.sqrt(np.diag(np.linalg.inv(fit.curvature()))) * fit.model.units * np.sqrt(BRIGHT)
    return dict(zip(names, errors, strict=True))


def weak():
    least = bound()
    print("dose e/Å² | refused | undetermined | coefficient: bias ± scatter, stated, bound [Å]")
    for dose in (1e2, 1e3, 1e4, 1e5):
        fits, refused = [], 0
        for seed in range(SEEDS):
            try:
                fits.append(fit_aberrations(weak_g(dose, seed), orders=2))
            except Unfitted:
                refused += 1
        open_ = sum(len(fit.undetermined) for fit in fits)
        said = []
        for name in ("C10", "C12a", "C21a", "C23a"):
            found = [fit for fit in fits if name in fit.errors]
            if len(found) > 1:
                off = [getattr(fit.aberrations, name) - getattr(LOW, name) for fit in found]
                stated = median(fit.errors[name] for fit in found)
                figures = np.mean(off), np.std(off, ddof=1), stated, least[name] / np.sqrt(dose)
                said.append("{}: {:.3g} ± {:.3g}, {:.3g}, {:.3g}".format(name, *figures))
        print(f"{dose:8g} | {refused}/{SEEDS} | {open_} | " + "; ".join(said), flush=True)


def demo():
    from recon.simulate.demo import demo_events

    events = demo_events()
    names = {field.name for field in fields(Calibration)} & events.metadata.keys()
    calibration = Calibration(**{name: events.metadata[name] for name in names})
    truth = Aberrations(**events.metadata["aberrations"])
    g = build_sidebands(events, calibration, 18, full=True)
    for orders in (1, 2, 3):
        fit_aberrations(g, orders=orders)  # compiles
        times, drafts = [], []
        for _ in range(3):
            begun = perf_counter()
            fit = fit_aberrations(g, orders=orders)
            times.append(perf_counter() - begun)
            single_sideband(g, truth, "draft")
            begun = perf_counter()
            single_sideband(g, truth, "draft")
            drafts.append(perf_counter() - begun)
        took, draft = median(times), median(drafts)
        print(
            f"orders to {orders}: {took:.2f} s; draft redraw {1e3 * draft:.1f} ms. {fit.statement}"
        )
        for name, error in fit.errors.items():
            value, true = getattr(fit.aberrations, name), getattr(truth, name)
            print(f"  {name} {value:.5g} ± {error:.2g} ({true:g}: {(value - true) / error:+.1f} σ)")


def virus():
    from recon.geometry.disc import fit_disc
    from recon.io import open_events
    from recon.sums.detectors import pacbed

    default = SHARED / "data"
    path = Path(os.environ.get("LIVESTEM_TEST_DATA", default)) / "virus_4dcamera_v3.h5"
    events = open_events(path, keep_flyback=True)
    disc = fit_disc(pacbed(events))
    frame = 300e3, 1.03, (31.25, 31.25), disc.centre, disc.radius
    g = build_sidebands(events, Calibration(*frame, 122.0, True), 24, full=True)
    fit = fit_aberrations(g, orders=1, rotation=True)
    print(f"virus: {fit.statement}")
    print(f"  rotation {fit.rotation_deg:.2f} ± {fit.rotation_error:.2f}°")
    for name, error in fit.errors.items():
        print(f"  {name} {getattr(fit.aberrations, name):.5g} ± {error:.2g} Å")


def orientation():
    from tests.support.laid_scans import FOCUSES, laid

    for copies in (4, 1):
        verdicts = dict.fromkeys(("right", "said uncertain", "wrong"), 0)
        for number, (focus, rotation, transpose) in enumerate(
            product(FOCUSES, (-170.0, -100.0, -40.0, 25.0, 80.0), (False, True))
        ):
            how = focus, rotation, transpose, number // 2 % 2 == 1, number // 3 % 4, copies
            events, calibration, (true, swapped) = laid(*how)
            verdict, said = judged(events, calibration, true, swapped)
            verdicts[verdict] += 1
            if verdict != "right":
                print(f"  {verdict}: {how}, {said} True: {true:g}°, {swapped}")
        print(f"orientation of {12 * copies} atoms at 10³ e/Å²: {verdicts}", flush=True)


def judged(events, calibration, true, swapped):
    """Whether the best orientation is right, or what is wrong of it is said to be uncertain."""
    from recon.orientation.eight_ways import orientations

    try:
        sheet = orientations(events, calibration)
    except Unfitted as error:
        return "said uncertain", str(error)
    best = sheet.best
    turn = (best.rotation_deg - true + 180) % 360 - 180
    line = abs((turn + 90) % 180 - 90)
    if best.transpose == swapped and abs(turn) < 8:
        return "right", sheet.statement
    if best.transpose != swapped:
        uncertain = not sheet.axes_sure
    else:
        covered = line < max(3 * sheet.rotation_error, 2)
        uncertain = covered and (abs(turn) < 90 or "uncertain: turn" in sheet.statement)
    return "said uncertain" if uncertain else "wrong", sheet.statement


if __name__ == "__main__":
    for part in sys.argv[1:] or ("weak", "demo", "virus", "orientation"):
        {"weak": weak, "demo": demo, "virus": virus, "orientation": orientation}[part]()
