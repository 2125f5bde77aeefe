"""Reconstruction from 4D-STEM scans: arrays in, arrays out.

No widget, no plot, no state that calls share. A name is imported when it is first used, so that
`import recon` costs next to nothing; `help(recon.fit_disc)` tells of one.

Scans
    open_scan              what a file holds: electrons, or frames
    write_events           electrons to a file
    register_reader        have `open_scan` read a detector's own format
    from_frames            electrons from lists of pixels
    thin_events            some of the electrons: a lower dose
    simulate_events        electrons behind a phase object
    demo_events            the demonstration: a filled carbon nanotube
    ElectronEvents         a scan as electrons, position by position
    DenseFrames            a scan as frames, read when they are needed
    UnreadableFile         raised where a file cannot be read; its sentence says why

All at once
    reconstruct            every result of a scan, as `livestem reconstruct` makes them
    Choices                what is asked of it

Experiment
    Calibration            energy, semi-angle, scan step, disc, rotation
    Specimen               thickness, tilt and focal spread; `g.through(specimen)` takes G so
    Aberrations            the 25 coefficients to fifth order
    fit_disc               the bright-field disc in a PACBED
    orientations           rotation and transpose of scan against detector
    health                 faults of a scan, each with what to do

Images by sums
    pacbed                 (Ky, Kx) sum of the frames
    pattern_of             the same of one position, or of a rectangle of them
    annuli                 (Sy, Sx) annular detectors
    centre_of_mass         (2, Sy, Sx) centre of mass of each frame [px]
    scan_deflection        the same, along the scan's axes [mrad]
    integrate_com          (Sy, Sx) phase from it [rad]: DPC

Ptychography
    build_g                the scan's transform on its sidebands
    fit_aberrations        the aberrations that make its tiles flat
    fit_specimen           thickness and tilt, by the weights they leave
    flatness               how flat they are, 0 to 1
    single_sideband        (Sy, Sx) phase of the object [rad]
    object_transmission    (Sy, Sx) complex transmission of the object
    strongest_frequencies  frequencies that are worth a tile
    gfunction_tiles        (n, By, Bx) tiles, of one colour each in focus
    split_half             the resolution, from two halves of the electrons

Arrays are (row, column) = (y, x), y down; S are scan positions, K detector pixels. Lengths are in
Å, spatial frequencies in 1/Å, energies in eV, semi-angles and deflections in mrad, phases in rad,
angles of rotation in degrees where the name says so. C10 > 0 is overfocus.
"""

from importlib import import_module

_HOMES = {
    "Aberrations": "recon.optics",
    "Calibration": "recon.calibration",
    "Choices": "recon.batch.choices",
    "DenseFrames": "recon.scan.frames",
    "ElectronEvents": "recon.scan.events",
    "Specimen": "recon.specimen",
    "UnreadableFile": "recon.errors",
    "annuli": "recon.sums",
    "build_g": "recon.ssb.build",
    "centre_of_mass": "recon.sums",
    "demo_events": "recon.simulate.demo",
    "fit_aberrations": "recon.focus.fit",
    "fit_disc": "recon.geometry.disc",
    "fit_specimen": "recon.focus.specimen",
    "flatness": "recon.focus.flatness",
    "from_frames": "recon.scan.events",
    "gfunction_tiles": "recon.ssb.tiles",
    "health": "recon.quality.health",
    "integrate_com": "recon.dpc.integrate",
    "object_transmission": "recon.ssb.phase",
    "open_scan": "recon.io",
    "orientations": "recon.orientation.eight_ways",
    "pacbed": "recon.sums",
    "pattern_of": "recon.sums",
    "reconstruct": "recon.batch.reconstruct",
    "register_reader": "recon.readers",
    "scan_deflection": "recon.sums.com",
    "simulate_events": "recon.simulate.scan",
    "single_sideband": "recon.ssb.phase",
    "split_half": "recon.quality.halves",
    "strongest_frequencies": "recon.ssb.tiles",
    "thin_events": "recon.treatment.dose",
    "write_events": "recon.io",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"recon has no {name!r}: it offers {', '.join(__all__)}.")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
