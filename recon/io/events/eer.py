"""Falcon's electron-event representation (`.eer`), one TIFF page a scan position.

    compression   bits of a code: run of empty pixels, place along x, along y
    65000         8, 2, 2
    65001         7, 2, 2
    65002         as the tags 65007, 65008 and 65009 of the page say

Pages compressed in another way (a sum of all frames, say) are passed over. No file is known to
say how its frames fill a scan: the shape has to be asked for. The acquisition's metadata (tag
65001) state the number of frames and the exposure.

Sub-pixel places become sixteenths of a pixel, (n - 8) / 16 pixels from its centre, in one byte an
electron with y in the high four bits: exact for up to three bits along each axis.

Pages are found and decoded by compiled loops: a Python object a page would take longer than all
the rest for the 10^5 to 10^6 positions of a scan.

Sources: Guo et al., IUCrJ 7, 860 (2020); TIFF 6.0; BigTIFF.
"""

import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recon.errors import UnreadableFile
from recon.io.files.slabs import fill as fill_from
from recon.io.metadata import known_metadata
from recon.io.scanning import fill, without_last_column
from recon.kernels.decode import eer as kernels
from recon.scan.events import ElectronEvents, Source

NAME = "Falcon EER"
OPTIONS: dict[str, str] = {}
CODES = {65000: (8, 2, 2), 65001: (7, 2, 2)}
"""Bits of the run and of the places along x and y, by compression."""
VARIABLE = 65002
WINDOW = 1 << 26
"""Bytes of the file looked at in one go."""
PATIENCE = 4
"""How many times the size of the file is read at most, however its pages are strewn over it."""
LARGEST_FRAME = 1 << 27
"""Pixels of a detector."""
ACQUISITION = 65001
"""Tag of the acquisition's metadata."""
LARGEST_TEXT = 1 << 20


@dataclass(frozen=True)
class Frames:
    """The electrons of an EER file, page after page.

    Parameters
    ----------
    pixels : (E,) uint32 array
        Linear indices.
    subpixel : (E,) uint8 array
        Sixteenths of a pixel, y in the high four bits, 8 in the middle.
    offsets : (F + 1,) int64 array
        Where each frame begins.
    frame_shape : (Ky, Kx)
        Detector pixels.
    bits : (int, int, int)
        Of the runs and of the places along x and y.
    short, long : int
        Frames whose codes end before the detector's last pixel, and beyond it.
    """

    pixels: np.ndarray
    subpixel: np.ndarray
    offsets: np.ndarray
    frame_shape: tuple[int, int]
    bits: tuple[int, int, int]
    short: int
    long: int


def matches(path: Path) -> bool:
    """Whether the file is a TIFF, one of whose first pages has the compression of EER."""
    with open(path, "rb", buffering=0) as file:
        try:
            table, _ = _pages(_File(file), most=8)
        except UnreadableFile:
            return False
    return bool(np.any(_is_eer(table)))


def read(path: Path, *, keep_flyback=None, scan_shape=None, progress) -> ElectronEvents:
    """Events of a file; see `recon.io.open_events`."""
    with open(path, "rb", buffering=0) as raw:
        file = _File(raw)
        table, strips = _pages(file)
        table = table[_is_eer(table)]
        shape = fill(len(table), scan_shape)
        stated = _stated(file)
        frames = decode_frames(file, table, strips, progress)
    events = ElectronEvents(
        frames.pixels,
        frames.offsets,
        shape,
        frames.frame_shape,
        _metadata(stated),
        Source(path.name, _describe(frames), notes=_doubts(frames, stated)),
        subpixel=frames.subpixel if sum(frames.bits[1:]) else None,
    )
    return without_last_column(events) if keep_flyback is False else events


