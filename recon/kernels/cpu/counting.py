"""Electrons in raw frames: pixels above the noise, local maxima or clusters, and their centroids.

A pixel's value is (raw - dark) / gain - row offset - column offset, in double precision. It need
not be computed for most pixels: at a given background threshold, each pixel has a raw number of
its own above which it is looked at, and 64 of them are compared at a time.

Frames are (n, P) arrays, P = Ky * Kx. Each part of a slab is worked on by one thread and writes
its own row of `pixels` and `subpixel`, in the order of the frames; so results do not depend on the
number of threads. A part that finds more than a row holds goes on counting, so that the caller
can try again with longer rows.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange

from recon.kernels import parallel
from recon.kernels.wide import WIDE, above, trailing_zeros

BAND = 8
"""Detector rows that are looked at in one go."""

FINE = 16
"""Parts of a pixel along each axis, to which a centroid is given."""


class Room(NamedTuple):
    """What a thread counts a frame in.

    Attributes
    ----------
    hot, at : (P,) uint32 arrays
        Pixels above their limits, and the places in `values` of those above the background.
    values : ((Ky + 2) * (Kx + 2),) float64 array
        See `_survey`.
    rows, columns : float64 arrays
        Common offsets of each row and column; empty if there are none.
    """

    hot: Any
    at: Any
    values: Any
    rows: Any
    columns: Any


@njit(cache=True, error_model="numpy")
def _find(frame, limits, hot):
    """Pixels of a frame above their limits, in raster order, into `hot`; their number."""
    found = 0
    whole = frame.size - frame.size % WIDE
    for start in range(0, whole, WIDE):
        word = above(frame, limits, start)
        while word:
            hot[found] = np.uint32(start) + np.uint32(trailing_zeros(word))
            found += 1
            word &= word - np.uint64(1)
    for pixel in range(whole, frame.size):
        if frame[pixel] > limits[pixel]:
            hot[found] = pixel
            found += 1
    return found


@njit(cache=True, error_model="numpy")
def _value(frame, pixel, y, x, dark, gain, rows, columns, saturation, level):
    """Corrected value of a pixel in double precision; 0 where the gain is infinite: a dead one."""
    if gain[pixel] == np.inf:
        return 0.0
    raw = np.float64(frame[pixel])
    if raw >= saturation:
        return level
    value = (raw - dark[pixel]) / gain[pixel]
    if rows.size:
        value -= rows[y]
    if columns.size:
        value -= columns[x]
    return value


@njit(cache=True, error_model="numpy")
def _background(values, number, reach):
    """Mean of the values within `reach` of their median, which electrons do not move much."""
    if number == 0:
        return 0.0
    middle = np.median(values[:number])
    total, near = 0.0, 0
    for index in range(number):
        if abs(values[index] - middle) <= reach:
            total += values[index]
            near += 1
    return total / near if near else middle


@njit(cache=True, error_model="numpy")
def _offsets(frame, camera, rows, columns):
    """Background of each row, then of each column, where there are any."""
    width, _, dark, gain, saturation, level, reach, _ = camera
    height = frame.size // width
    none = np.empty(0)
    line = np.empty(max(width, height))
    for y in range(rows.size):
        number = 0
        for x in range(width):
            p = y * width + x
            if gain[p] != np.inf:
                line[number] = _value(frame, p, y, x, dark, gain, none, none, saturation, level)
                number += 1
        rows[y] = _background(line, number, reach)
    for x in range(columns.size):
        number = 0
        for y in range(height):
            p = y * width + x
            if gain[p] != np.inf:
                line[number] = _value(frame, p, y, x, dark, gain, rows, none, saturation, level)
                number += 1
        columns[x] = _background(line, number, reach)


@njit(cache=True, error_model="numpy")
def _place(y, x, width):
    """Pixel of a centroid (y, x) rounded to 1/16 pixel, and where in it: nibbles y, x.

    A nibble n lies (n - 8) / 16 pixels from the pixel's centre.
    """
    fine_y, fine_x = np.int64(np.floor(y * FINE + 0.5)), np.int64(np.floor(x * FINE + 0.5))
    fine_y, fine_x = fine_y + FINE // 2, fine_x + FINE // 2
    pixel = fine_y // FINE * width + fine_x // FINE
    return np.uint32(pixel), np.uint8(fine_y % FINE << 4 | fine_x % FINE)


@njit(cache=True, error_model="numpy")
def _survey(frame, hot, start, camera, rows, columns, values, at):
    """Put the values of candidates into `values`, and their places there into `at`; their number.

    `hot` counts from `start`, the first pixel of a row.
    `values` is a frame with a margin of one pixel, zero but for the candidates: so that whatever
    is beside a pixel, or beyond the detector's edge, reads as no rival of it.
    """
    width, _, dark, gain, saturation, level, background, _ = camera
    y, found = start // width, 0
    before = start
    for index in range(hot.size):
        pixel = before + np.int64(hot[index])
        while pixel >= start + width:
            y += 1
            start += width
        x = pixel - start
        value = _value(frame, pixel, y, x, dark, gain, rows, columns, saturation, level)
        if value > background:
            place = (y + 1) * (width + 2) + x + 1
            values[place] = value
            at[found] = place
            found += 1
    return found


@njit(cache=True, error_model="numpy")
def _is_peak(values, place, stride):
    """Whether no neighbour is higher; of equal neighbours the first in raster order is the peak."""
    peak = values[place]
    return (
        values[place - stride - 1] < peak
        and values[place - stride] < peak
        and values[place - stride + 1] < peak
        and values[place - 1] < peak
        and values[place + 1] <= peak
        and values[place + stride - 1] <= peak
        and values[place + stride] <= peak
        and values[place + stride + 1] <= peak
    )


@njit(cache=True, error_model="numpy")
def _centroid(frame, place, width, dark, gain, rows, columns, saturation, level, values):
    """Centroid (y, x) of the 3 × 3 pixels about a peak, those below zero left out."""
    height = frame.size // width
    y, x = place // (width + 2) - 1, place % (width + 2) - 1
    weights, sum_y, sum_x = values[place], 0.0, 0.0
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            j, i = y + dy, x + dx
            if (dy == 0 and dx == 0) or j < 0 or i < 0 or j >= height or i >= width:
                continue
            value = values[place + dy * (width + 2) + dx]
            if value == 0:
                value = _value(
                    frame, j * width + i, j, i, dark, gain, rows, columns, saturation, level
                )
            if value > 0:
                weights += value
                sum_y += dy * value
                sum_x += dx * value
    return y + sum_y / weights, x + sum_x / weights


@njit(cache=True, error_model="numpy")
def _cluster(seed, width, values, stack):
    """Peak and centroid (y, x) of the pixels connected to a seed, diagonals included.

    What has been visited is negative in `values`.
    """
    stride = width + 2
    seed_y, seed_x = seed // stride, seed % stride
    weights, sum_y, sum_x, peak = 0.0, 0.0, 0.0, 0.0
    stack[0], waiting = seed, 1
    values[seed] = -values[seed]
    while waiting:
        waiting -= 1
        place = np.int64(stack[waiting])
        value = -values[place]
        y, x = place // stride, place % stride
        peak = max(peak, value)
        weights += value
        sum_y += (y - seed_y) * value
        sum_x += (x - seed_x) * value
        for line in range(place - stride, place + stride + 1, stride):
            for other in range(line - 1, line + 2):
                if values[other] > 0:
                    values[other] = -values[other]
                    stack[waiting] = other
                    waiting += 1
    return peak, seed_y - 1 + sum_y / weights, seed_x - 1 + sum_x / weights


@njit(cache=True, error_model="numpy")
def _count_frame(frame, camera, clusters, room, number, pixels, subpixel):
    """Electrons up to and with this frame's, put behind the `number` that there are."""
    # Out of the tuples once: each look into them would count a reference.
    width, _, dark, gain, saturation, level, _, xray = camera
    hot, at, values, rows, columns = room
    size, most = frame.size, pixels.size
    common = rows.size > 0 or columns.size > 0
    if common:
        _offsets(frame, camera, rows, columns)
    # Maxima are judged a band behind, while all that is about them is in the nearest cache.
    step = size if clusters or common else BAND * width
    surveyed, judged, cleared = 0, 0, 0
    for start in range(0, size, step):
        stop = min(start + step, size)
        if common:
            candidates = size
            for pixel in range(size):
                hot[pixel] = pixel
        else:
            candidates = _find(frame[start:stop], camera.limits[start:stop], hot)
        surveyed += _survey(
            frame, hot[:candidates], start, camera, rows, columns, values, at[surveyed:]
        )
        # Those whose row below has been surveyed.
        reach = values.size if stop == size else stop // width * (width + 2)
        while judged < surveyed and at[judged] < reach:
            place = np.int64(at[judged])
            judged += 1
            if clusters:
                if values[place] < 0:
                    continue
                peak, y, x = _cluster(place, width, values, hot)
            else:
                if not _is_peak(values, place, width + 2):
                    continue
                peak = values[place]
                if peak < xray:
                    y, x = _centroid(
                        frame, place, width, dark, gain, rows, columns, saturation, level, values
                    )
            if peak < xray:
                if number < most:
                    pixels[number], subpixel[number] = _place(y, x, width)
                number += 1
        if stop < size:
            reach -= width + 2
        while cleared < judged and at[cleared] < reach:
            values[at[cleared]] = 0.0
            cleared += 1
    return number


