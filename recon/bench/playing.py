"""A scan that comes from a camera: received, written, counted into G and shown, all at once.

A camera of its own process sends it over a line of this machine, so it takes its share of the
cores as well. Of three threads one receives rows and writes them, one looks at those that have come
(`recon.live.growth`), and one drags the defocus and draws the last look, as on the page.
"""

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import time
from typing import NamedTuple

import numpy as np

from recon.bench.work import ABERRATIONS
from recon.live.growth import Growth
from recon.live.kinds import open_source
from recon.live.receive import Kept, receive
from recon.live.scan import GrowingScan
from recon.live.source import Block, LiveError
from recon.ssb.phase import single_sideband
from recon.ssb.tables import find_tables
from recon.sums.detectors import PRESETS

IMAGES_PER_S = 8.0
"""Redraws that are asked for while a scan is made; the defocus changes from one to the next."""

PATIENCE_S = 60.0
"""Seconds without a row after which the camera is gone."""

LOOK_S = 0.2
"""Seconds from one look at the rows to the next, at least."""

DRAGGED = 20.0
"""Amplitude of the defocus that is dragged [Å]."""


class _Annulus(NamedTuple):
    """The detector between two radii that a page has as well."""

    inner: float
    outer: float


ANNULUS = _Annulus(*PRESETS["abf"])


def wire() -> str:
    """In whose words it is sent: interactEM's, where the libraries for them are installed."""
    return "interactem" if find_spec("zmq") and find_spec("msgpack") else "accos"


def play(work, pace_us: float, fewer: bool = True) -> dict:
    """What is lost of a scan that comes at a camera's pace, how it is shown, and how soon.

    Parameters
    ----------
    work : recon.bench.live.Work
    pace_us : float
        Time at a position [µs]; 0 for as fast as it is taken.
    fewer : bool
        Whether fewer pixels may be counted where rows come too fast.

    Returns
    -------
    dict
        `lost` frames: that never came, or left the camera more than `HELD_S` late. `images_per_s`
        while it was made, `longest_gap_s` between two of them,
        `looks` at new rows. `received_ms`, `counted_ms`,
        `exact_ms`, `settled_ms` after the last row was sent: all rows received and written; all of
        them in G, and drawn; the exact phase of it; the same of G that is made anew with all
        pixels, as of the stored file. `pixels` across that were counted while
        it grew. `bytes` of the stream, `seconds` from the first row to the last one in G.

    Raises
    ------
    LiveError
        If the camera's process has failed.
    """
    with TemporaryDirectory(prefix="livestem-bench-") as folder:
        source = open_source(f"{wire()}:tcp://listen@127.0.0.1:0", patience=PATIENCE_S)
        receiver = _Receiver(work, source, Path(folder))
        with receiver.running(), _camera(work, source.endpoint, pace_us) as told:
            return _shown(work, receiver, Growth(receiver.scan, work.device, fewer=fewer), told)


def _shown(work, receiver, growth, told):
    looking = _Looking(work, growth)
    with _thread(looking.go_on, "livestem-looker") as looker:
        times, due = [], time()
        while not receiver.over.wait(max(0.0, due - time())):
            due = max(due + 1 / IMAGES_PER_S, time())
            if looking.g is not None:
                defocus = ABERRATIONS.C10 + DRAGGED * np.sin(len(times) / 3)
                _drawn(looking.g, replace(ABERRATIONS, C10=defocus), "draft")
                times.append(time())
    for thread in (receiver.thread, looker):
        thread.raised()
    sent = told()
    # The last rows are looked at as all others; then the hand rests.
    looking.look()
    counted = time()
    _drawn(looking.g, ABERRATIONS, "exact")
    rested = time()
    # As the page does: the whole scan anew, with all of its pixels.
    _drawn(work.growing().settled(receiver.scan.events()), ABERRATIONS, "exact")
    settled, first, last = time(), receiver.first, sent["last"]
    seen = np.array([first, *(t for t in times if t <= last), max(first, last)])
    return {
        "lost": int(work.events.positions - receiver.frames + sent["late"]),
        "images_per_s": (len(seen) - 2) / max(last - first, 1e-9),
        "longest_gap_s": float(np.diff(seen).max()),
        "looks": looking.number,
        "received_ms": 1e3 * (receiver.last - last),
        "counted_ms": 1e3 * (counted - last),
        "exact_ms": 1e3 * (rested - last),
        "settled_ms": 1e3 * (settled - last),
        "pixels": looking.pixels,
        "bytes": sent["bytes"],
        "seconds": counted - first,
    }


