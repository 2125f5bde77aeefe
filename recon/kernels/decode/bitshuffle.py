"""Chunks that Bitshuffle compressed with LZ4, as Dectris detectors write them, on all cores.

Everything read from a chunk is checked before it is used: no number in it can lead a loop out of
the chunk or of the room for its elements.

    chunk   8 bytes of all elements, 4 bytes of a block (both big-endian), blocks, rest
    block   4 bytes of its compressed size (big-endian), LZ4 of its bit planes
    rest    the last elements, up to seven, as they are

Sources: Masui et al., Astronomy and Computing 12 (2015) 181 (Bitshuffle); LZ4 block format
description (Y. Collet).
"""

import numpy as np
from numba import njit, prange

from recon.kernels import parallel
from recon.kernels.decode.integers import big_endian
from recon.kernels.wide import trailing_zeros

HEADER = 12
"""Bytes before the blocks of a chunk."""

SPARSE = 2
"""Bit planes with more than one bit set among 64 elements, beyond which all are transposed."""

DEFAULT_BLOCK = 8192
"""Bytes of a block where the writer was not told how many."""


@njit(cache=True, nogil=True)
def _more(raw, at, end, length):
    """A length that goes on in further bytes, and where they end; negative if they do not."""
    while True:
        if at >= end:
            return np.int64(-1), at
        byte = np.int64(raw[at])
        at += 1
        length += byte
        if byte != 255:
            return length, at


@njit(cache=True, nogil=True)
def _copy(source, target):
    for index in range(target.size):
        target[index] = source[index]


@njit(cache=True, nogil=True)
def decompress(raw, at, end, out, stop):
    """Whether the LZ4 block `raw[at:end]` is sound and fills `out[:stop]`, which it does.

    `raw` and `out` are uint8; 0 <= at <= end <= raw.size and stop <= out.size.
    """
    place = np.int64(0)
    while at < end:
        token = np.int64(raw[at])
        at += 1
        length = token >> 4
        if length == 15:
            length, at = _more(raw, at, end, length)
        if length < 0 or length > end - at or length > stop - place:
            return False
        _copy(raw[at : at + length], out[place : place + length])
        at += length
        place += length
        if at == end:
            return place == stop  # The last sequence has literals only.
        if end - at < 2:
            return False
        back = np.int64(raw[at]) | np.int64(raw[at + 1]) << np.int64(8)
        at += 2
        length = token & 15
        if length == 15:
            length, at = _more(raw, at, end, length)
            if length < 0:
                return False
        length += 4
        if back == 0 or back > place or length > stop - place:
            return False
        # What is repeated has a period of `back`, then of twice that: parts do not overlap.
        while length > 0:
            part = min(length, back)
            _copy(out[place - back : place - back + part], out[place : place + part])
            place += part
            length -= part
            back += part
    return False


@njit(cache=True, nogil=True)
def _transposed(x):
    """A matrix of 8 × 8 bits transposed (Warren, Hacker's Delight, section 7-3)."""
    t = (x ^ (x >> np.uint64(7))) & np.uint64(0x00AA00AA00AA00AA)
    x = x ^ t ^ (t << np.uint64(7))
    t = (x ^ (x >> np.uint64(14))) & np.uint64(0x0000CCCC0000CCCC)
    x = x ^ t ^ (t << np.uint64(14))
    t = (x ^ (x >> np.uint64(28))) & np.uint64(0x00000000F0F0F0F0)
    return x ^ t ^ (t << np.uint64(28))


@njit(cache=True, nogil=True)
def _eight(planes, first, stride, size, out, at):
    """Byte of eight elements from the bytes of their eight bit planes."""
    x = np.uint64(0)
    for bit in range(8):
        x |= np.uint64(planes[first + bit * stride]) << np.uint64(8 * bit)
    if x:
        x = _transposed(x)
        for element in range(8):
            out[at + element * size] = np.uint8((x >> np.uint64(8 * element)) & np.uint64(255))


@njit(cache=True, nogil=True)
def unshuffle(words, elements, size, out):
    """Elements of `size` bytes from their bit planes, into `out`, which is zero.

    Parameters
    ----------
    words : (W,) uint64 array
        The bytes of the planes, one plane after the other: of each byte of an element, the
        lowest bit first; element 0 in the lowest bit.
    elements : int
        A multiple of eight.
    out : (elements * size,) uint8 array
    """
    planes = words.view(np.uint8)
    stride = elements // 8
    for byte in range(size):
        first = 8 * byte * stride
        if stride % 8:
            for group in range(stride):
                _eight(planes, first + group, stride, size, out, group * 8 * size + byte)
            continue
        step = stride // 8
        for word in range(step):
            # Most bits of a detector's counts are zero: those of 64 elements in few steps.
            number, some = 0, np.uint64(0)
            for bit in range(8):
                one = words[(8 * byte + bit) * step + word]
                some |= one
                number += 1 if one & (one - np.uint64(1)) else 0
            if not some:
                continue
            if number <= SPARSE:
                for bit in range(8):
                    one = words[(8 * byte + bit) * step + word]
                    while one:
                        element = 64 * word + np.int64(trailing_zeros(one))
                        out[element * size + byte] |= np.uint8(1 << bit)
                        one &= one - np.uint64(1)
                continue
            for group in range(8 * word, 8 * word + 8):
                _eight(planes, first + group, stride, size, out, group * 8 * size + byte)


@njit(cache=True, nogil=True)
def _chunk(raw, size, out):
    """Whether a chunk is sound and fills `out`, which is zero."""
    if raw.size < HEADER or out.size % size:
        return False
    block = big_endian(raw, 8, 4)
    if big_endian(raw, 0, 8) != out.size or block % (8 * size):
        return False
    if block == 0:
        block = max(np.int64(128), DEFAULT_BLOCK // size // 8 * 8) * size
    at, place = np.int64(HEADER), np.int64(0)
    words = np.empty((min(block, out.size) + 7) // 8, np.uint64)
    while True:
        # The last block is shorter; elements come in eights.
        length = min(block, (out.size - place) // (8 * size) * (8 * size))
        if length == 0:
            break
        if raw.size - at < 4:
            return False
        packed = big_endian(raw, at, 4)
        at += 4
        if packed > raw.size - at:
            return False
        if not decompress(raw, at, at + packed, words.view(np.uint8), length):
            return False
        unshuffle(words, length // size, size, out[place : place + length])
        at += packed
        place += length
    if raw.size - at != out.size - place:
        return False
    for index in range(out.size - place):
        out[place + index] = raw[at + index]
    return True


@parallel
def chunks(raw, starts, sizes, size, out, sound):
    """Decode chunks into the rows of `out`; `sound` says which of them could be.

    Parameters
    ----------
    raw : (N,) uint8 array
        Chunks as stored.
    starts, sizes : (C,) int64 arrays
        Where each lies in `raw`, and its bytes; they must lie within it.
    size : int
        Bytes of an element.
    out : (C, B) uint8 array
        Bytes of all elements of each chunk; must be zero.
    sound : (C,) bool array
    """
    for index in prange(starts.size):
        piece = raw[starts[index] : starts[index] + sizes[index]]
        sound[index] = _chunk(piece, size, out[index])
