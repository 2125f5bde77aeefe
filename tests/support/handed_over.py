"""A start of an iterative reconstruction with everything different from zero, and from another."""

import numpy as np

from recon.calibration import Calibration
from recon.handover.start import Start
from recon.optics import Aberrations

SHAPE = (7, 9)


def start(transpose=False, rotation=33.0, phase=None, frame=(40, 44), centre=(18.2, 21.7)):
    """With all 25 aberrations, each a radian or so at the edge of the aperture."""
    rng = np.random.default_rng(5)
    calibration = Calibration(80e3, 25.0, (0.42, 0.38), centre, 11.0, rotation, transpose)
    sizes = {name: 40.0**n * rng.uniform(-1, 1) for name, n in _orders().items()}
    if phase is None:
        phase = rng.normal(size=SHAPE)
    return Start("a scan.h5", calibration, Aberrations(**sizes), frame, phase, {})


def _orders():
    return {name: int(name[1]) for name in vars(Aberrations())}


def by_formula(polar, kx, ky, wavelength):
    """Kirkland's sum: 2π/λ Σ Cnm α^(n+1) cos(m (φ - φnm)) / (n + 1)."""
    alpha, azimuth = np.hypot(kx, ky) * wavelength, np.arctan2(ky, kx)
    total = 0.0
    for name, value in polar.items():
        if name.startswith("C"):
            n, m = int(name[1]), int(name[2])
            turned = np.cos(m * (azimuth - polar.get(f"phi{n}{m}", 0.0)))
            total = total + value * alpha ** (n + 1) / (n + 1) * turned
    return 2 * np.pi / wavelength * total
