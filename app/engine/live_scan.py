"""One scan that a microscope makes, and what is told of it."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import monotonic

from recon.device.backend import Device
from recon.live.growth import Growth
from recon.live.receive import Kept
from recon.live.scan import GrowingScan
from recon.live.source import Began, Block, Late
from recon.scan.events import Source

LIVE = "live:"
"""First part of the name of a scan that was received. No folder that is offered is called so."""

WAITING, SCANNING, STOPPED = "waiting", "scanning", "stopped"


@dataclass(frozen=True)
class ScanState:
    """One scan as it is now."""

    name: str
    """Of the catalogue, such as "live:/3"."""
    number: int
    at: datetime
    """When it began."""
    shape: tuple[int, int]
    rows: int
    """That have come."""
    electrons: int
    seconds: float
    """Since its first row, up to its last one."""
    over: bool
    lost: int = 0
    """Frames that never came, as far as that is known."""
    notes: tuple[str, ...] = ()
    """What went wrong, in sentences."""
    kept: str = ""
    """Name of the file that keeps it."""
    picture: str = ""
    """A small picture as a data URL; empty before there is one."""

    @property
    def rate(self) -> float | None:
        """Electrons a second; None before that is known."""
        return self.electrons / self.seconds if self.seconds > 0 else None

    @property
    def version(self) -> tuple:
        """What changes as it grows, and as it ends."""
        return self.name, self.rows, self.over


@dataclass(frozen=True)
class MicroscopeState:
    """What is received, as it is now."""

    title: str = ""
    """Of the source, such as "interactem"; empty while there is none."""
    endpoint: str = ""
    """Where it listens, or what it listens to."""
    state: str = STOPPED
    sentence: str = ""
    """What was told last."""
    demonstration: bool = False
    scans: tuple[ScanState, ...] = field(default=())
    """The latest first."""


class LiveScan:
    """One scan: growing, then over."""

    def __init__(self, number: int, began: Began, title: str, device: Device):
        self.name, self.number, self.began = f"{LIVE}/{number}", number, began
        self.at, self.picture, self.notes = datetime.now(), "", ()
        self.kept: Kept | None = None
        self.title = f"{title} {number}"
        source = Source(self.title, f"live, {title}")
        self.scan: GrowingScan | None = GrowingScan(
            began.scan_shape, began.frame_shape, began.metadata, source
        )
        self.growth: Growth | None = Growth(self.scan, device)
        self._rows = self._electrons = 0
        self._first = self._last = 0.0

    def add(self, block: Block) -> str:
        """Take rows; a sentence where they are none of this scan."""
        if isinstance(block, Late):
            return ""  # it is in the file
        try:
            self.scan.add(block.first_row, block.events)
        except ValueError as error:
            return str(error)
        now = monotonic()
        self._first, self._last = self._first or now, now
        self._rows += block.events.scan_shape[0]
        self._electrons += block.events.electrons
        return ""

    def end(self, kept: Kept) -> None:
        """Have it over: what lies in a file is let go, as soon as nobody looks at it."""
        self.kept, self.notes = kept, kept.ended.notes
        if kept.trouble:
            self.notes += (kept.trouble,)
        self.growth = None
        if self.path is not None:
            self.scan = None

    @property
    def over(self) -> bool:
        """Whether no row comes any more."""
        return self.kept is not None

    @property
    def path(self) -> Path | None:
        """The file with all of it; None where it is not over, or could not be kept."""
        kept = self.kept
        return kept.path if kept is not None and not kept.trouble else None

    @property
    def state(self) -> ScanState:
        """As it is now."""
        return ScanState(
            self.name,
            self.number,
            self.at,
            self.began.scan_shape,
            self._rows,
            self._electrons,
            self._last - self._first,
            self.over,
            self.kept.ended.lost if self.over else 0,
            self.notes,
            self.path.name if self.path else "",
            self.picture,
        )
