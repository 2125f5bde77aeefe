"""What the user sets of the detector: region, binning, sidebands."""

import param

from recon.batch.settings import BAND_LIMIT


class DetectorState(param.Parameterized):
    """How the detector is cut up."""

    bright_field_pixels = param.Integer(
        18,
        bounds=(4, 64),
        label="Pixels across the bright-field disc",
        doc="The detector is binned by whole pixels so that about this many span the disc.",
    )
    sideband = param.Selector(
        default="both",
        objects=["both", "left", "right", "full"],
        label="Sidebands",
        doc="full adds the triple overlap, which carries signal when defocused.",
    )
    band_limit = param.Number(
        BAND_LIMIT,
        bounds=(0.05, 1),
        softbounds=(0.3, 1),
        step=0.01,
        label="Band limit (of 2 k₀)",
        doc="Leaves out frequencies beyond: near 2 k₀ the sidebands hold mostly noise.",
    )
    scan_bin = param.Integer(
        1,
        bounds=(1, 32),
        softbounds=(1, 8),
        label="Scan binning",
        doc="Scan positions binned into one.",
    )
    detector_top = param.Integer(0, bounds=(0, 100_000), label="Detector rows left out, top")
    detector_bottom = param.Integer(0, bounds=(0, 100_000), label="Detector rows left out, bottom")
    detector_left = param.Integer(0, bounds=(0, 100_000), label="Detector columns left out, left")
    detector_right = param.Integer(0, bounds=(0, 100_000), label="Detector columns left out, right")
    annulus_inner = param.Number(
        0.5,
        bounds=(0, 100),
        softbounds=(0, 4),
        step=0.01,
        label="Annulus from (disc radii)",
    )
    annulus_outer = param.Number(
        1.0,
        bounds=(0, 100),
        softbounds=(0, 4),
        step=0.01,
        label="Annulus to (disc radii)",
    )