def _drawn(g, aberrations, mode):
    float(single_sideband(g, aberrations, mode)[0, 0])


class _Looking:
    """Looks at the rows that have come, as a page does, until it is told to stop."""

    def __init__(self, work, growth):
        self.g, self.number, self._work, self._growth = None, 0, work, growth
        self._asked = work.calibration, work.pixels, False

    @property
    def pixels(self):
        """Across the disc that are counted."""
        return self._growth.coarser(*self._asked) or self._work.pixels

    def look(self):
        """Have all rows that have come in G and in the sums."""
        work = self._work
        self.g = self._growth.sidebands(*self._asked, self._tables) or self.g
        self._growth.detectors(work.calibration.centre, work.calibration.radius, ANNULUS)
        self.number += 1

    def go_on(self, stopped):
        """One look after the other."""
        while not stopped.wait(0.01):
            began, before = time(), self._growth.rows
            if before:
                self.look()
                stopped.wait(max(0.0, began + LOOK_S - time()))

    def _tables(self, disc, across):
        shape, device = self._work.events.scan_shape, self._work.device
        return find_tables(self._work.calibration, disc, shape, False, device)


class _Receiver:
    """Takes rows into a file and into memory."""

    def __init__(self, work, source, folder):
        events = work.events
        self.scan, self.thread = GrowingScan(events.scan_shape, events.frame_shape), None
        self.over, self.first, self.last, self.frames = Event(), 0.0, 0.0, 0
        self._source, self._folder = source, folder

    @contextmanager
    def running(self):
        with _thread(self._receive, "livestem-receiver", self.over.set) as self.thread:
            yield

    def _receive(self, stopped):
        path = self._folder / "scan.toml"
        for news in receive(self._source, lambda number: path, 1, stopped.is_set):
            if isinstance(news, Block):
                self.scan.add(news.first_row, news.events)
                self.frames += news.events.positions
                self.last = time()
                self.first = self.first or self.last
            if isinstance(news, Kept):
                self.frames -= news.ended.lost
                if news.trouble:
                    raise LiveError(news.trouble)


class _Thread(Thread):
    """Does `work(stopped)`."""

    def __init__(self, work, name, over):
        super().__init__(name=name)
        self.stopped, self._work, self._over, self._failed = Event(), work, over, None

    def run(self):
        try:
            self._work(self.stopped)
        except BaseException as error:  # raised by who waits for it
            self._failed = error
        self._over()

    def raised(self):
        """Raise what has gone wrong."""
        if self._failed is not None:
            raise self._failed


@contextmanager
def _thread(work, name, over=lambda: None):
    """Have `work(stopped)` done meanwhile."""
    thread = _Thread(work, name, over)
    thread.start()
    try:
        yield thread
    finally:
        thread.stopped.set()
        thread.join()


@contextmanager
def _camera(work, endpoint, pace_us):
    """Have the scan sent; gives what waits for the camera's report."""
    size = (*work.events.scan_shape, work.pixels, work.electrons_per_frame, 1e-6 * pace_us)
    command = [sys.executable, "-m", "recon.bench.camera", wire(), endpoint, *map(str, size)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:

        def line():
            found = process.stdout.readline()
            if not found:
                said = process.stderr.read().strip().splitlines()[-1:]
                raise LiveError(f"The camera's process has failed: {' '.join(said)}")
            return found

        try:
            line()
            process.stdin.write("begin\n")
            process.stdin.flush()
            yield lambda: json.loads(line())
        finally:
            process.kill()
