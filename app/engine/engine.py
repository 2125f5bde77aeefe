"""The stages of a reconstruction, each remembered by exactly what it depends on.

    reading ── events ── region ──┬── pacbed ── disc ──┐
                                  ├── com ── orientation ── calibration ── sidebands (G)
                                  └── virtual images         │
                                                            G + aberrations ── phase, tiles
                                                      com + calibration ── dpc

All sessions of a process share one engine: a scan is in memory once, and the same G serves
everyone who looks at it with the same settings. Passes over the events, G, redraws and DPC are the
work of the device (`app.engine.placement` says which one, and how sessions share it); what comes
out is in the host's memory, but for G, whose redraws stay where it is.
"""

from dataclasses import replace

import numpy as np

from app.engine.building_g import announcement, building, g_key, there
from app.engine.catalogue import Catalogue
from app.engine.finding import find
from app.engine.gauge import Gauge
from app.engine.growing import growing, grown_g, provisional, quiet
from app.engine.overflow import Overflow, workers_of
from app.engine.placement import Placement, brought_home, released_by, room_on
from app.engine.reading import reader
from app.engine.redraws import Redraws
from app.engine.scan import NOTHING, Scan, Treated
from app.engine.store import Report, Store
from app.engine.treatment import treated
from app.state.request import Annulus, Dpc, Geometry, Reading, Region, Treatment
from recon.batch.geometry import Found
from recon.calibration import Calibration
from recon.device.backend import CPU, Device, on_host
from recon.scan.kinds import ScanData, copied_to
from recon.ssb.build import planned

PASSING = 64 << 20
"""Bytes of results to keep of scans that grow."""


