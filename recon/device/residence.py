"""Where a pass over the electrons finds them: the host's arrays, a device's copy, or a stream.

Events go to a device in the compact form they have on the host. Where they fit, a copy stays
there; else every pass streams them, piece by piece. Copies go through pinned buffers in a stream
of their own: while one piece is summed, the next is on its way, and the one after is gathered.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from recon.device.backend import CPU, Device, guarded, memory
from recon.device.failure import DeviceFull

CHUNK_ELECTRONS = 1 << 23
"""Electrons in one copy to a device, 32 MiB: long enough that starting it costs nothing."""

CHUNK_FRAMES = 1 << 21
"""Frames in one copy: where frames are nearly empty, their offsets are what takes room."""

SHARE = 0.5
"""Of a device's usable memory that a copy of the events may take: G wants room as well."""

COPIERS = 4
"""Threads that fill pinned memory."""

SMALL = 1 << 18
"""Elements that one thread copies sooner than others are woken."""


@cache
def _copiers() -> ThreadPoolExecutor:
    """The threads that fill pinned memory, of all scans of the process."""
    return ThreadPoolExecutor(COPIERS, "copy")


@dataclass(frozen=True, eq=False)
class Copy:
    """All electrons of a scan on one device: `pixels` (E,) uint32 and `offsets` (F + 1,) int64."""

    pixels: Any
    offsets: Any

    @property
    def nbytes(self) -> int:
        """Bytes it takes there."""
        return self.pixels.nbytes + self.offsets.nbytes


@dataclass(frozen=True, eq=False)
class Piece:
    """Some of a scan's frames, as a kernel takes them.

    Attributes
    ----------
    pixels, offsets : arrays on the device
        Electrons, and where frames begin: those of the scan, or of this piece alone.
    first, last : int
        Frames of `offsets` to visit, `last` excluded.
    frames : slice
        What of an output with one place a frame these `offsets` stand for.
    """

    pixels: Any
    offsets: Any
    first: int
    last: int
    frames: slice


def place(events, device: Device, progress=None) -> Copy | None:
    """A copy of the events on a device; None where it takes too much of what is usable there.

    Parameters
    ----------
    events : ElectronEvents
    device : Device
    progress : callable, optional
        Called with the fraction copied; may raise `Cancelled`, and nothing stays on the device.

    Raises
    ------
    DeviceError
        If the device fails.
    """
    if device is CPU:
        return Copy(events.pixels, events.offsets)
    if events.nbytes > SHARE * memory(device).usable:
        return None
    try:
        return _upload(events, device, progress)
    except DeviceFull:  # someone else was faster, or the memory is in pieces
        return None


@guarded
def _upload(events, device, progress):
    xp = device.xp
    pixels, offsets = xp.empty(events.electrons, np.uint32), xp.asarray(events.offsets)
    buffers = [_Buffer(device, min(CHUNK_ELECTRONS, events.electrons)) for _ in range(2)]
    stream = _copying_stream(device)
    try:
        for number, start in enumerate(range(0, events.electrons, CHUNK_ELECTRONS)):
            stop = min(start + CHUNK_ELECTRONS, events.electrons)
            buffers[number % 2].send(events.pixels[start:stop], pixels[start:stop], stream)
            if progress is not None:
                progress(stop / events.electrons)
        stream.synchronize()
    except BaseException:
        # What is freed could be used again while something is still copied to it.
        stream.synchronize()
        del pixels, offsets
        raise
    return Copy(pixels, offsets)


def _copying_stream(device):
    """A stream beside the device's work, which begins after all the work there is.

    The memory it copies to, taken before, may have been given up by work that is not done yet.
    """
    stream = device.xp.cuda.Stream(non_blocking=True)
    stream.wait_event(device.xp.cuda.Stream.null.record())
    return stream


