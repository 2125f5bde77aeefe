"""Loops over raw Timepix3 packets, from words of 64 bits to hits.

Times of hits are whole numbers of 25/16 ns. A hit in order is one word: its time since the start
of a batch, its pixel and its time over threshold, so that sorting words sorts hits by time, and
equal files give equal results on any number of cores.

Packets: SERVAL manual 3.2, "TPX3 raw file format"; 3.3 and later add the packets 0x50 (count) and
0x5 (shutter, heartbeat). Orientation of the four chips: tpx3awkward 0.1 (BSD-3), which follows
the manufacturer's C++ example.
"""

import numpy as np
from numba import njit, prange

from recon.kernels import parallel

MAGIC = 0x33585054
"""The letters TPX3, which begin a chunk."""
CHIP = 256
"""Pixels along a chip."""
PERIOD = 1 << 34
"""After which the time of a hit begins anew: 26.8 s in units of 25/16 ns. Triggers and global
times begin anew after a multiple of it and are reduced to it, so that all agree."""
TIME_BITS, PIXEL_BITS, TOT_BITS = 35, 18, 10
JUMP = 1 << 29
"""0.84 s: a step in time beyond which one chunk alone is not believed."""
SAMPLES = 9
"""Hits of a chunk that are asked for the time."""

START, WORDS, CHIP_INDEX, HITS, TRIGGERS, UNTIMED, UNKNOWN, TIME, FIRST, LAST = range(10)
"""Columns of the table of chunks."""


@njit(cache=True, nogil=True)
def walk(words, first, table):
    """Find the chunks that begin in `words` from `first` on.

    Parameters
    ----------
    words : (N,) uint64 array
        A stretch of the file.
    first : int
        Where to begin.
    table : (C, 10) int64 array
        START, WORDS (as the header says, whether they are there or not) and CHIP_INDEX of each
        chunk, filled in place.

    Returns
    -------
    chunks, next, stray : int
        Chunks found, where the next one should begin, and words that belong to none.
    """
    place, chunks, stray = first, 0, 0
    while place < words.size and chunks < table.shape[0]:
        word = words[place]
        if word & np.uint64(0xFFFFFFFF) != np.uint64(MAGIC):
            stray += 1
            place += 1
            continue
        size = np.int64(word >> np.uint64(48)) >> 3
        table[chunks, START] = place + 1
        table[chunks, WORDS] = size
        table[chunks, CHIP_INDEX] = np.int64(word >> np.uint64(32)) & 255
        chunks += 1
        place += 1 + size
    return chunks, place, stray


@njit(cache=True, nogil=True)
def hit_time(word):
    """Time of a hit since the last roll-over, in units of 25/16 ns."""
    coarse = np.int64(word & np.uint64(0xFFFF)) << 14 | np.int64(word >> np.uint64(30)) & 0x3FFF
    return (coarse << 4) - np.int64(word >> np.uint64(16) & np.uint64(15))


@njit(cache=True, nogil=True)
def trigger_time(word):
    """Time of a trigger since the last roll-over, in units of 25/96 ns."""
    fine = np.int64(word >> np.uint64(5)) & 15
    return (np.int64(word >> np.uint64(9)) & ((1 << 35) - 1)) * 12 + max(fine - 1, 0)