class Engine(Redraws):
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
    device : Device, optional
        Where the work is done: the CPU if not given.
    strict : bool
        Whether what the device cannot do is an error, and not the CPU's work.
    why_cpu : str, optional
        Why it is the CPU, where a GPU would have been taken.
    half : bool
        Whether G lies in half precision on a GPU.
    cluster : recon.cluster.connection.Cluster, optional
        Whose workers sum scans and hold G.
    beyond : callable, optional
        Connects a cluster that holds those G which the device does not.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        memory: int = 4 << 30,
        demo_cache=None,
        results=None,
        device: Device = CPU,
        strict: bool = False,
        why_cpu: str | None = None,
        half: bool = False,
        cluster=None,
        beyond=None,
    ):
        self.catalogue, self.live = catalogue, catalogue.live
        self.results = results
        self.store = Store(memory, room_on(device), released_by(device))
        self.placed = Placement(self.store, device, strict, why_cpu)
        self.workers, self.overflow = workers_of(cluster), Overflow(beyond)
        self.gauge = Gauge(self.placed, cluster)
        # What is made of rows that more follow is soon of no use to anybody.
        self.passing = Placement(Store(PASSING), device, strict, why_cpu)
        self.demo_cache, self._half = demo_cache, half

    def warm_up(self, progress: Report | None = None) -> None:
        """Compile what a session will run, once a process; fast where that was done before."""
        from recon.warm import warm_up

        def compute(device, report):
            warm_up(report, device, half=self._half and device is not CPU)

        self.placed.get(("warm", None), compute, progress)

    # ---- reading ----

    def title(self, dataset: str) -> str:
        """Short name of a scan."""
        return self.catalogue.title(dataset)

    def events(self, reading: Reading, progress: Report | None = None) -> ScanData:
        """A scan as it comes from its file: electron events, or dense frames.

        Raises
        ------
        ValueError
            If it cannot be read, in one sentence.
        """
        growth = self.live.growing(reading.dataset)
        if growth is not None:
            return growth.scan.events()
        return self.store.get(self._events_key(reading), reader(self, reading), progress)

    def scan(
        self,
        reading: Reading,
        region: Region,
        treatment: Treatment = NOTHING,
        progress: Report | None = None,
    ) -> Scan:
        """The events in use: treated, cropped and binned as they are asked for.

        Raises
        ------
        ValueError
            If nothing is left, a treatment is not possible, or it cannot be read.
        """
        growth = self.live.growing(reading.dataset)
        if growth is not None:
            return growing(self, growth, reading, region, treatment, progress or quiet)
        whole, key = self.events(reading, progress), self.scan_key(reading, region, treatment)
        if (region, treatment) == (Region(), NOTHING):
            return Scan(key, whole, whole, region, reading=reading)
        kept = self.store.get(
            key,
            lambda report: Treated(*treated(self, reading, region, treatment, report)),
            progress,
        )
        return Scan(key, kept.events, whole, region, treatment, kept.steps, kept)

    def scan_key(self, reading: Reading, region: Region, treatment: Treatment) -> tuple:
        """What everything made of those electrons is remembered under."""
        return ("region", self._events_key(reading), region, treatment)

    def faults(self, reading: Reading, progress: Report | None = None):
        """(Ky, Kx) bool masks of the detector's hot and dead pixels, before anything is done."""
        from recon.quality.health import faulty_pixels

        scan = self.scan(reading, Region(), progress=progress)
        pattern, known = self.pacbed(scan, progress), scan.events.excluded
        key = ("faults", self._events_key(reading))
        return self.store.get(key, lambda report: faulty_pixels(pattern, known), progress)

    def _events_key(self, reading):
        stamp = self.catalogue.stamp(reading.dataset)
        return ("events", replace(reading, dataset=""), stamp)

    # ---- sums and calibration ----

    def pacbed(self, scan: Scan, progress: Report | None = None) -> np.ndarray:
        """(Ky, Kx) counts of all positions in use."""
        if scan.growth is not None:
            return on_host(scan.growth.sums().pacbed())
        return self._summed(("pacbed", scan.key), scan, "pacbed", progress)

    def com(self, scan: Scan, progress: Report | None = None) -> np.ndarray:
        """(2, Sy, Sx) float32 centre of mass (y, x) [detector px]."""
        if scan.growth is not None:
            return on_host(scan.growth.sums().centre_of_mass())
        return self._summed(("com", scan.key), scan, "centre_of_mass", progress)

    def _summed(self, key, scan, name, progress, *arguments):
        """What the function of `recon.sums` of that name gives, in the host's memory."""

        def compute(device, report):
            if self.workers is not None:
                from recon.cluster import sums as by_workers

                return getattr(by_workers, name)(
                    self.workers.scan(scan, self.catalogue), *arguments, progress=report
                )
            from recon import sums

            events = self.events_on(scan, device, report)
            return brought_home(getattr(sums, name)(events, *arguments, progress=report))

        return self.place(scan).get(key, compute, progress)

    def place(self, scan: Scan) -> Placement:
        """Where what is made of a scan is made, and kept."""
        return self.passing if scan.growing else self.placed

    def events_on(self, scan: Scan, device: Device, report: Report, copy: bool = True):
        """The events where the passes over them are made; not to be held longer than a pass.

        Without a `copy` they are streamed, and a copy that an earlier pass has left is let go.
        """
        if not copied_to(scan.events, device):
            return scan.events
        if not copy:
            self.place(scan).store.forget(there(scan, device))
            return scan.events.to_device(device, copy=False)
        return self.place(scan).store.get(
            there(scan, device),
            # Only asks whether to stop: the fraction is that of what follows.
            lambda ask: scan.events.to_device(device, lambda fraction: ask(0.0)),
            report,
        )

    def find(self, scan: Scan, geometry: Geometry, progress: Report | None = None) -> Found:
        """Settle disc, orientation and calibration, by the steps of `recon.batch.geometry`.

        Raises
        ------
        ValueError
            If a value makes no sense. What cannot be found, or is missing, is told in the result.
        """
        if not scan.growing:
            return find(self, scan, geometry, progress)
        known = replace(geometry, auto_orientation=False)
        if scan.growth is None:
            return provisional(find(self, scan, known, progress), geometry)
        found = scan.growth.found(known, lambda: find(self, scan, known, progress))
        return provisional(found, geometry)

    def fitted_disc(self, scan: Scan, progress: Report | None = None):
        """The disc of the mean pattern, a `recon.geometry.disc.Disc`.

        Raises
        ------
        DiscNotFound
        """
        from recon.geometry.disc import fit_disc

        pattern, store = self.pacbed(scan, progress), self.place(scan).store
        return store.get(("disc", scan.key), lambda report: fit_disc(pattern), progress)

    def virtual(
        self, scan: Scan, found: Found, annulus: Annulus, progress: Report | None = None
    ) -> dict[str, np.ndarray]:
        """Virtual images by name; only "sum" while no disc is known."""
        if found.centre is None or not found.radius:
            return {"sum": self._summed(("sum", scan.key), scan, "intensity", progress)}
        disc = found.centre, found.radius
        if scan.growth is not None:
            return brought_home(scan.growth.detectors(*disc, annulus).images())
        usual = self._summed(("virtual", scan.key, *disc), scan, "presets", progress, *disc)
        radii = {"annulus": (annulus.inner * found.radius, annulus.outer * found.radius)}
        key = "annulus", scan.key, *disc, annulus
        return usual | self._summed(key, scan, "annuli", progress, found.centre, radii)

    # ---- single sideband ----

    def sidebands(
        self,
        scan: Scan,
        calibration: Calibration,
        pixels: int,
        full: bool = False,
        progress: Report | None = None,
        let_go=None,
    ):
        """G on its sidebands; with the triple overlap if `full`.

        Where the device is full, `let_go()` is called for the G that this one replaces.
        """
        if scan.growth is not None:
            return grown_g(self, scan, calibration, pixels, full)
        key = g_key(scan.key, calibration, pixels, full)
        workers = self.workers_for(scan, calibration, pixels, full)
        if workers is not None:
            options = {"full": full, "half": self._half, "progress": progress}
            how = workers.scan(scan, self.catalogue), calibration, pixels, let_go
            return workers.sidebands(key, *how, **options)
        compute = building(self, scan, calibration, pixels, full, self._half)
        return self.place(scan).get(key, compute, progress, let_go)

    def workers_for(self, scan: Scan, calibration: Calibration, pixels: int, full: bool):
        """Those that make and hold G of a scan, unless that is done here."""
        how = scan, calibration, pixels, full, self.placed.device
        return self.workers or self.overflow.workers(*how)

    def plan(self, scan: Scan, calibration: Calibration, pixels: int, full: bool = False):
        """What a scan and its G need of the device's memory, a `recon.ssb.planning.Plan`."""
        device = self.placed.device_for(g_key(scan.key, calibration, pixels, full))
        return planned(scan.events, calibration, pixels, full, self._half and device is not CPU)

    def announcement(
        self, scan: Scan, calibration: Calibration, pixels: int, full: bool = False
    ) -> str:
        """How much G will take and where, such as "G 164 MB on the GPU"; empty if it has none."""
        return announcement(self, scan, calibration, pixels, full)

    # ---- centre of mass ----

    def deflection(self, scan: Scan, calibration: Calibration) -> np.ndarray:
        """(2, Sy, Sx) float32 COM (y, x) in the scan's frame [mrad], mean subtracted."""
        from recon.sums.com import scan_deflection

        com = self.com(scan)
        key, store = ("deflection", scan.key, calibration), self.place(scan).store
        return store.get(key, lambda report: scan_deflection(com, calibration))

    def dpc(self, scan: Scan, calibration: Calibration, dpc: Dpc, progress: Report | None = None):
        """The phase integrated from the centre of mass, a `recon.dpc.integrate.DpcResult`."""
        from recon.batch.results import integrated

        field = self.deflection(scan, calibration)

        def compute(device, report):
            return brought_home(integrated(device.xp.asarray(field), calibration, dpc, report))

        # What the direct solution does not read must not make it stale.
        used = dpc if dpc.method == "iterative" else Dpc("direct", dpc.highpass, dpc.lowpass)
        return self.place(scan).get(("dpc", scan.key, calibration, used), compute, progress)

    def holds_g(self, scan_key: tuple, calibration: Calibration, pixels: int, full: bool) -> bool:
        """Whether such a G is there already."""
        key = g_key(scan_key, calibration, pixels, full)
        return (self.workers or self.placed).holds(key) or self.overflow.holds(key)

    def close(self) -> None:
        """Stop everything under way."""
        self.passing.store.close()
        self.store.close()
        for each in filter(None, (self.workers, self.overflow)):
            each.close()
