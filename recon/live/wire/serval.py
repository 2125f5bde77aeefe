"""Raw packets of a Timepix3, made of electrons: one hit each.

See `recon.kernels.decode.timepix` for the packets. A trigger (rising edge of the first input)
marks each line, at its beginning; the electrons of a position lie evenly within its dwell time.
"""

import numpy as np

from recon.kernels.decode.timepix import CHIP, MAGIC
from recon.scan.events import ElectronEvents

HIT, TRIGGER = 0xB, 0x6F
UNITS_S = 640e6
"""Units of 25/16 ns in a second."""
MOST = 8191
"""Packets of a chunk: its size is told in 16 bits."""
TOT = 20
"""Time over threshold of each hit, in units of 25 ns."""
SIDES = (CHIP, 2 * CHIP)


def hits(times, y, x) -> np.ndarray:
    """(n,) uint64 packets of hits on one chip, at times [25/16 ns] and pixels of it."""
    times = np.asarray(times, np.int64)
    coarse = -(-times // 16)
    fine, coarse = 16 * coarse - times, coarse % (1 << 30)
    y, x = np.asarray(y, np.int64), np.asarray(x, np.int64)
    address = (x >> 1) << 9 | (y >> 2) << 3 | (x & 1) << 2 | y & 3
    low = (coarse & 0x3FFF) << 30 | TOT << 20 | fine << 16 | coarse >> 14
    return np.uint64(HIT << 60) | (address << 44).view(np.uint64) | low.view(np.uint64)


def trigger(time: int) -> np.ndarray:
    """(1,) uint64 packet of a trigger [25/16 ns]."""
    coarse, fine = divmod(6 * int(time), 12)
    word = TRIGGER << 56 | (coarse % (1 << 35)) << 9 | (fine + 1) << 5
    return np.array([word], np.uint64)


def global_time(time: int) -> np.ndarray:
    """(2,) uint64 packets of the global time [25/16 ns], to 25 ns."""
    ticks = int(time) >> 4
    spidr = ticks >> 14 & 0xFFFF
    low = 0x44 << 56 | (ticks & 0xFFFFFFFF) << 16 | spidr
    return np.array([low, 0x45 << 56 | (ticks >> 32 & 0xFFFF) << 16 | spidr], np.uint64)


def chunk(packets, chip: int) -> bytes:
    """Packets of a chip, with their header, as often as it takes."""
    parts = []
    for first in range(0, len(packets), MOST):
        some = packets[first : first + MOST]
        parts.append(np.array([MAGIC | chip << 32 | 8 * len(some) << 48], "<u8").tobytes())
        parts.append(some.astype("<u8").tobytes())
    return b"".join(parts)


def chips(pixels, side: int):
    """(chip, (n,) y, x on it, which of the pixels) of each chip, of linear indices."""
    y, x = np.divmod(np.asarray(pixels, np.int64), side)
    if side == CHIP:
        yield 0, y, x, slice(None)
        return
    right, below, most = x >= CHIP, y >= CHIP, 2 * CHIP - 1
    for chip, some in (
        (0, right & ~below),
        (1, right & below),
        (2, ~right & below),
        (3, ~right & ~below),
    ):
        if chip in (0, 3):
            yield chip, y[some], x[some] % CHIP, some
        else:
            # They lie turned by 180 degrees.
            yield chip, most - y[some], (most - x[some]) % CHIP, some


def encode(scan: ElectronEvents, first: int, last: int, dwell: int, begin: int) -> bytes:
    """The frames first..last of a scan.

    Parameters
    ----------
    scan : ElectronEvents
        On 256 × 256 or 512 × 512 pixels.
    first, last : int
        In raster order.
    dwell : int
        At each position [25/16 ns].
    begin : int
        Time of the scan's beginning [25/16 ns].
    """
    width, data = scan.scan_shape[1], []
    while first < last:
        until = min(last, (first // width + 1) * width)
        if first % width == 0:
            data.append(chunk(trigger(begin + first * dwell), 0))
        offsets = scan.offsets[first : until + 1]
        counts = np.diff(offsets)
        # In the middle of each part of the dwell time: never on its border.
        within = np.arange(offsets[-1] - offsets[0]) - np.repeat(offsets[:-1] - offsets[0], counts)
        parts = (2 * within + 1) * dwell // (2 * np.repeat(counts, counts))
        times = begin + np.repeat(np.arange(first, until), counts) * dwell + parts
        pixels = scan.pixels[offsets[0] : offsets[-1]]
        for chip, y, x, some in chips(pixels, scan.frame_shape[1]):
            data.append(chunk(hits(times[some], y, x), chip))
        first = until
    return b"".join(data)
