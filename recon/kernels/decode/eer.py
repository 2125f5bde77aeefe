"""Loops over Falcon EER files: the chain of their TIFF directories, and the codes of their frames.

Everything read from the file is checked before it is used: no number in it can lead a loop out of
the window or make it run longer than the window is large.
"""

import numpy as np
from numba import njit, prange

from recon.kernels import parallel
from recon.kernels.decode.integers import little_endian

WIDTH, HEIGHT, COMPRESSION, SKIP, HORIZONTAL, VERTICAL, FIRST_STRIP, STRIPS = range(8)
"""Columns of the table of directories."""

DONE, ELSEWHERE, FULL, DAMAGED = range(4)
"""Why `walk` came back."""

SIZES = np.array([0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8], np.int64)
"""Bytes of one value of each TIFF type."""


@njit(cache=True, nogil=True)
def _value(window, place, kind, index):
    """Unsigned integer `index` of an entry's values at `place`; -1 if it is none."""
    if kind not in (1, 3, 4, 16):
        return np.int64(-1)
    return little_endian(window, place + index * SIZES[kind], SIZES[kind])


@njit(cache=True, nogil=True)
def walk(window, base, address, large, limit, table, strips):
    """Follow the chain of directories as far as the window reaches.

    Parameters
    ----------
    window : (N,) uint8 array
        Bytes of the file from `base` on.
    address : int
        Of the first directory.
    large : bool
        Whether this is BigTIFF.
    limit : int
        Bytes of the file; strips must lie before it.
    table : (P, 8) int64 array
        One row a directory, filled in place; 0 where a tag is absent, -1 strips where the
        directory's strips are no plain list.
    strips : (S, 2) int64 array
        Address and bytes of each strip, filled in place.

    Returns
    -------
    reason : int
        DONE, ELSEWHERE (the next directory is not wholly in the window), FULL or DAMAGED.
    address : int
        The directory at which to go on, or the damaged one.
    directories, strips : int
        How many rows were filled.

    Notes
    -----
    TIFF 6.0, section 2; BigTIFF (Aware Systems, 2008): counts and addresses of eight bytes.
    """
    head, entry, word = (8, 20, 8) if large else (2, 12, 4)
    rows, filled = 0, 0
    while address != 0:
        if address < 0 or address + head > limit:
            return DAMAGED, address, rows, filled
        place = address - base
        if place < 0 or place + head > window.size:
            return ELSEWHERE, address, rows, filled
        entries = little_endian(window, place, head)
        end = head + entries * entry + word
        if entries < 1 or entries > 4096 or address + end > limit:
            return DAMAGED, address, rows, filled
        if place + end > window.size:
            return ELSEWHERE, address, rows, filled
        if rows == table.shape[0]:
            return FULL, address, rows, filled
        row = table[rows]
        row[:] = 0
        where, sizes = np.zeros(2, np.int64), np.zeros(2, np.int64)
        kinds, counts = np.zeros(2, np.int64), np.zeros(2, np.int64)
        for e in range(entries):
            at = place + head + e * entry
            tag, kind = little_endian(window, at, 2), little_endian(window, at + 2, 2)
            count, at = little_endian(window, at + 4, word), at + 4 + word
            if tag == 273 or tag == 279:
                which = 0 if tag == 273 else 1
                size = SIZES[kind] if kind < SIZES.size else 0
                kinds[which], counts[which] = kind, count
                if count < 0 or count > limit or size == 0:
                    return DAMAGED, address, rows, filled
                sizes[which] = count * size
                where[which] = (
                    at if count * size <= word else little_endian(window, at, word) - base
                )
                continue
            column = -1
            if tag == 256:
                column = WIDTH
            elif tag == 257:
                column = HEIGHT
            elif tag == 259:
                column = COMPRESSION
            elif 65007 <= tag <= 65009:
                column = SKIP + tag - 65007
            if column >= 0:
                row[column] = _value(window, at, kind, 0) if count == 1 else -1
        row[FIRST_STRIP] = filled
        if counts[0] != counts[1]:
            row[STRIPS] = -1
        else:
            if filled + counts[0] > strips.shape[0]:
                return FULL, address, rows, filled
            for which in range(2):
                if where[which] + base < 0 or where[which] + base > limit - sizes[which]:
                    return DAMAGED, address, rows, filled
                if where[which] < 0 or where[which] > window.size - sizes[which]:
                    return ELSEWHERE, address, rows, filled
                for index in range(counts[0]):
                    value = _value(window, where[which], kinds[which], index)
                    strips[filled + index, which] = value
            row[STRIPS] = counts[0]
            for index in range(filled, filled + counts[0]):
                start, size = strips[index]
                if start < 0 or size < 0 or start > limit - size:
                    row[STRIPS] = -1
            filled += counts[0]
        rows += 1
        address = little_endian(window, place + end - word, word)
    return DONE, address, rows, filled