@njit(cache=True, nogil=True)
def nearest(time, reference, period):
    """The time that is `time` after some roll-over, nearest to `reference`."""
    return reference + (time - reference + period // 2) % period - period // 2


@parallel
def survey(words, table):
    """Count the packets of each chunk of `table` whose words are here, and ask it for the time.

    Fills HITS, TRIGGERS, UNTIMED (hits of a mode without time), UNKNOWN, and TIME, in units of
    25/16 ns modulo `PERIOD`: the median of some hits or, if there are none, the last global time
    or trigger; -1 if nothing tells.
    """
    for chunk in prange(table.shape[0]):
        row = table[chunk]
        stretch = words[row[START] : row[START] + row[WORDS]]
        hits, triggers, untimed, unknown = 0, 0, 0, 0
        other = np.int64(-1)
        for index in range(stretch.size):
            word = stretch[index]
            kind = word >> np.uint64(60)
            if kind == 0xB:
                hits += 1
            elif kind == 0x6:
                triggers += 1
                other = trigger_time(word) // 6
            elif kind == 0xA:
                untimed += 1
            elif kind == 0x4:
                if word >> np.uint64(56) == 0x44:
                    other = (np.int64(word >> np.uint64(16)) & 0xFFFFFFFF) << 4
            elif kind != 0x5 and kind != 0x7:
                unknown += 1
        row[HITS], row[TRIGGERS], row[UNTIMED], row[UNKNOWN] = hits, triggers, untimed, unknown
        if hits:
            samples = np.empty(min(hits, SAMPLES), np.int64)
            taken, seen = 0, 0
            for index in range(stretch.size):
                if stretch[index] >> np.uint64(60) == 0xB:
                    if seen == taken * hits // samples.size:
                        samples[taken] = hit_time(stretch[index])
                        taken += 1
                        if taken == samples.size:
                            break
                    seen += 1
            # Seen from one of them: a roll-over may lie among the samples.
            for index in range(1, samples.size):
                samples[index] = nearest(samples[index], samples[0], PERIOD)
            samples.sort()
            row[TIME] = samples[samples.size // 2] % PERIOD
        else:
            row[TIME] = other % PERIOD if other >= 0 else other


@njit(cache=True, nogil=True)
def unroll(table, reference):
    """Replace TIME of each chunk by the time without roll-overs; -1 stays.

    Each chunk is taken to be near the one before. One that is more than `JUMP` away is believed
    only if the next one confirms it: a damaged packet must not shift all that follows.

    Parameters
    ----------
    table : (C, 10) int64 array
        Chunks in the order of the file.
    reference : (3,) int64 array
        Carried from one call to the next: the time of the chunk before (-1: none yet), the time
        of one not yet believed (-1: none), and the number of those that were not confirmed.
    """
    for chunk in range(table.shape[0]):
        row = table[chunk]
        if row[TIME] < 0:
            row[TIME] = reference[0]
            continue
        if reference[0] < 0:
            # Above zero, so that hits before the first one have a time too.
            reference[0] = row[TIME] + PERIOD
        time = nearest(row[TIME], reference[0], PERIOD)
        if abs(time - reference[0]) <= JUMP:
            reference[0], reference[1] = time, -1
        elif reference[1] >= 0 and abs(time - reference[1]) <= JUMP:
            reference[0], reference[1] = time, -1
            reference[2] -= 1
        else:
            reference[1] = time
            reference[2] += 1
        row[TIME] = time


@parallel
def extent(words, table):
    """Fill FIRST and LAST: times of the earliest and latest hit of each chunk; 1, 0 if none."""
    for chunk in prange(table.shape[0]):
        row = table[chunk]
        stretch = words[row[START] : row[START] + row[WORDS]]
        first, last = np.int64(1), np.int64(0)
        for index in range(stretch.size):
            if stretch[index] >> np.uint64(60) == 0xB:
                time = nearest(hit_time(stretch[index]), row[TIME], PERIOD)
                if last < first:
                    first, last = time, time
                else:
                    first, last = min(first, time), max(last, time)
        row[FIRST], row[LAST] = first, last


@njit(cache=True, nogil=True)
def triggers(words, table, kinds, times):
    """All triggers of the chunks, in the order of the file.

    `kinds` (T,) uint8 gets 0xf, 0xa (rising, falling edge of the first input), 0xe or 0xb
    (second), `times` (T,) int64 the time in units of 25/96 ns.
    """
    count = 0
    for chunk in range(table.shape[0]):
        if table[chunk, TRIGGERS]:
            for index in range(table[chunk, START], table[chunk, START] + table[chunk, WORDS]):
                if words[index] >> np.uint64(60) == 0x6:
                    kinds[count] = np.int64(words[index] >> np.uint64(56)) & 15
                    time = trigger_time(words[index])
                    times[count] = nearest(time, 6 * table[chunk, TIME], 6 * PERIOD)
                    count += 1


@njit(cache=True, nogil=True)
def shutter(words, table):
    """Time [25/16 ns], modulo `PERIOD`, at which the shutter opened; -1 if no packet says so."""
    for chunk in range(table.shape[0]):
        for index in range(table[chunk, START], table[chunk, START] + table[chunk, WORDS]):
            if words[index] >> np.uint64(56) == 0x5F:
                return (np.int64(words[index] >> np.uint64(12)) << 4) % PERIOD
    return np.int64(-1)


@njit(cache=True, nogil=True)
def _pixel(word, chip, quad):
    """Linear index of the pixel that a hit names, on one chip or on four.

    The address is the double column, the block of four rows, and the place in it.
    """
    address = np.int64(word >> np.uint64(44)) & 0xFFFF
    x = (address & 0xFE00) >> 8 | (address & 4) >> 2
    y = (address & 0x01F8) >> 1 | address & 3
    if not quad:
        return y * CHIP + x
    if chip == 0:
        x += CHIP
    elif chip == 1:
        x, y = 2 * CHIP - 1 - x, 2 * CHIP - 1 - y
    elif chip == 2:
        x, y = CHIP - 1 - x, 2 * CHIP - 1 - y
    return y * (2 * CHIP) + x


@parallel
def count(words, table, first, last, out):
    """Hits of each chunk with first <= time < last into `out` (C,) int64."""
    for chunk in prange(table.shape[0]):
        row = table[chunk]
        stretch = words[row[START] : row[START] + row[WORDS]]
        number = 0
        for index in range(stretch.size):
            if stretch[index] >> np.uint64(60) == 0xB:
                time = nearest(hit_time(stretch[index]), row[TIME], PERIOD)
                number += first <= time < last
        out[chunk] = number


@parallel
def extract(words, table, first, last, quad, starts, out):
    """The hits that `count` counted, each as one word, from `starts` (C,) on into `out`."""
    for chunk in prange(table.shape[0]):
        row = table[chunk]
        stretch = words[row[START] : row[START] + row[WORDS]]
        target = starts[chunk]
        for index in range(stretch.size):
            word = stretch[index]
            if word >> np.uint64(60) == 0xB:
                time = nearest(hit_time(word), row[TIME], PERIOD)
                if first <= time < last:
                    tot = np.int64(word >> np.uint64(20)) & 0x3FF
                    pixel = _pixel(word, row[CHIP_INDEX], quad)
                    out[target] = pack(time - first, pixel, tot)
                    target += 1


@njit(cache=True, nogil=True)
def pack(time, pixel, tot):
    """A hit as one word, in the order of time, pixel and time over threshold."""
    return np.uint64(time << (PIXEL_BITS + TOT_BITS) | pixel << TOT_BITS | tot)


@njit(cache=True, nogil=True)
def _record(record, centre, reach):
    """(time, pixel, tot) of a record of a `.t3p` file; time -1 where it makes no sense.

    It makes none with a pixel beyond the chip, or more than `reach` away from `centre`.

    Four words: pixel; time (64 bits, 25 ns); then overflow (8 bits), fine time (8 bits, which
    counts back in 25/16 ns) and time over threshold (16 bits).
    """
    coarse = np.int64(record[1]) | np.int64(record[2]) << 32
    fine, tot = np.int64(record[3] >> 8) & 0xFF, np.int64(record[3] >> 16)
    if record[0] >= CHIP * CHIP or coarse < 0 or coarse >= 1 << 48 or fine > 15:
        return np.int64(-1), np.int64(0), np.int64(0)
    time = (coarse << 4) - fine + 16
    if abs(time - centre) > reach:
        return np.int64(-1), np.int64(0), np.int64(0)
    return time, np.int64(record[0]), min(tot, (1 << TOT_BITS) - 1)


@parallel
def extent_of_records(records, block, centre, reach, out):
    """Records that make sense, first and last time of each block into `out` (B, 3) int64.

    `records` (N, 4) uint32 is read in blocks of `block` rows. Times are in units of 25/16 ns.
    """
    for b in prange(out.shape[0]):
        number, first, last = 0, np.int64(1), np.int64(0)
        for index in range(b * block, min((b + 1) * block, records.shape[0])):
            time, _, _ = _record(records[index], centre, reach)
            if time >= 0:
                first = min(first, time) if number else time
                last = max(last, time) if number else time
                number += 1
        out[b, 0], out[b, 1], out[b, 2] = number, first, last


@parallel
def hits_of_records(records, block, centre, reach, first, last, starts, counts, out):
    """Hits of each block with first <= time < last: `counts` (B,), and into `out` from `starts`.

    With an empty `out` they are only counted.
    """
    for b in prange(starts.size):
        number = 0
        for index in range(b * block, min((b + 1) * block, records.shape[0])):
            time, pixel, tot = _record(records[index], centre, reach)
            if first <= time < last:
                if out.size:
                    out[starts[b] + number] = pack(time - first, pixel, tot)
                number += 1
        counts[b] = number
