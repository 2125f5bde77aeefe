"""Timepix3 packets written by hand from the description of the format, and slow references."""

import struct

import numpy as np

import recon.io.events.hits as electrons
import recon.io.events.timepix3 as timepix3
from recon.io import open_events

UNIT = 25e-9 / 16
"""Seconds of a hit's finest time step."""
PERIOD = 1 << 34


def hit(time, x, y, tot):
    """Packet of a hit on one chip; `time` in units of 25/16 ns, which may exceed the roll-over."""
    coarse = -(-time // 16)
    fine = coarse * 16 - time
    coarse %= 1 << 30
    address = (x >> 1) << 9 | (y >> 2) << 3 | (x & 1) << 2 | y & 3
    toa, spidr = coarse & 0x3FFF, coarse >> 14
    return 0xB << 60 | address << 44 | toa << 30 | tot << 20 | fine << 16 | spidr


def trigger(time, kind=0xF, count=0):
    """Packet of a trigger; `time` in units of 25/96 ns."""
    coarse, fine = divmod(time, 12)
    return (
        0x6 << 60 | kind << 56 | (count & 0xFFF) << 44 | (coarse % (1 << 35)) << 9 | (fine + 1) << 5
    )


def global_time(time):
    """The two packets of the global time; `time` in units of 25 ns."""
    spidr = time >> 14 & 0xFFFF
    low = 0x44 << 56 | (time & 0xFFFFFFFF) << 16 | spidr
    return low, 0x45 << 56 | (time >> 32 & 0xFFFF) << 16 | spidr


def opened(time):
    """Packet of the opening of the shutter; `time` in units of 25 ns."""
    return 0x5F << 56 | time << 12


def chunk(packets, chip=0):
    words = [int(packet) for packet in packets]
    return struct.pack("<4sBBH", b"TPX3", chip, 0, 8 * len(words)) + struct.pack(
        f"<{len(words)}Q", *words
    )


def write(path, chunks):
    path.write_bytes(b"".join(chunks))
    return path


def on_chip(x, y):
    """(chip, x, y) on its chip of a pixel of the 512 × 512 detector.

    Chips 3 and 0 lie in the upper row as they are, 2 and 1 below them, turned by 180°.
    """
    if y < 256:
        return (3, x, y) if x < 256 else (0, x - 256, y)
    return (2, 255 - x, 511 - y) if x < 256 else (1, 511 - x, 511 - y)


def clusters(hits, window):
    """Sets of hits (time, x, y, tot) connected by pairs that touch within the window: by force."""
    left, found = set(range(len(hits))), []
    while left:
        reached = {left.pop()}
        frontier = list(reached)
        while frontier:
            t, x, y, _ = hits[frontier.pop()]
            near = {
                n
                for n in left
                if abs(hits[n][0] - t) <= window
                and abs(hits[n][1] - x) <= 1
                and abs(hits[n][2] - y) <= 1
            }
            left -= near
            reached |= near
            frontier.extend(near)
        found.append([hits[n] for n in reached])
    return found


def electron(members):
    """(time, y, x) of a cluster: its earliest time and weighted centroid, in double precision."""
    times, x, y, tot = (np.array(column, float) for column in zip(*members, strict=True))
    weight = np.maximum(tot, 1)
    return times.min(), np.average(y, weights=weight), np.average(x, weights=weight)


def record(time, x, y, tot, overflow=0):
    """A record; `time` in units of 25/16 ns."""
    coarse = -(-time // 16)
    return struct.pack("<IQBBH", y * 256 + x, coarse, overflow, coarse * 16 - time, tot)


def found(path, window_ns=100.0):
    """Times, pixels, subpixel of all electrons, whatever their scan position."""
    with open(path, "rb", buffering=0) as raw:
        recording = timepix3._Recording(raw, lambda fraction: None)
        window = electrons.window_of(window_ns)
        batches = recording.batches(lambda fraction: None)
        parts = list(electrons.find_electrons(batches, recording.frame_shape, window))
    return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))


def one_position(path, **options):
    return open_events(path, scan_shape=(1, 1), dwell_time=1e3, **options)