@njit(cache=True, nogil=True)
def _sixteenths(code, bits):
    """Sub-pixel position as `recon.io.events.eer` stores it: sixteenths, 8 in the middle."""
    if bits == 0:
        return 8
    step = code ^ (1 << (bits - 1))
    return ((2 * step + 1) << 3) >> bits


@njit(cache=True, nogil=True)
def _decode(words, place, end, pixels_in_frame, skip, horizontal, vertical, pixels, subpixel):
    """Electrons of one frame into `pixels` and `subpixel`; their number, and how it ended.

    The codes are the bits `place` to `end` of `words` (uint64), after which one more word is
    there. The ending is 0 where they lead exactly to the detector's end, 1 where they stop
    before, and 2 where they lead beyond.
    """
    longest = (1 << skip) - 1
    code = skip + horizontal + vertical
    x_mask, y_mask = (1 << horizontal) - 1, (1 << vertical) - 1
    count, position = 0, 0
    while position < pixels_in_frame:
        if place + skip > end:
            return count, 1
        shift = np.uint64(place & 63)
        bits = words[place >> 6] >> shift
        # Two shifts: one by 64 is undefined.
        bits |= (words[(place >> 6) + 1] << np.uint64(1)) << (np.uint64(63) - shift)
        run = np.int64(bits & np.uint64(longest))
        position += run
        if run == longest:
            place += skip
            continue
        if position >= pixels_in_frame:
            break
        if place + code > end:
            return count, 1
        x = np.int64(bits >> np.uint64(skip)) & x_mask
        y = np.int64(bits >> np.uint64(skip + horizontal)) & y_mask
        pixels[count] = position
        subpixel[count] = _sixteenths(y, vertical) << 4 | _sixteenths(x, horizontal)
        count += 1
        position += 1
        place += code
    return count, 2 if position > pixels_in_frame else 0


@parallel
def decode(window, base, table, strips, starts, pixels_in_frame, pixels, subpixel, counts, ends):
    """Decode frames, each into its own room.

    Parameters
    ----------
    window : (N,) uint8 array
        Bytes of the file from `base` on, with all strips of these frames, and at least eight
        more; their number is a multiple of eight.
    table : (P, 8) int64 array
        Directories of the frames as `walk` leaves them, with the bits of each frame's codes.
    strips : (S, 2) int64 array
        Address and bytes of each strip; the strips of a frame are read as one.
    starts : (P,) int64 array
        Where each frame's room begins in `pixels` and `subpixel`.
    pixels : (C,) uint32 array
        Linear indices, filled in place.
    subpixel : (C,) uint8 array
        Sixteenths of a pixel, y in the high four bits, 8 in the middle; filled in place.
    counts, ends : (P,) int64 array
        Electrons of each frame, and how it ended (see `_decode`).

    Notes
    -----
    Guo et al., IUCrJ 7, 860 (2020): each electron is the number of empty pixels before it, then
    its place in the pixel along x and y as two's complement. The longest run stands for empty
    pixels alone. The lowest bit of a byte comes first.
    """
    for index in prange(table.shape[0]):
        row = table[index]
        begin, number = row[FIRST_STRIP], row[STRIPS]
        words, place, size = window.view(np.uint64), strips[begin, 0] - base, strips[begin, 1]
        if number > 1:
            size = strips[begin : begin + number, 1].sum()
            words = np.empty(size // 8 + 2, np.uint64)
            joined, place = words.view(np.uint8), 0
            for strip in range(begin, begin + number):
                source, length = strips[strip, 0] - base, strips[strip, 1]
                joined[place : place + length] = window[source : source + length]
                place += length
            place = 0
        counts[index], ends[index] = _decode(
            words,
            8 * place,
            8 * (place + size),
            pixels_in_frame,
            row[SKIP],
            row[HORIZONTAL],
            row[VERTICAL],
            pixels[starts[index] :],
            subpixel[starts[index] :],
        )


@parallel
def gather(starts, counts, targets, room, room_subpixel, pixels, subpixel):
    """Move each frame's electrons from its room to their place among those of all frames."""
    for frame in prange(starts.size):
        source, target, count = starts[frame], targets[frame], counts[frame]
        pixels[target : target + count] = room[source : source + count]
        subpixel[target : target + count] = room_subpixel[source : source + count]
