"""The scan as the user sets it: which file, its calibration, its region."""

from contextlib import contextmanager

import param

from app.state.question import NO_TRIGGER
from app.state.request import Geometry


class ScanState(param.Parameterized):
    """The scan, what is known of its geometry, and the part of it in use.

    A calibration value of None is unknown; the page says what to enter. `pinned` names the values
    that came from a link and that the file's own must not overwrite when it is opened; `settled`
    is true once a scan was opened.
    """

    dataset = param.String("demo", label="Scan", doc='Catalogue name of the scan, or "demo".')
    keep_flyback = param.Selector(
        default="auto",
        objects=["auto", "keep", "drop"],
        label="Flyback column",
        doc="auto: dropped where the file's format records one.",
    )
    scan_rows = param.Integer(
        None,
        bounds=(1, 10**6),
        allow_None=True,
        label="Scan rows",
        doc="Asked for where a file does not say how its frames fill the scan.",
    )
    scan_columns = param.Integer(None, bounds=(1, 10**6), allow_None=True, label="Scan columns")
    dwell_us = param.Number(
        None,
        bounds=(1e-3, 1e8),
        allow_None=True,
        label="Dwell time (µs)",
        doc="Time at each position, for recordings that know no positions.",
    )
    trigger = param.Selector(
        default=NO_TRIGGER,
        objects=[NO_TRIGGER, "tdc1 rising", "tdc1 falling", "tdc2 rising", "tdc2 falling"],
        label="Line trigger",
    )
    array = param.String(
        "", label="Array", doc="Asked for where several arrays in a file may be the scan."
    )
    energy_kev = param.Number(
        None,
        bounds=(1, 3000),
        softbounds=(30, 300),
        step=10,
        allow_None=True,
        label="Beam energy (keV)",
    )
    semiangle_mrad = param.Number(
        None,
        bounds=(1e-3, 500),
        softbounds=(1, 50),
        step=0.1,
        allow_None=True,
        label="Convergence semi-angle (mrad)",
    )
    scan_step_y = param.Number(
        None,
        bounds=(1e-4, 1e6),
        softbounds=(0.05, 5),
        step=0.01,
        allow_None=True,
        label="Scan step along y (Å)",
    )
    scan_step_x = param.Number(
        None,
        bounds=(1e-4, 1e6),
        softbounds=(0.05, 5),
        step=0.01,
        allow_None=True,
        label="Scan step along x (Å)",
    )
    auto_orientation = param.Boolean(
        False,
        label="Find rotation in the data",
        doc="Minimum of the curl, atoms positive; switched off when an angle is entered.",
    )
    rotation_deg = param.Number(
        0.0,
        bounds=(-360, 360),
        softbounds=(-180, 180),
        step=0.5,
        label="Scan rotation (°)",
        doc="Scan against detector; positive looks clockwise on the screen.",
    )
    transpose = param.Boolean(False, label="Transpose the detector")
    fit_disc = param.Boolean(True, label="Fit the disc", doc="Centre and radius from the PACBED.")
    centre_y = param.Number(
        None, bounds=(-1e4, 1e5), step=0.25, allow_None=True, label="Disc centre y (px)"
    )
    centre_x = param.Number(
        None, bounds=(-1e4, 1e5), step=0.25, allow_None=True, label="Disc centre x (px)"
    )
    radius = param.Number(
        None, bounds=(0.1, 1e5), step=0.25, allow_None=True, label="Disc radius (px)"
    )
    crop_top = param.Integer(0, bounds=(0, 100_000), label="Scan rows left out at the top")
    crop_bottom = param.Integer(0, bounds=(0, 100_000), label="Scan rows left out at the bottom")
    crop_left = param.Integer(0, bounds=(0, 100_000), label="Scan columns left out at the left")
    crop_right = param.Integer(0, bounds=(0, 100_000), label="Scan columns left out at the right")

    CALIBRATION = (
        "energy_kev",
        "semiangle_mrad",
        "scan_step_y",
        "scan_step_x",
        "rotation_deg",
        "transpose",
        "centre_y",
        "centre_x",
        "radius",
    )

    def __init__(self, **params):
        super().__init__(**params)
        self.pinned: frozenset[str] = frozenset()
        self.settled = False
        self.source = "entered"
        """Where the values come from that are being set."""

    @contextmanager
    def entering(self, source: str):
        """Have what is set meanwhile known as of `source`."""
        before, self.source = self.source, source
        try:
            yield
        finally:
            self.source = before

    def geometry(self) -> Geometry:
        """What is known of the geometry, in `recon`'s units."""
        by_hand = not self.fit_disc
        centre = (self.centre_y, self.centre_x)
        return Geometry(
            energy=None if self.energy_kev is None else 1e3 * self.energy_kev,
            semiangle_cutoff=self.semiangle_mrad,
            scan_sampling=(self.scan_step_y, self.scan_step_x),
            # Values that are about to be found again must not make anything stale.
            auto_orientation=self.auto_orientation,
            rotation_deg=0.0 if self.auto_orientation else float(self.rotation_deg),
            transpose=False if self.auto_orientation else self.transpose,
            centre=centre if by_hand and None not in centre else None,
            radius=self.radius if by_hand else None,
            fit_disc=self.fit_disc,
        )
