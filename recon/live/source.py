"""What a microscope tells while it scans, whatever its camera."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from recon.scan.events import ElectronEvents


class LiveError(ValueError):
    """A source cannot be opened, or can give no more; the message says why and what to do."""


@dataclass(frozen=True)
class Began:
    """A scan has begun.

    Parameters
    ----------
    scan_shape : (Sy, Sx)
        Positions that the stream announces.
    frame_shape : (Ky, Kx)
        Detector pixels.
    number : int or None
        What the microscope calls the scan, if it says so.
    metadata : dict
        What the stream says of the experiment, under `Calibration`'s names.
    """

    scan_shape: tuple[int, int]
    frame_shape: tuple[int, int]
    number: int | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


class Block(NamedTuple):
    """Whole rows of the scan that has begun, each of them once, in the order of their coming.

    Frames that were lost are empty.
    """

    first_row: int
    """Row of the scan with which the block begins."""
    events: ElectronEvents
    """(rows, Sx) positions."""


class Late(Block):
    """Electrons that belong to rows which have been given already: to be added to them."""

    __slots__ = ()


@dataclass(frozen=True)
class Ended:
    """The scan that has begun is over; all of its blocks came before.

    Parameters
    ----------
    frames, lost : int
        Frames that came, and that the announced scan lacks.
    notes : tuple of str
        What went wrong, in sentences; none if nothing did.
    """

    frames: int
    lost: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Told:
    """Something happened that the person at the microscope wants to know."""

    sentence: str


def many(number: int, what: str) -> str:
    """A number of things in words: 1 frame, 2 frames."""
    return f"{number} {what}{'' if number == 1 else 's'}"


Message = Began | Block | Ended | Told


class LiveSource(Protocol):
    """A camera, or what stands for one, listened to.

    Scans come one after the other: `Began`, blocks of rows, `Ended`. Nothing that was received is
    dropped without a sentence.
    """

    endpoint: str
    """Where it listens, or what it listens to."""

    def poll(self, timeout: float) -> list[Message]:
        """What has come, in order; waits up to `timeout` seconds for the first of it.

        Raises
        ------
        LiveError
            If nothing can come any more.
        """

    def close(self) -> list[Message]:
        """Let go of the line; what was received and not told yet, the scan's end included."""
