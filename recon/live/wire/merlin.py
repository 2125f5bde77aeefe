"""Merlin by Quantum Detectors: its data channel, a text and then frames.

Each message is `MPX,` and the number of bytes that follow (ten digits), a comma, and either the
text that a `.hdr` holds, before the first frame of an acquisition, or a frame as it lies in a
`.mib`: a header of text, and the pixels. Source: Merlin's EM data interface, as libertem-qd-mpx
0.3.2 and libertem-live (MIT) read it, to whose receiver the tests hold what is sent here.

Frames are placed by the numbers in their headers, which begin anew after a million.
"""

import re
from collections.abc import Iterator

import numpy as np

from recon.errors import UnreadableFile
from recon.io.dense.merlin import LARGEST_SIDE, TYPES, entries, parsed, stated
from recon.live.source import Began, LiveError
from recon.live.wire.words import Frames, Over
from recon.scan.events import ElectronEvents
from recon.scan.low_counts import electrons_in

PREFIX = re.compile(rb"MPX,(\d{10}),")
SIZE = 15
LARGEST = 1 << 28
"""Bytes of a message."""
HEADER = 384
NUMBERS = 1_000_000
"""After which the frames' numbers begin anew."""


class MerlinDecoder:
    """Understands the stream: see `recon.live.wire.words.Decoder`.

    Parameters
    ----------
    scan_shape : (Sy, Sx), optional
        Scan positions, where the text does not tell.
    """

    left = b""

    def __init__(self, scan_shape=None):
        self._shape, self._rest, self._announced = scan_shape, memoryview(b""), None
        self._form, self._number, self._place, self._scan = None, 0, 0, 0

    def feed(self, data: bytes) -> Iterator[Began | Frames | Over]:
        """See `Decoder`."""
        self._rest, frames = memoryview(bytes(self._rest) + data), []
        try:
            while (message := self._message()) is not None:
                if bytes(message[:3]) == b"HDR":
                    yield from self._together(frames)
                    frames = []
                    self._text(bytes(message))
                else:
                    yield from self._frame(message, frames)
        except ValueError:
            # What came before is sound.
            yield from self._together(frames)
            raise
        yield from self._together(frames)

    def _message(self):
        """The next message, if it is there as a whole."""
        if len(self._rest) < SIZE:
            return None
        match = PREFIX.match(self._rest[:SIZE])
        if match is None:
            raise ValueError(f"{bytes(self._rest[:SIZE])!r} is no beginning of a message")
        # The comma counts among the bytes that follow.
        size = int(match[1]) - 1
        if not 0 < size <= LARGEST:
            raise ValueError(f"a message of {size} bytes")
        if len(self._rest) < SIZE + size:
            return None
        message = self._rest[SIZE : SIZE + size]
        self._rest = self._rest[SIZE + size :]
        return message

    def _text(self, text):
        shape = self._shape or stated(entries(text))
        if shape is None:
            raise ValueError("it does not say how frames fill the scan: give the scan shape")
        self._announced, self._form = tuple(shape), None

    def _frame(self, message, frames):
        """Keep a frame; the scan begins with its first one, which tells the detector."""
        try:
            header = parsed(bytes(message[:HEADER]))
        except UnreadableFile as error:
            raise ValueError(str(error)) from error
        if header.code not in TYPES:
            raise ValueError(f"frames are sent as {header.code[:8]}; have them sent as U08 or U16")
        size = header.shape[0] * header.shape[1] * np.dtype(TYPES[header.code]).itemsize
        form = header.shape, header.code
        if len(message) != header.length + size or max(header.shape) > LARGEST_SIDE:
            raise ValueError(f"a frame of {len(message)} bytes for {form}")
        if self._announced is None:
            raise ValueError("a frame came before the text that announces a scan")
        if self._form is None:
            self._form = form
            # The first of a scan may be lost; where numbers do not begin at 1, it is the first.
            self._number, self._scan = header.number, 0
            self._place = header.number - 1 if 1 <= header.number <= NUMBERS // 2 else 0
            self._place %= self._announced[0] * self._announced[1]
            yield Began(self._announced, header.shape)
        elif form != self._form:
            raise ValueError(f"a frame of {form} in a scan of {self._form}")
        pixels = np.frombuffer(message[header.length :], TYPES[header.code]).reshape(header.shape)
        frames.append((header.number, pixels))

    def _together(self, frames):
        if not frames:
            return
        numbers, slabs = zip(*frames, strict=True)
        # Their rows come from the bottom up.
        slab = np.stack(slabs)[:, ::-1]
        slab = np.ascontiguousarray(slab, slab.dtype.newbyteorder("="))
        counts, pixels = electrons_in(slab)
        total = self._announced[0] * self._announced[1]
        places = np.array([self._placed(number) for number in numbers])
        scans = places // total
        for scan in np.unique(scans):
            if scan < self._scan:
                raise ValueError("a frame of a scan that is over")
            if scan > self._scan:
                # Without another text, scan follows scan.
                self._scan = scan
                yield Over("Frames of the next scan came before it was whole.")
            some = scans == scan
            yield Frames(counts[some], pixels[np.repeat(some, counts)], places[some] % total)

    def _placed(self, number):
        """Place of a frame, counted from the scan's first, by its number."""
        step = (number - self._number + NUMBERS // 2) % NUMBERS - NUMBERS // 2
        if step > 0:
            self._number, self._place = number, self._place + step
            return self._place
        return self._place + step


class MerlinWords:
    """What Merlin says of a scan: see `recon.live.senders.over_tcp.Words`."""

    def before(self, scan: ElectronEvents, number: int) -> bytes:
        """See `Words`."""
        height, width = scan.scan_shape
        lines = [
            "HDR,",
            f"Frames in Acquisition (Number):\t{height * width}",
            f"Frames per Trigger (Number):\t{width}",
            f"ScanX:\t{width}",
            f"ScanY:\t{height}",
            "End\t",
        ]
        return _message("\n".join(lines).encode("latin-1"))

    def frames(self, scan: ElectronEvents, first: int, last: int) -> Iterator[bytes]:
        """See `Words`; counts of 16 bits."""
        size = scan.frame_shape[0] * scan.frame_shape[1]
        for frame in range(first, last):
            pixels = scan.pixels[scan.offsets[frame] : scan.offsets[frame + 1]]
            counts = np.bincount(pixels, minlength=size).reshape(scan.frame_shape)
            if counts.max() > 0xFFFF:
                raise LiveError(f"{counts.max()} electrons on a pixel do not fit 16 bits.")
            content = counts[::-1].astype(">u2").tobytes()
            yield _message(_header((frame + 1) % NUMBERS, scan.frame_shape) + content)

    def after(self, number: int) -> bytes:
        """See `Words`; nothing: the frames were announced."""
        return b""


def _message(content):
    return b"MPX,%010d," % (len(content) + 1) + content


def _header(number, shape):
    number, height, width = f"{number:06}", f"{shape[0]:04}", f"{shape[1]:04}"
    fields = ["MQ1", number, f"{HEADER:05}", "01", width, height, "U16", "   1x1", "01"]
    fields += ["2020-01-01 00:00:00.000000", "0.001000", *"000", "1.2E+2", "5.11E+2"]
    fields += [*["0.0E+0"] * 6, "3RX", *["000"] * 27, "MQ1A"]
    fields += ["2020-01-01T00:00:00.000000000Z", "1000000ns", "12"]
    return ",".join(fields).encode().ljust(HEADER)
