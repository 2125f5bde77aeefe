"""Reconstruction from 4D-STEM scans: arrays in, arrays out.

No widget, no plot, no global state. Conventions: arrays are (row, column) = (y, x), y down;
lengths in Å, spatial frequencies in 1/Å, energies in eV, semi-angles and deflections in mrad,
phases in rad, angles of rotation in degrees where the name says so.

What is named here is the public face; a name is imported when it is first used.
"""

from importlib import import_module

_HOMES = {
    "Aberrations": "recon.optics",
    "Calibration": "recon.calibration",
    "DenseFrames": "recon.scan.frames",
    "ElectronEvents": "recon.scan.events",
    "UnreadableFile": "recon.errors",
    "annuli": "recon.sums",
    "build_g": "recon.ssb.build",
    "centre_of_mass": "recon.sums",
    "demo_events": "recon.simulate.demo",
    "electron_wavelength": "recon.optics",
    "fit_aberrations": "recon.focus.fit",
    "fit_disc": "recon.geometry.disc",
    "flatness": "recon.focus.flatness",
    "from_frames": "recon.scan.events",
    "gfunction_tiles": "recon.ssb.tiles",
    "health": "recon.quality.health",
    "integrate_com": "recon.dpc.integrate",
    "object_transmission": "recon.ssb.phase",
    "open_scan": "recon.io",
    "orientations": "recon.orientation.either",
    "pacbed": "recon.sums",
    "power_spectrum": "recon.ssb.tiles",
    "ring_correlation": "recon.quality.ring_correlation",
    "scan_deflection": "recon.sums.com",
    "simulate_events": "recon.simulate.scan",
    "single_sideband": "recon.ssb.phase",
    "strongest_frequencies": "recon.ssb.tiles",
    "thin_events": "recon.treatment.dose",
    "write_events": "recon.io",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"recon has no {name!r}: it offers {', '.join(_HOMES)}.")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__():
    return __all__
