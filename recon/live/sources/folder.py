"""A folder into which a camera, or whoever copies its files, puts scans.

A file is opened when nothing has changed in the folder under its name for `QUIET_S`; then its rows
are given as if they had come. What lay there before is not looked at, unless it changes.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

from recon.errors import UnreadableFile
from recon.io import is_scan, open_scan
from recon.live.source import Began, Block, Ended, LiveError, Message, Told
from recon.live.wanted import wanted
from recon.scan.events import ElectronEvents
from recon.scan.kinds import by_kind

QUIET_S = 2.0
STEP_MS = 100
PIECE = 1 << 22
"""Electrons that are given in one go."""
UNFINISHED = ".unfinished"
"""In the name of a recording that is under way: it is taken once it is complete."""


class Folder:
    """Gives scans that appear in a folder: see `recon.live.source.LiveSource`.

    Parameters
    ----------
    path : path-like
    quiet : float
        Seconds without change after which a file is complete.
    **told
        What every one of them has to be told, such as `scan_shape`: see `recon.io.open_scan`.

    Raises
    ------
    LiveError
        If there is no such folder, or watchfiles is missing.
    """

    def __init__(self, path, quiet: float = QUIET_S, **told):
        self.endpoint, self._quiet, self._told = str(path), quiet, told
        if not Path(path).is_dir():
            raise LiveError(f"There is no folder {path}.")
        library = wanted("watchfiles", "A folder that is watched")
        self._gone = library.Change.deleted
        self._changes = library.watch(
            path,
            watch_filter=None,
            rust_timeout=STEP_MS,
            yield_on_timeout=True,
            debounce=STEP_MS,
            step=STEP_MS // 2,
            recursive=True,
            raise_interrupt=False,
        )
        self._changing: dict[str, float] = {}
        self._giving: Iterator[Message] = iter(())
        next(self._changes)  # begins to watch

    def poll(self, timeout: float) -> list[Message]:
        """See `LiveSource`."""
        deadline = monotonic() + timeout
        while True:
            for message in self._giving:
                return [message]
            self._look()
            quiet = [p for p, when in self._changing.items() if monotonic() - when > self._quiet]
            for path in sorted(quiet):
                del self._changing[path]
                self._giving = self._scan(Path(path))
                break
            else:
                if monotonic() >= deadline:
                    return []

    def close(self) -> list[Message]:
        """See `LiveSource`; a scan that is being given is given to its end."""
        self._changes.close()
        return list(self._giving)

    def _look(self):
        for change, path in next(self._changes):
            name = os.path.basename(path)
            if change == self._gone:
                self._changing.pop(path, None)
            elif os.path.isdir(path):
                # What was in it before it was watched.
                self._changing |= {
                    str(file): monotonic() for file in Path(path).rglob("*") if _may_be(file.name)
                }
            elif _may_be(name):
                self._changing[path] = monotonic()

    def _scan(self, path):
        """What there is to give of a file; nothing if it is no scan."""
        try:
            if not is_scan(path):
                return
            scan = open_scan(path, **self._told)
        except FileNotFoundError:
            return
        except (UnreadableFile, OSError) as error:
            yield Told(str(error))
            return
        if not by_kind(scan, True, False):
            yield Told(f"{path.name} holds frames that are no events; it is left out.")
            return
        yield Began(scan.scan_shape, scan.frame_shape, None, dict(scan.metadata))
        width, row = scan.scan_shape[1], 0
        step = max(1, PIECE * scan.scan_shape[0] // max(scan.electrons, 1))
        while row < scan.scan_shape[0]:
            until = min(row + step, scan.scan_shape[0])
            yield Block(row, rows_of(scan, row, until, width))
            row = until
        yield Ended(scan.positions, 0, (f"Taken from {path.name}.", *scan.source.notes))


def _may_be(name):
    return not name.startswith(".") and UNFINISHED not in name


def rows_of(scan: ElectronEvents, first: int, last: int, width: int) -> ElectronEvents:
    """The rows first..last of a scan."""
    offsets = scan.offsets[first * width : last * width + 1]
    part = slice(int(offsets[0]), int(offsets[-1]))
    return ElectronEvents(
        scan.pixels[part],
        offsets - offsets[0],
        (last - first, width),
        scan.frame_shape,
        {},
        scan.source,
        subpixel=None if scan.subpixel is None else scan.subpixel[part],
    )
