"""What streams say whose frames come in order."""

from collections.abc import Iterator
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

    def feed(self, data: bytes) -> Iterator[Began | Frames | Over]:
        """What bytes of the stream say; they may be cut anywhere.

        Raises
        ------
        ValueError
            If they make no sense; the message says why.
        """
