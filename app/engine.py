"""The stages of a reconstruction, each remembered by exactly what it depends on.

    reading ── events ── region ──┬── pacbed ── disc ──┐
                                  ├── com ── orientation ── calibration ── sidebands (G)
                                  └── virtual images         │
                                                            G + aberrations ── phase, tiles
                                                      com + calibration ── dpc

All sessions of a process share one engine: a scan is in memory once, and the same G serves
everyone who looks at it with the same settings.
"""

from dataclasses import dataclass, replace

import numpy as np

from app.catalogue import DEMO, Catalogue
from app.region import binned_sampling, cut
from app.request import Annulus, Dpc, Geometry, Reading, Region, TileChoice
from app.store import Report, Store
from recon.calibration import Calibration
from recon.errors import DiscNotFound
from recon.events import ElectronEvents
from recon.optics import Aberrations


@dataclass(frozen=True, eq=False)
class Scan:
    """The events in use, and the key under which everything made of them is remembered."""

    key: tuple
    events: ElectronEvents
    whole: ElectronEvents
    """The events as read, before crop and binning (the same object where there is none)."""
    region: Region


@dataclass(frozen=True)
class Found:
    """Disc and orientation as they were settled, and the calibration if nothing is missing."""

    centre: tuple[float, float] | None
    """(y, x) on the detector in use [px]."""
    radius: float | None
    fitted: bool
    disc_statement: str
    rotation_deg: float
    transpose: bool
    orientation_statement: str
    """Empty where the orientation was given."""
    missing: tuple[str, ...]
    calibration: Calibration | None
    oriented: bool = False
    """Whether the orientation was estimated."""


