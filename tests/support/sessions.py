"""A session without a page: the test is its thread, and a stand-in its engine."""

from queue import Empty, Queue
from types import SimpleNamespace

import numpy as np

from app.engine.catalogue import Catalogue
from app.engine.engine import Scan
from app.engine.gauge import DeviceState
from app.pipeline.jobs import Answer
from app.pipeline.pipeline import Pipeline
from app.state.experiment import Experiment
from recon.batch.geometry import Found
from recon.calibration import Calibration
from recon.device.backend import CPU
from recon.scan.events import from_frames
from tests.support.waiting import wait_until

CALIBRATED = {"energy": 80e3, "semiangle_cutoff": 25.0, "scan_sampling": (0.3, 0.25)}


STATE = DeviceState("CPU, 2 threads", 3 << 30, 24 << 30)


class FakeEngine:
    """Counts what it is asked for; can be held up and made to fail."""

    def __init__(self, metadata):
        self.metadata = metadata
        self.calls = []
        self.hold = {}
        self.fail = {}
        self.placed = SimpleNamespace(statements=lambda scan_key: ())
        self.gauge = SimpleNamespace(state=lambda prepared=None: STATE)
        self.catalogue = Catalogue()
        self.live = self.catalogue.live  # nothing is received there

    def _call(self, name, *details, progress=None):
        self.calls.append((name, *details))
        while (held := self.hold.get(name)) and not held.wait(0.002):
            if progress:
                progress(0.5)
        if name in self.fail:
            raise self.fail[name]

    def count(self, name):
        return sum(call[0] == name for call in self.calls)

    def warm_up(self, progress=None):
        pass

    def title(self, dataset):
        return dataset

    def events(self, reading, progress=None):
        # As a store does, it reads once; what is asked again is there.
        if {"events"} & {*self.hold, *self.fail} or ("events", reading.dataset) not in self.calls:
            self._call("events", reading.dataset, progress=progress)
        frames = [[0, 1], [2], [3], [4, 5], [1], [2]]
        return from_frames(frames, (2, 3), (4, 4), metadata=self.metadata.get(reading.dataset, {}))

    def scan(self, reading, region, treatment=None, progress=None):
        self._call("scan", region)
        events = self.events(reading)
        return Scan((reading, region), events, events, region)

    def pacbed(self, scan, progress=None):
        self._call("pacbed")
        return np.ones((4, 4), int)

    def find(self, scan, geometry, progress=None):
        self._call("find")
        missing = geometry.missing()
        calibration = None
        if not missing:
            calibration = Calibration(
                geometry.energy,
                geometry.semiangle_cutoff,
                geometry.scan_sampling,
                (1.5, 1.25),
                2.0,
                geometry.rotation_deg,
                geometry.transpose,
            )
        turned = "Turned by 30°." if geometry.auto_orientation else ""
        return Found(
            (1.5, 1.25),
            2.0,
            True,
            "A disc.",
            30.0,
            True,
            turned,
            missing,
            calibration,
            bool(turned),
        )

    def sidebands(self, scan, calibration, pixels, full=False, progress=None, let_go=None):
        self._call("sidebands", pixels, progress=progress)
        g = SimpleNamespace(
            entries=123,
            scan_shape=(2, 3),
            calibration=calibration,
            full=full,
            device=CPU,
            current=None,
        )
        g.through = lambda specimen: g
        return g

    def announcement(self, scan, calibration, pixels, full=False):
        return "G 1 MB on the CPU"

    def phase(self, g, aberrations, mode, sideband, band_limit, prior=None):
        assert sideband != "full" or g.full
        self._call("phase", mode, aberrations.defocus / 10)
        return np.full((2, 3), aberrations.defocus / 10, np.float32)

    def transmission(self, g, aberrations, mode, sideband, band_limit):
        self._call("transmission", mode)
        return np.full((2, 3), 2j, np.complex64)

    def frequencies(self, g, choice):
        self._call("frequencies")
        return np.array([[1, 1]] * choice.count)

    def tiles(self, g, aberrations, frequencies):
        return np.zeros((len(frequencies), 2, 2), np.complex64)

    def spectrum(self, g):
        return np.zeros((2, 3), np.float32)

    def virtual(self, scan, found, annulus, progress=None):
        self._call("virtual", annulus.inner)
        return {"bf": np.zeros((2, 3))}

    def faults(self, reading, progress=None):
        self._call("faults")
        return np.zeros((2, 4, 4), bool)

    def com(self, scan, progress=None):
        self._call("com")
        return np.arange(12, dtype=np.float32).reshape(2, 2, 3)

    def deflection(self, scan, calibration):
        return np.zeros((2, 2, 3), np.float32)

    def dpc(self, scan, calibration, dpc, progress=None):
        self._call("dpc", dpc.iterations, progress=progress)
        return SimpleNamespace(
            phase=np.zeros((2, 3)), errors=np.zeros(2), spectrum=None, method=dpc.method
        )


class Session:
    """A session whose thread is the test's: posted functions run in `turn`."""

    def __init__(self, engine, service, experiment=None, **options):
        self.posted = Queue()
        self.experiment = experiment or Experiment()
        self.engine = engine
        options = {"settle": 0.03} | options
        self.pipeline = Pipeline(self.experiment, engine, service, self.posted.put, **options)
        self.seen = []
        for stage in self.pipeline.stages:
            # What was prepared must not be kept by who looks on: its G is large.
            self.watch(stage, *set(stage.results()) - {"prepared"})
        self.watch(self.pipeline.told, "progress", "error", "notice", every=True)

    def watch(self, stage, *names, every=False):
        """Note in `seen` what parameters come to be, or `every` time that they are set."""

        def note(*events):
            self.seen.extend((event.name, event.new) for event in events)

        stage.param.watch(note, list(names), onlychanged=not every)

    def perform(self, job):
        """Have a job done; its answer, which is noted as it comes."""
        answer = Answer()
        self.watch(answer, "result", "under_way")
        self.pipeline.aside.perform(job, answer)
        return answer

    def start(self):
        self.pipeline.start()
        return self

    def turn(self):
        try:
            while True:
                self.posted.get_nowait()()
        except Empty:
            pass

    def until(self, condition):
        def turned():
            self.turn()
            return condition()

        wait_until(turned)

    def all(self, name):
        """All that a result has been, in order."""
        return [value for known, value in self.seen if known == name]

    def rest(self):
        """Wait for an exact phase of what is set now, and everything derived."""
        defocus = self.experiment.aberrations.defocus

        def rests():
            phases = [phase for phase in self.all("phase") if phase is not None]
            last = phases[-1] if phases and self.all("dpc") else None
            return last and last.mode == "exact" and last.array[0, 0] == defocus

        self.until(rests)