class _Buffer:
    """Pinned memory of the host, from which a stream copies."""

    def __init__(self, device, size, dtype=np.uint32):
        self.memory = device.pinned(max(1, size), dtype)
        self.sent = device.xp.cuda.Event(disable_timing=True)

    def send(self, source, target, stream):
        """Copy `source` to `target` on the device, without waiting for it."""
        if not source.size:
            return
        self.sent.synchronize()
        staged = self.memory[: source.size]
        _gather(source, staged)
        target.set(staged, stream=stream)
        self.sent.record(stream)


def pieces(events, electrons: int | None = None, progress=None) -> Iterator[Piece]:
    """Pieces of a scan on its device, in the order of the scan, each summed before the next.

    Parameters
    ----------
    events : ElectronEvents
    electrons : int, optional
        About how many a piece may have, where all of them are there; without it they are one
        piece. A stream has pieces of its own size.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.
    """
    copy = events.copy
    if copy is None:
        yield from _streamed(events, progress)
        return
    batches = [(0, events.positions)] if electrons is None else events.batches(electrons)
    for first, last in batches:
        yield Piece(copy.pixels, copy.offsets, first, last, slice(None))
        if progress is not None:
            progress(last / events.positions)


def _gather(source, target):
    """Copy on the host, by several threads: one core fills a fraction of what the bus takes."""
    if source.size < SMALL:
        np.copyto(target, source)
        return
    ends = np.linspace(0, source.size, COPIERS + 1).astype(np.int64)
    ranges = list(pairwise(ends))

    def copy(part):
        np.copyto(target[slice(*part)], source[slice(*part)])

    list(_copiers().map(copy, ranges))


class _Slot:
    """Room for one piece on the device, and pinned memory to fill it from."""

    def __init__(self, device, electrons, frames):
        xp = device.xp
        self.pixels, self.offsets = xp.empty(electrons, np.uint32), xp.empty(frames + 1, np.int64)
        self.staged = _Buffer(device, electrons), _Buffer(device, frames + 1, np.int64)
        self.summed = xp.cuda.Event(disable_timing=True)

    def fill(self, events, first, last, stream):
        """Send the frames first..last, as soon as what was here before has been summed."""
        start, stop = events.offsets[first], events.offsets[last]
        self.frames, self.electrons = slice(first, last), int(stop - start)
        stream.wait_event(self.summed)
        pixels, offsets = self.staged
        pixels.send(events.pixels[start:stop], self.pixels[: self.electrons], stream)
        own = events.offsets[first : last + 1] - start
        offsets.send(own, self.offsets[: own.size], stream)

    def piece(self):
        """What was sent, for work that waits for it."""
        frames = self.frames.stop - self.frames.start
        return Piece(
            self.pixels[: self.electrons], self.offsets[: frames + 1], 0, frames, self.frames
        )


def _streamed(events, progress):
    """Pieces that pass through two slots on the device, each filled while the other is summed."""
    device = events.device
    work = device.xp.cuda.Stream.null
    chunks = _chunks(events)
    sizes = [events.offsets[last] - events.offsets[first] for first, last in chunks]
    largest = int(max(sizes)), max(last - first for first, last in chunks)
    slots = [_Slot(device, *largest) for _ in chunks[:2]]
    stream = _copying_stream(device)
    try:
        slots[0].fill(events, *chunks[0], stream)
        for number, (_, last) in enumerate(chunks):
            slot = slots[number % 2]
            if number + 1 < len(chunks):
                slots[(number + 1) % 2].fill(events, *chunks[number + 1], stream)
            for staged in slot.staged:
                work.wait_event(staged.sent)
            yield slot.piece()
            slot.summed.record(work)
            if progress is not None:
                progress(last / events.positions)
    finally:
        # Whoever gets this memory next must not meet a copy that is still under way.
        stream.synchronize()
        slots = slot = staged = None


def _chunks(events):
    """Ranges of frames that fit a slot; a frame is never cut."""
    return [
        (start, min(start + CHUNK_FRAMES, last))
        for first, last in events.batches(CHUNK_ELECTRONS)
        for start in range(first, last, CHUNK_FRAMES)
    ]