class Engine:
    """Stages from a scan to its images.

    Parameters
    ----------
    catalogue : Catalogue
        What may be opened.
    memory : int
        Bytes of results to keep.
    demo_cache : Path, optional
        Folder for the demonstration scan.
    results : Path, optional
        Folder that keeps a copy of what is exported.
    """

    def __init__(
        self, catalogue: Catalogue, *, memory: int = 4 << 30, demo_cache=None, results=None
    ):
        self.catalogue = catalogue
        self.results = results
        self.store = Store(memory)
        self._demo_cache = demo_cache

    def warm_up(self, progress: Report | None = None) -> None:
        """Compile what a session will run, once a process; fast where that was done before."""
        from recon.warm import warm_up

        self.store.get(("warm",), lambda report: warm_up(report), progress)

    # ---- reading ----

    def title(self, dataset: str) -> str:
        """Short name of a scan."""
        return self.catalogue.title(dataset)

    def events(self, reading: Reading, progress: Report | None = None) -> ElectronEvents:
        """The events of a scan as they come from its file.

        Raises
        ------
        ValueError
            If it cannot be read, in one sentence.
        """
        return self.store.get(self._events_key(reading), self._reader(reading), progress)

    def scan(self, reading: Reading, region: Region, progress: Report | None = None) -> Scan:
        """The events in use: cropped and binned as `region` says.

        Raises
        ------
        ValueError
            If nothing is left, or it cannot be read.
        """
        whole = self.events(reading, progress)
        key = ("region", self._events_key(reading), region)
        if region == Region():
            return Scan(key, whole, whole, region)

        def compute(report):
            return cut(whole, region, report)

        return Scan(key, self.store.get(key, compute, progress), whole, region)

    def _events_key(self, reading):
        return ("events", self.catalogue.stamp(reading.dataset), reading.keep_flyback)

    def _reader(self, reading):
        if reading.dataset == DEMO:
            from recon.demo import demo_events

            options = {} if self._demo_cache is None else {"cache": self._demo_cache}
            return lambda report: demo_events(progress=report, **options)
        from recon.io import open_events

        path = self.catalogue.path(reading.dataset)
        keep = {"auto": None, "keep": True, "drop": False}[reading.keep_flyback]
        return lambda report: open_events(path, keep_flyback=keep, progress=report)

    # ---- sums and calibration ----

    def pacbed(self, scan: Scan, progress: Report | None = None) -> np.ndarray:
        """(Ky, Kx) counts of all positions in use."""
        from recon.virtual import pacbed

        return self.store.get(
            ("pacbed", scan.key), lambda report: pacbed(scan.events, progress=report), progress
        )

    def com(self, scan: Scan, progress: Report | None = None) -> np.ndarray:
        """(2, Sy, Sx) float32 centre of mass (y, x) [detector px]."""
        from recon.com import centre_of_mass

        return self.store.get(
            ("com", scan.key),
            lambda report: centre_of_mass(scan.events, progress=report),
            progress,
        )

    def find(self, scan: Scan, geometry: Geometry, progress: Report | None = None) -> Found:
        """Settle disc, orientation and calibration.

        Raises
        ------
        ValueError
            If a value makes no sense. That there is no disc, or that values are missing, is
            told in the result.
        """
        centre, radius, fitted, statement = self._disc(scan, geometry, progress)
        rotation, transpose, oriented, turned = geometry.rotation_deg, geometry.transpose, False, ""
        if geometry.auto_orientation:
            disc = (centre, radius)
            rotation, transpose, oriented, turned = self._orientation(
                scan, geometry, disc, progress
            )
        missing = geometry.missing()
        calibration = None
        if not missing and centre is not None and radius is not None:
            calibration = Calibration(
                energy=geometry.energy,
                semiangle_cutoff=geometry.semiangle_cutoff,
                scan_sampling=binned_sampling(geometry, scan.region),
                centre=centre,
                radius=radius,
                rotation_deg=rotation,
                transpose=transpose,
            )
        elif centre is None or radius is None:
            missing = (*missing, "centre and radius of the bright-field disc")
        return Found(
            centre,
            radius,
            fitted,
            statement,
            rotation,
            transpose,
            turned,
            missing,
            calibration,
            oriented,
        )

    def _disc(self, scan, geometry, progress):
        from recon.disc import fit_disc

        top, _, left, _ = scan.region.detector
        if not geometry.fit_disc:
            centre = geometry.centre
            if centre is not None:
                centre = (centre[0] - top, centre[1] - left)
            return centre, geometry.radius, False, "Centre and radius as entered."
        pattern = self.pacbed(scan, progress)
        try:
            disc = self.store.get(("disc", scan.key), lambda report: fit_disc(pattern), progress)
        except DiscNotFound as error:
            known = scan.whole.metadata
            if known.get("centre") is None or known.get("radius") is None:
                return None, None, False, str(error)
            y, x = known["centre"]
            said = f"{error} Centre and radius are the file's."
            return (float(y) - top, float(x) - left), float(known["radius"]), False, said
        centre = (float(disc.centre[0]), float(disc.centre[1]))
        return centre, float(disc.radius), True, disc.statement

    def _orientation(self, scan, geometry, disc, progress):
        from recon.orientation import estimate_orientation, find_orientation

        sampling = binned_sampling(geometry, scan.region)
        # Where the step is unknown only its ratio matters, and that is taken as one.
        sampling = (1.0, 1.0) if None in sampling else sampling
        try:
            found = self.store.get(
                ("orientation", scan.key, sampling, disc),
                lambda report: (
                    estimate_orientation(self.com(scan), sampling)
                    if None in disc
                    else find_orientation(scan.events, sampling, *disc)
                ),
                progress,
            )
        except ValueError as error:
            # Everything else can be shown meanwhile, and the angle be entered.
            return 0.0, False, False, f"{error} Until then it is taken as 0°."
        return float(found.rotation_deg), bool(found.transpose), True, found.statement

    def virtual(
        self, scan: Scan, found: Found, annulus: Annulus, progress: Report | None = None
    ) -> dict[str, np.ndarray]:
        """Virtual images by name; only "sum" while no disc is known."""
        from recon.virtual import PRESETS, virtual_detector, virtual_detectors

        if found.centre is None or not found.radius:
            return {"sum": scan.events.counts}
        centre, radius = found.centre, found.radius
        presets = self.store.get(
            ("virtual", scan.key, centre, radius),
            # Virtual detectors need no more of a calibration than where the disc lies.
            lambda report: virtual_detectors(scan.events, _disc_only(centre, radius), PRESETS),
            progress,
        )
        chosen = self.store.get(
            ("annulus", scan.key, centre, radius, annulus),
            lambda report: virtual_detector(
                scan.events, centre, annulus.inner * radius, annulus.outer * radius
            ),
            progress,
        )
        return {**presets, "annulus": chosen}

    # ---- single sideband ----

    def sidebands(
        self,
        scan: Scan,
        calibration: Calibration,
        pixels: int,
        full: bool = False,
        progress: Report | None = None,
    ):
        """G on its sidebands; with the triple overlap if `full`."""
        from recon.gfunction import build_sidebands

        return self.store.get(
            ("g", scan.key, calibration, pixels, full),
            lambda report: build_sidebands(
                scan.events, calibration, pixels_across=pixels, full=full, progress=report
            ),
            progress,
        )

    def phase(
        self, g, aberrations: Aberrations, mode: str, sideband: str, band_limit: float = 1.0
    ) -> np.ndarray:
        """(Sy, Sx) float32 phase [rad]; a redraw, so nothing is remembered."""
        from recon.ssb import single_sideband

        return single_sideband(g, aberrations, mode, sideband, band_limit)

    def transmission(
        self, g, aberrations: Aberrations, mode: str, sideband: str, band_limit: float = 1.0
    ) -> np.ndarray:
        """(Sy, Sx) complex64 transmission of the object."""
        from recon.ssb import object_transmission

        return object_transmission(g, aberrations, mode, sideband, band_limit)

    def frequencies(self, g, choice: TileChoice) -> np.ndarray:
        """(n, 2) int (row, column) of the tiles' object frequencies from DC.

        Picked ones that the scan does not have are left out; without any, the strongest.
        """
        from recon.tiles import strongest_frequencies

        height, width = g.scan_shape
        picked = [
            (row, column)
            for row, column in choice.frequencies[: choice.count]
            if abs(row) <= height // 2 and abs(column) <= width // 2 and (row, column) != (0, 0)
        ]
        if picked:
            return np.array(picked, dtype=int)
        return np.asarray(strongest_frequencies(g, choice.count), dtype=int)

    def tiles(self, g, aberrations: Aberrations, frequencies: np.ndarray) -> np.ndarray:
        """(n, By, Bx) complex64 conj(gamma) G."""
        from recon.tiles import gfunction_tiles

        return gfunction_tiles(g, aberrations, frequencies)

    def spectrum(self, g) -> np.ndarray:
        """(Sy, Sx) float32 signal power, DC in the middle."""
        from recon.tiles import power_spectrum

        return power_spectrum(g)

    # ---- centre of mass ----

    def deflection(self, scan: Scan, calibration: Calibration) -> np.ndarray:
        """(2, Sy, Sx) float32 COM (y, x) in the scan's frame [mrad], mean subtracted."""
        from recon.com import scan_deflection

        com = self.com(scan)
        return self.store.get(
            ("deflection", scan.key, calibration), lambda report: scan_deflection(com, calibration)
        )

    def dpc(self, scan: Scan, calibration: Calibration, dpc: Dpc, progress: Report | None = None):
        """The phase integrated from the centre of mass, a `recon.dpc.DpcResult`."""
        from recon.dpc import integrate_com, integrate_com_direct

        field = self.deflection(scan, calibration)

        def compute(report):
            if dpc.method == "direct":
                return integrate_com_direct(
                    field, calibration, highpass=dpc.highpass, lowpass=dpc.lowpass
                )
            return integrate_com(
                field,
                calibration,
                highpass=dpc.highpass,
                lowpass=dpc.lowpass,
                step=dpc.step,
                iterations=dpc.iterations,
                padding=dpc.padding,
                progress=report,
            )

        # What the direct solution does not read must not make it stale.
        used = dpc if dpc.method == "iterative" else Dpc("direct", dpc.highpass, dpc.lowpass)
        return self.store.get(("dpc", scan.key, calibration, used), compute, progress)

    def close(self) -> None:
        """Stop everything under way."""
        self.store.close()


def _disc_only(centre, radius) -> Calibration:
    return replace(_ANY, centre=centre, radius=radius)


_ANY = Calibration(
    energy=1e5, semiangle_cutoff=1.0, scan_sampling=(1.0, 1.0), centre=(0.0, 0.0), radius=1.0
)