@parallel
def count(frames, camera, clusters, common, counts, found, pixels, subpixel):
    """Electrons of a slab of frames.

    Parameters
    ----------
    frames : (n, P) array
    camera : Camera
    clusters : bool
        Whether connected pixels are one electron, or each local maximum is.
    common : (2,) bool array
        Whether the background of each row, of each column, is subtracted.
    counts : (n,) int64 array
        Filled with the electrons of each frame.
    found : (parts,) int64 array
        Filled with the electrons of each part.
    pixels : (parts, most) uint32 array
        Filled with their pixels.
    subpixel : (parts, most) uint8 array
        Filled with their places in the pixel.
    """
    parts = found.size
    for part in prange(parts):
        size, width = frames.shape[1], camera.width
        height = size // width
        room = Room(
            np.empty(size, np.uint32),
            np.empty(size, np.uint32),
            np.zeros((height + 2) * (width + 2)),
            np.empty(height if common[0] else 0),
            np.empty(width if common[1] else 0),
        )
        number = 0
        first, last = part * frames.shape[0] // parts, (part + 1) * frames.shape[0] // parts
        for f in range(first, last):
            before = number
            number = _count_frame(
                frames[f], camera, clusters, room, number, pixels[part], subpixel[part]
            )
            counts[f] = number - before
        found[part] = number
