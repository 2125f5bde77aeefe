"""How far off a film's plane is, in its own errors: planes and staircases of C10, many draws.

    python -m tests.studies.film [--objects 4] [--draws 5] [--steps 0] [--slope 600,-500]

Scans of weak objects, each position with its own C10, exact on a periodic box: the wave of the
probe times exp(iφ), transformed. For each draw the slopes' deviations in standard errors, at last
their rms; with --steps the C10 of so many strips of rows are even, and the mean slope is asked
for. Not run by pytest.
"""

import argparse

import numpy as np
import scipy.fft

from recon.calibration import Calibration
from recon.errors import Unfitted
from recon.focus.film import fit_film
from recon.optics import Aberrations
from recon.simulate.scan import sample_events
from recon.ssb.build import build_g
from recon.ssb.film import c10_over
from recon.treatment.crop import crop_scan
from tests.support.film import weak_object

SHAPE, FRAME = (96, 96), (14, 14)
CALIBRATION = Calibration(80e3, 25.0, (0.4, 0.4), (6.5, 6.5), 5.0, 0.0, False)
PROBE = Aberrations(C10=-60.0, C12a=20.0)
ELECTRONS, PIXELS = 2000, 10


def intensities(phase, c10):
    """(Sy, Sx, Ky, Kx) float32 shares of the electrons, with `c10` (Sy, Sx) [Å]."""
    cal, (rows, columns) = CALIBRATION, phase.shape
    ky, kx = np.meshgrid(
        *(np.fft.fftfreq(n, s) for n, s in zip(phase.shape, cal.scan_sampling, strict=True)),
        indexing="ij",
    )
    size = np.hypot(ky, kx)
    inside = np.where(size < cal.k0, np.exp(-1j * PROBE.chi(ky, kx, cal.wavelength)), 0)
    # Frequencies of the box that fall on each pixel.
    pixel = cal.k0 / cal.radius
    row, column = (
        np.rint(k / pixel + c).astype(int) for k, c in zip((ky, kx), cal.centre, strict=True)
    )
    lit = (size < 1.3 * cal.k0) & (row >= 0) & (row < FRAME[0])
    lit &= (column >= 0) & (column < FRAME[1])
    which = (row * FRAME[1] + column)[lit]
    chosen = (which == np.arange(FRAME[0] * FRAME[1])[:, None]).astype(np.float32)
    x = np.arange(columns)[:, None, None] * cal.scan_sampling[1]
    found = np.empty((*phase.shape, *FRAME), np.float32)
    for number in range(rows):
        off = (c10[number] - PROBE.C10)[:, None, None]
        turn = np.pi * cal.wavelength * size**2 * off
        turn = turn + 2 * np.pi * (ky * number * cal.scan_sampling[0] + kx * x)
        probe = (inside * np.exp(-1j * turn)).astype(np.complex64)
        wave = scipy.fft.fft2(scipy.fft.ifft2(probe) * np.exp(1j * phase).astype(np.complex64))
        found[number] = (abs(wave[:, lit]) ** 2 @ chosen.T).reshape(columns, *FRAME)
    return found / np.sum(abs(inside) ** 2, dtype=np.float32)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=4)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--slope", default="600,-500")
    asked = parser.parse_args()
    slope, deviations = tuple(map(float, asked.slope.split(","))), []
    for seed in range(asked.objects):
        c10 = c10_over(SHAPE, CALIBRATION.scan_sampling, PROBE.C10, slope)
        if asked.steps:
            strip = np.arange(SHAPE[0]) * asked.steps // SHAPE[0]
            even = np.array([c10[strip == n].mean() for n in range(asked.steps)])
            c10 = np.broadcast_to(even[strip][:, None], SHAPE)
        phase = weak_object(SHAPE, CALIBRATION.scan_sampling, 1.0, rms=0.12, seed=seed + 10)
        scan = intensities(phase, c10)
        for draw in range(asked.draws):
            events = sample_events(scan, ELECTRONS, 100 * seed + draw)

            def g_of(rows, columns, events=events):
                part = crop_scan(events, rows, columns)
                return build_g(part, CALIBRATION, PIXELS, full=True)

            try:
                fit = fit_film(g_of, SHAPE, CALIBRATION, PROBE)
            except Unfitted as refusal:
                print(seed, draw, refusal, flush=True)
                continue
            errors = np.array([fit.errors["film_y"], fit.errors["film_x"]])
            deviations.append((np.array(fit.slope) - slope) / errors)
            print(seed, draw, *(f"{z:+.2f}" for z in deviations[-1]), fit.statement, flush=True)
    if deviations:
        print(f"rms (y, x) of {len(deviations)}:", np.sqrt(np.mean(np.square(deviations), 0)))


if __name__ == "__main__":
    main()
