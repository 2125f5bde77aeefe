"""Electrons for each step on a device."""

from dataclasses import replace

import numpy as np

from recon.calibration import Calibration
from recon.device import residence
from recon.optics import Aberrations
from recon.scan.events import from_frames

CALIBRATION = Calibration(80e3, 25.0, (0.9, 0.5), (6.3, 5.6), 3.0, 20.0)


ABERRATIONS = Aberrations(C10=60, C12a=-20, C21b=300)


def electrons():
    """Frames of 0 to 12 electrons on a detector of 13 × 14 pixels."""
    rng = np.random.default_rng(7)
    sizes = rng.integers(0, 12, 5 * 9)
    sizes[3] = 0
    return from_frames([rng.integers(0, 13 * 14, n) for n in sizes], (5, 9), (13, 14))


def streamed(events, device, monkeypatch):
    monkeypatch.setattr(residence, "CHUNK_ELECTRONS", events.electrons // 3)
    return replace(events, device=device)
