"""A checksum of electrons: equal for the same scan, whatever file it lies in.

With mix, SplitMix64's stirring of 64 bits (one to one; `recon.kernels.decode.checksum`), p the
linear pixel of an electron, f the position in raster order, all sums modulo 2^64, and G = 2^64 /
golden ratio,

    S = sum over f of mix(G (f + 1) + sum over the electrons at f of mix(p))
    checksum = mix(Ky + mix(Kx + mix(Sy + mix(Sx + mix(E + mix(S))))))

as 16 hexadecimal digits. So that it does not depend on threads or on the file:

- The order of electrons at one position does not count: sums commute. It means nothing
  physically, and sparse matrices do not keep it.
- Where in its pixel an electron was does not count; `places_checksum` counts it, with
  p + 2^32 n in place of p, n the byte `ElectronEvents.subpixel`.
- Metadata do not count.

Any single electron that is on another pixel changes the checksum for certain, because each step
is one to one in it; any other difference is missed with a probability of about 2^-64. It guards
against mishaps, not against forgers.
"""

import numpy as np

from recon.kernels.decode import checksum as kernels
from recon.scan.events import ElectronEvents

BATCH = 1 << 28
"""Electrons between two reports of progress."""
MASK = (1 << 64) - 1


def checksum(events: ElectronEvents, progress=None) -> str:
    """16 hexadecimal digits that the same electrons have in every file.

    One pass over the electrons on the host, which is where they are.

    Parameters
    ----------
    events : ElectronEvents
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.
    """
    return _digest(events, kernels.pixels_sum, (events.pixels,), progress)


def places_checksum(events: ElectronEvents, progress=None) -> str | None:
    """`checksum` that counts where in its pixel each electron was; None where that is unknown."""
    if events.subpixel is None:
        return None
    return _digest(events, kernels.places_sum, (events.pixels, events.subpixel), progress)


def _digest(events, kernel, columns, progress):
    total = 0
    for first, last in events.batches(BATCH):
        total += int(kernel(*columns, events.offsets, first, last, 0))
        if progress is not None:
            progress(last / events.positions)
    return _stirred(total, events.electrons, events.scan_shape, events.frame_shape)


class Running:
    """Both checksums of a scan that is seen part by part.

    Parameters
    ----------
    total, places : int
        What the parts before have come to, as attributes of the same names told it.
    """

    def __init__(self, total: int = 0, places: int = 0):
        self.total, self.places = total, places

    def add(self, pixels, subpixel, offsets, before: int) -> None:
        """Count a part: (E,) pixels and places (or None), (n + 1,) offsets, frames before it."""
        number = len(offsets) - 1
        self.total += int(kernels.pixels_sum(pixels, offsets, 0, number, before))
        if subpixel is not None:
            part = kernels.places_sum(pixels, subpixel, offsets, 0, number, before)
            self.places += int(part)
        self.total, self.places = self.total & MASK, self.places & MASK

    def digests(self, electrons, scan_shape, frame_shape, placed: bool):
        """`checksum` and `places_checksum` of the whole."""
        rest = electrons, scan_shape, frame_shape
        return _stirred(self.total, *rest), _stirred(self.places, *rest) if placed else None


def _stirred(total, electrons, scan_shape, frame_shape):
    digest = _mix(total)
    for length in (electrons, *reversed(scan_shape), *reversed(frame_shape)):
        digest = _mix(digest + int(length))
    return f"{digest:016x}"


def _mix(key):
    return int(kernels.mix(np.uint64(key & MASK)))
