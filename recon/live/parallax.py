"""Tilt-corrected bright field of the rows that have come."""

from dataclasses import replace

import numpy as np

from recon.calibration import Calibration
from recon.live.scan import GrowingScan
from recon.optics import Aberrations
from recon.ssb.parallax import TiltCorrected
from recon.ssb.parallax import tilt_corrected as of_events


def tilt_corrected(
    scan: GrowingScan,
    calibration: Calibration,
    aberrations: Aberrations,
    pixels_across: int = 18,
    **options,
) -> TiltCorrected:
    """Tilt-corrected bright field of a scan that is being made, in as long as the whole takes.

    Parameters, and what is raised, are those of `recon.ssb.parallax.tilt_corrected`. Rows that are
    missing hold the mean pattern. Contrast is that of the finished image where rows have come:
    relative to their mean, not to the mean of a scan with empty frames.
    """
    share = scan.rows.share
    found = of_events(scan.events(), calibration, aberrations, pixels_across, **options)
    return replace(found, image=1 + (found.image - 1) * np.float32(share))
