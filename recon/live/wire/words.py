"""What streams say whose frames come in order."""

from collections.abc import Iterator, Sized
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from recon.live.source import Began


class Frames(NamedTuple):
    """Frames of the scan that has begun."""

    counts: np.ndarray
    """(n,) electrons of each."""
    pixels: np.ndarray
    """(E,) uint32 their linear indices."""
    positions: np.ndarray | None = None
    """(n,) in raster order; those that follow on what came, if left out."""


@dataclass(frozen=True)
class Over:
    """No more frames of the scan will come."""

    why: str = ""


class Decoder(Protocol):
    """Understands a camera's stream."""

    left: Sized
    """Of what it was fed, what it had not looked at when it raised; nothing of bytes."""

    def feed(self, data: Sized) -> Iterator[Began | Frames | Over]:
        """What bytes of the stream say, which may be cut anywhere, or what messages do.

        Raises
        ------
        ValueError
            If they make no sense; the message says why.
        """
