"""What the page shows: each view takes plain values and knows no pipeline.

Some stand on their own, in a notebook or in another Panel app; see `app.views.pictures`:

    SSBImage(phase, calibration)         single-sideband phase
    DPCImage(phase, calibration)         phase from the centre of mass
    ScanImage(image, calibration)        any other image over the scan
    CenterOfMass(field, calibration)     colours and arrows
    Tiles(tiles, labels)                 tiles of conj(gamma) G
    Pattern(counts, calibration)         a PACBED, or frames of a region, with the disc
    Spectrum(power, sampling, picked)    a power spectrum, with frequencies ringed
    Curve(chart)                         lines over one axis
"""

from importlib import import_module

__all__ = [
    "CenterOfMass",
    "Curve",
    "DPCImage",
    "Pattern",
    "SSBImage",
    "ScanImage",
    "Spectrum",
    "Tiles",
]


def __getattr__(name: str):
    # Not before they are asked for: the page's own modules need none of them.
    if name not in __all__:
        raise AttributeError(f"app.views has no {name!r}: it offers {', '.join(__all__)}.")
    return getattr(import_module("app.views.pictures"), name)
