"""What comes from a microscope: received once for the server, kept as it comes, shown to all.

One thread receives rows, writes them and holds them for whoever wants to look; another tells the
sessions, at most every `TELL_S`. A scan is called "live:/N". While it is made, whatever is made of
it is made of the rows that have come (`recon.live.growth`); when it is over, it is opened from its
file like any other.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, RLock, Thread
from time import sleep

from app.engine.live_scan import SCANNING, STOPPED, WAITING, LiveScan, MicroscopeState
from recon.device.backend import CPU, Device
from recon.live.growth import Growth
from recon.live.receive import Kept, receive
from recon.live.source import Began, Block, LiveSource, Told

TELL_S = 0.1
"""How often sessions are told of rows."""

DELIVERED_S = 3.0
"""Until what was sent has been received."""

LAST = 12
"""Scans that one can go back to."""

_log = logging.getLogger(__name__)


class Microscope:
    """What is received by this server; to be used from any thread.

    Parameters
    ----------
    device : Device
        Where what grows is made.
    """

    def __init__(self, device: Device = CPU):
        self._device = device
        self._lock = RLock()
        self._scans: dict[str, LiveScan] = {}
        self._count = 0
        self._state = MicroscopeState()
        self._listeners: dict[object, Callable[[], None]] = {}
        self._news, self._closed = Event(), False
        self._stop: Event | None = None
        self._threads: list[Thread] = []
        self._folder: TemporaryDirectory | None = None

    # ---- who looks ----

    @property
    def state(self) -> MicroscopeState:
        """What is received, as it is now."""
        with self._lock:
            scans = tuple(scan.state for scan in reversed(self._scans.values()))
            return replace(self._state, scans=scans)

    def watch(self, who: object, told: Callable[[], None]) -> None:
        """Call `told()` on a thread of its own when something has changed, until `leave(who)`."""
        with self._lock:
            self._listeners[who] = told

    def leave(self, who: object) -> None:
        """Tell no more."""
        with self._lock:
            self._listeners.pop(who, None)

    def scan(self, name: str) -> LiveScan | None:
        """The scan of that name; None where there is none."""
        with self._lock:
            return self._scans.get(name)

    def growing(self, name: str) -> Growth | None:
        """What is made of the scan of that name, if it is not over."""
        scan = self.scan(name)
        return None if scan is None else scan.growth

    def picture(self, name: str, url: str) -> None:
        """Take a small picture of a scan, for all who look."""
        scan = self.scan(name)
        if scan is not None and url != scan.picture:
            scan.picture = url
            self._news.set()

    # ---- what is received ----

    @property
    def running(self) -> bool:
        """Whether anything is received now."""
        return self._stop is not None and not self._stop.is_set()

    def listen(
        self,
        title: str,
        open_source: Callable[[], LiveSource],
        folder: Path | None,
        known: dict | None = None,
    ) -> None:
        """Receive from a source, in place of whatever was received before.

        Parameters
        ----------
        title : str
            Of the source, in a word.
        open_source : callable
            Opens it, on the thread that receives.
        folder : Path or None
            Where scans are kept; None for one that goes with the server.
        known : dict, optional
            Of the experiment, under `Calibration`'s names, where the stream does not say it.
        """
        self.stop()
        with self._lock:
            stop = self._stop = Event()
            self._state = MicroscopeState(title, state=WAITING, demonstration=folder is None)
            where = folder or self._passing_folder()
            arguments = title, lambda: _Informed(open_source(), known or {}), where, stop
            self._begin(self._receive, *arguments, name="livestem-microscope")
            if not any(thread.name == "livestem-teller" for thread in self._threads):
                self._begin(self._tell, name="livestem-teller")
        self._news.set()

    def beside(self, work: Callable[[Callable[[], bool]], None]) -> None:
        """Have `work(stopped)` done on a thread; when it is done, nothing is received any more."""
        self._begin(self._guarded, work, self._stop, name="livestem-player")

    def stop(self) -> None:
        """Receive no more; what came of the scan under way is kept."""
        with self._lock:
            stop, self._stop = self._stop, None
        if stop is None:
            return
        stop.set()
        for thread in self._threads:
            if thread.name != "livestem-teller":
                thread.join(5.0)
        with self._lock:
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            self._state = replace(self._state, state=STOPPED)
        self._news.set()

    def close(self) -> None:
        """Stop, and remove what was kept for the server's life only."""
        self.stop()
        self._closed = True
        self._news.set()
        with self._lock:
            self._listeners.clear()
            folder, self._folder = self._folder, None
        if folder is not None:
            folder.cleanup()

    def _begin(self, work, *arguments, name):
        thread = Thread(target=work, args=arguments, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _passing_folder(self) -> Path:
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="livestem-live-", ignore_cleanup_errors=True)
        return Path(self._folder.name)

    def _receive(self, title, open_source, folder, stop):
        day = f"{datetime.now():%Y%m%d-%H%M%S}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            source = open_source()
            with self._lock:
                if self._stop is stop:
                    self._state = replace(self._state, endpoint=source.endpoint)
            self._news.set()
            number = self._count  # goes on over several sources
            for news in receive(
                source, lambda n: folder / f"live-{day}-{number + n}.toml", None, stop.is_set
            ):
                self._hear(news, title)
        except Exception as error:  # the page says why nothing comes; the server goes on
            _log.info("Nothing is received any more.", exc_info=True)
            self._say(str(error), STOPPED)
        stop.set()
        with self._lock:
            if self._stop in (None, stop):
                self._state = replace(self._state, state=STOPPED)
        self._news.set()

    def _hear(self, news, title):
        with self._lock:
            latest = next(reversed(self._scans.values()), None)
            if isinstance(news, Began):
                self._count += 1
                scan = LiveScan(self._count, news, title, self._device)
                self._scans[scan.name] = scan
                self._forget_old()
                self._state = replace(self._state, state=SCANNING, sentence="")
            elif isinstance(news, Block):
                said = latest.add(news)
                if said:
                    self._state = replace(self._state, sentence=said)
            elif isinstance(news, Told):
                self._state = replace(self._state, sentence=news.sentence)
            elif isinstance(news, Kept):
                latest.end(news)
                self._state = replace(self._state, state=WAITING)
        self._news.set()

    def _forget_old(self):
        for name in list(self._scans)[:-LAST]:
            scan = self._scans.pop(name)
            if self._folder is not None and scan.path is not None:
                folder = Path(self._folder.name)
                if scan.path.parent == folder.resolve():
                    _remove(scan.path)

    def _say(self, sentence, state):
        with self._lock:
            self._state = replace(self._state, sentence=sentence, state=state)
        self._news.set()

    def _guarded(self, work, stop):
        try:
            work(stop.is_set)
            sleep(DELIVERED_S)
        except Exception as error:
            _log.info("The demonstration has ended.", exc_info=True)
            self._say(str(error), STOPPED)
        stop.set()

    def _tell(self):
        while not self._closed:
            self._news.wait()
            self._news.clear()
            with self._lock:
                told = list(self._listeners.values())
            for tell in told:
                try:
                    tell()
                except Exception:
                    _log.debug("A session could not be told.", exc_info=True)
            sleep(TELL_S)


class _Informed:
    """A source whose scans hold what is known of them, in the file that keeps them as well."""

    def __init__(self, source: LiveSource, known: dict):
        self._source, self._known, self.endpoint = source, known, source.endpoint

    def poll(self, timeout: float):
        return self._told(self._source.poll(timeout))

    def close(self):
        return self._told(self._source.close())

    def _told(self, messages):
        return [
            replace(each, metadata=self._known | each.metadata) if isinstance(each, Began) else each
            for each in messages
        ]


def _remove(path: Path) -> None:
    from recon.io.events.libertem_csr import own_files  # what only a demonstration wants

    for file in (*own_files(path), path):
        Path(file).unlink(missing_ok=True)