class _File:
    """Windows of an open file; refuses to be read over and over."""

    def __init__(self, raw):
        self.raw = raw
        self.size = os.fstat(raw.fileno()).st_size
        self.left = PATIENCE * self.size + 8 * WINDOW
        head = self.window(0, 16).tobytes()
        version = struct.unpack_from("<H", head, 2)[0] if len(head) >= 8 else 0
        if head[:2] != b"II" or version not in (42, 43):
            raise UnreadableFile("this is no little-endian TIFF file")
        self.large = version == 43
        if self.large:
            if len(head) < 16 or struct.unpack_from("<HH", head, 4) != (8, 0):
                raise UnreadableFile("the header of the TIFF file is damaged")
            self.first = struct.unpack_from("<Q", head, 8)[0]
        else:
            self.first = struct.unpack_from("<I", head, 4)[0]
        if not 8 <= self.first < self.size:
            raise UnreadableFile("the TIFF file is truncated: its first page is not there")

    def window(self, start, size, spare=0):
        """(N,) uint8 bytes from `start` on, fewer than `size` at the end of the file.

        With `spare`, at least so many zeros follow, and N is a multiple of `spare`.
        """
        size = max(0, min(size, self.size - start))
        self.left -= size
        if self.left < 0:
            raise UnreadableFile("the pages are strewn over the file: it is damaged")
        room = -(-size // spare) * spare + spare if spare else size
        data = np.empty(room, np.uint8)
        data[size:] = 0
        fill_from(self.raw.fileno(), data[:size], start)
        return data


def _pages(file, most=None):
    """Tables of the pages and of their strips (see `kernels.walk`)."""
    tables, all_strips, strip_count, page_count = [], [], 0, 0
    address, base, window = file.first, 0, np.empty(0, np.uint8)
    reason, moved = kernels.ELSEWHERE, False
    room = 1 << 14 if most is None else most
    strip_room = 1 << 16
    while reason != kernels.DONE:
        if reason == kernels.ELSEWHERE:
            # A list of strips may lie before its directory.
            base = max(0, address - (WINDOW // 4 if moved else 1 << 16))
            window = file.window(base, WINDOW if most is None else 1 << 20)
        table, strips = np.empty((room, 8), np.int64), np.empty((strip_room, 2), np.int64)
        reason, address, pages, filled = kernels.walk(
            window, base, address, file.large, file.size, table, strips
        )
        if reason == kernels.DAMAGED:
            raise UnreadableFile(
                f"TIFF page {page_count + pages} is damaged or lies beyond the end of the file "
                f"({file.size} bytes): was the recording cut off?"
            )
        if pages == 0 and reason != kernels.DONE:
            if reason == kernels.FULL:
                strip_room *= 16
                if strip_room > max(file.size, 1 << 20):
                    raise UnreadableFile(f"TIFF page {page_count} has an absurd number of strips")
            elif moved:
                raise UnreadableFile(f"TIFF page {page_count} is strewn over the file: damaged")
            moved = reason == kernels.ELSEWHERE
        else:
            moved = False
        table = table[:pages].copy()
        table[:, kernels.FIRST_STRIP] += strip_count
        tables.append(table)
        all_strips.append(strips[:filled].copy())
        page_count += pages
        strip_count += filled
        # The smallest page takes 18 bytes; a chain of more pages than fit runs in a circle.
        if page_count > file.size // 18 or all_strips[-1][:, 1].sum() > file.size:
            raise UnreadableFile("the TIFF pages form a loop or overlap: the file is damaged")
        if most is not None and page_count >= most:
            break
        if reason == kernels.FULL:
            room = min(room * 2, 1 << 20)
    return np.concatenate(tables), np.concatenate(all_strips)


def _is_eer(table):
    compression = table[:, kernels.COMPRESSION]
    return (compression >= min(CODES)) & (compression <= VARIABLE)


def decode_frames(file, table, strips, progress) -> Frames:
    """Decode all pages of `table` on all cores, window by window.

    Raises
    ------
    UnreadableFile
        If the pages differ in shape or code, or their strips cannot be in the file.
    """
    frame_shape, bits = _uniform(table)
    table[:, kernels.SKIP : kernels.VERTICAL + 1] = bits
    sizes, low, high = _extents(table, strips)
    if sizes.sum() > file.size:
        raise UnreadableFile(
            f"the frames claim {sizes.sum()} bytes, more than the file has ({file.size}): damaged"
        )
    room = 8 * sizes // sum(bits)
    # Memory that is never written to is never taken from the system.
    pixels, subpixel = np.empty(room.sum(), np.uint32), np.empty(room.sum(), np.uint8)
    counts, ends = np.empty(len(table), np.int64), np.empty(len(table), np.int64)
    first, done = 0, 0
    while first < len(table):
        last = _reach(low, high, first)
        part = slice(first, last)
        base = int(low[part].min())
        window = file.window(base, int(high[part].max()) - base, spare=8)
        starts = np.cumsum(room[part]) - room[part]
        loose, loose_subpixel = (np.empty(room[part].sum(), t) for t in (np.uint32, np.uint8))
        kernels.decode(
            window,
            base,
            table[part],
            strips,
            starts,
            frame_shape[0] * frame_shape[1],
            loose,
            loose_subpixel,
            counts[part],
            ends[part],
        )
        targets = done + np.cumsum(counts[part]) - counts[part]
        kernels.gather(starts, counts[part], targets, loose, loose_subpixel, pixels, subpixel)
        done += int(counts[part].sum())
        first = last
        progress(first / len(table))
    # Shrinks in place: a copy would hold all electrons twice.
    pixels.resize(done, refcheck=False)
    subpixel.resize(done, refcheck=False)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    short, long = (int(np.count_nonzero(ends == ending)) for ending in (1, 2))
    return Frames(pixels, subpixel, offsets, frame_shape, bits, short, long)


def _uniform(table):
    """Shape and code that all frames share."""
    shapes = table[:, [kernels.HEIGHT, kernels.WIDTH]]
    height, width = (int(size) for size in shapes[0])
    if np.any(shapes != shapes[0]):
        other = int(np.argmax(np.any(shapes != shapes[0], axis=1)))
        raise UnreadableFile(
            f"frame {other} has {shapes[other, 0]} × {shapes[other, 1]} pixels, but frame 0 "
            f"{height} × {width}"
        )
    if min(height, width) < 1 or height > LARGEST_FRAME or height * width > LARGEST_FRAME:
        raise UnreadableFile(f"no detector has {height} × {width} pixels: the file is damaged")
    codes = table[:, kernels.SKIP : kernels.VERTICAL + 1]
    for compression, fixed in CODES.items():
        codes[table[:, kernels.COMPRESSION] == compression] = fixed
    skip, horizontal, vertical = (int(size) for size in codes[0])
    if np.any(codes != codes[0]):
        raise UnreadableFile("the frames are coded in different ways, which is not supported")
    if not (1 <= skip <= 16 and 0 <= horizontal <= 8 and 0 <= vertical <= 8):
        raise UnreadableFile(
            f"codes of {skip} bits for runs and {horizontal} and {vertical} for places in a pixel "
            "are not EER: the file is damaged"
        )
    return (height, width), (skip, horizontal, vertical)


def _extents(table, strips):
    """Bytes of each frame, and where in the file its strips begin and end."""
    numbers = table[:, kernels.STRIPS]
    if np.any(numbers < 1):
        bad = int(np.argmax(numbers < 1))
        raise UnreadableFile(f"the strips of frame {bad} are not in the file: it is damaged")
    where = np.repeat(table[:, kernels.FIRST_STRIP], numbers)
    start = np.cumsum(numbers) - numbers
    mine = strips[where + np.arange(where.size) - np.repeat(start, numbers)]
    sizes = np.add.reduceat(mine[:, 1], start)
    low = np.minimum.reduceat(mine[:, 0], start)
    return sizes, low, np.maximum.reduceat(mine.sum(axis=1), start)


def _reach(low, high, first):
    """The frame after the last one whose strips lie in one window with those of `first`."""
    some = slice(first, first + (1 << 16))
    lowest, highest = np.minimum.accumulate(low[some]), np.maximum.accumulate(high[some])
    fitting = int(np.searchsorted(highest - lowest, WINDOW, side="right"))
    return first + max(1, fitting)


def _stated(file):
    """What the acquisition's metadata say, by name; empty where there are none."""
    head, entry, word = (8, 20, 8) if file.large else (2, 12, 4)
    window = file.window(file.first, 1 << 16).tobytes()
    number = int.from_bytes
    entries = number(window[:head], "little")
    for place in range(head, min(head + entries * entry, len(window) - entry), entry):
        tag, kind = struct.unpack_from("<HH", window, place)
        count = number(window[place + 4 : place + 4 + word], "little")
        start = number(window[place + 4 + word : place + entry], "little")
        if tag == ACQUISITION and kind in (1, 2, 7) and word < count <= LARGEST_TEXT:
            text = file.window(start, count).tobytes().decode("utf-8", "replace")
            found = re.findall(r'<item name="(\w{1,64})"[^<>]{0,200}>([^<>]{0,1000})</item>', text)
            return {name: value.strip() for name, value in found}
    return {}


def _metadata(stated):
    """The camera's name, and the dwell time: a share of the exposure."""
    try:
        dwell = float(stated.get("exposureTime", "")) / int(stated.get("numberOfFrames", ""))
    except (ValueError, ZeroDivisionError, OverflowError):
        dwell = None
    return known_metadata({"description": stated.get("commercialName"), "dwell_time": dwell})


def _describe(frames):
    skip, horizontal, vertical = frames.bits
    places = f"{horizontal} + {vertical}" if horizontal + vertical else "no"
    return f"{NAME}, {skip}-bit runs, {places} sub-pixel bits"


def _doubts(frames, stated):
    notes = []
    number = len(frames.offsets) - 1
    if stated.get("numberOfFrames", "").isdecimal() and int(stated["numberOfFrames"]) != number:
        notes.append(
            f"The file states {stated['numberOfFrames'][:20]} frames, but holds {number}: "
            "was the recording cut off?"
        )
    if frames.long:
        notes.append(
            f"The codes of {frames.long} of {number} frames lead beyond the detector: "
            "these frames are damaged from some electron on."
        )
    if frames.short:
        notes.append(
            f"The codes of {frames.short} of {number} frames end before the detector does: "
            "these frames may be cut off."
        )
    return tuple(notes)
