"""What the user sets of the detector: region, binning, sidebands."""

import param

from recon.batch.choices import DEFAULTS


class DetectorState(param.Parameterized):
    """How the detector is cut up."""

    bright_field_pixels = param.Integer(
        DEFAULTS.pixels_across,
        bounds=(4, 64),
        label="Pixels across the bright-field disc",
        doc="The detector is binned by whole pixels so that about this many span the disc.",
    )
    sideband = param.Selector(
        default=DEFAULTS.sideband,
        objects=["both", "left", "right", "full"],
        label="Sidebands",
        doc="full adds the triple overlap, which carries signal when defocused.",
    )
    band_limit = param.Number(
        DEFAULTS.band_limit,
        bounds=(0.05, 1),
        softbounds=(0.3, 1),
        step=0.01,
        label="Band limit (of 2 k₀)",
        doc="Leaves out frequencies beyond: near 2 k₀ the sidebands hold mostly noise.",
    )
    scan_bin = param.Integer(
        DEFAULTS.region.scan_bin,
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
        DEFAULTS.annulus.inner,
        bounds=(0, 100),
        softbounds=(0, 4),
        step=0.01,
        label="Annulus from (disc radii)",
    )
    annulus_outer = param.Number(
        DEFAULTS.annulus.outer,
        bounds=(0, 100),
        softbounds=(0, 4),
        step=0.01,
        label="Annulus to (disc radii)",
    )
