"""Sparse matrices of counts, one row a scan position, as events."""

import numpy as np

from recon.errors import UnreadableFile
from recon.io.scanning import candidates, fill, pair
from recon.scan import spill as room
from recon.scan.events import ElectronEvents, Source

SPARSEST = 1 << 22
"""Positions that a scan may have however few electrons there are."""
LARGEST_DETECTOR = 1 << 27
MOST = 1 << 33
"""Electrons that counts may stand for in memory."""
PIECE = 1 << 22
"""Counts that are looked at in one go."""


def events_from_sparse(matrix, *, scan_shape=None, frame_shape=None) -> ElectronEvents:
    """Events of a sparse array of counts.

    Parameters
    ----------
    matrix : scipy.sparse array or matrix, or any object with `coords`, `data` and `shape`
        Of shape (positions, pixels), or (Sy, Sx, Ky, Kx) as `sparse.COO` can have it. Counts are
        whole numbers; those above one become that many electrons. A pixel that is listed twice
        has the sum.
    scan_shape, frame_shape : (int, int), optional
        Of a matrix with two dimensions. A detector is taken to be square if nothing is said.

    Raises
    ------
    ValueError
        If the shape has to be told, or counts are negative, not whole, or outside the matrix.
    """
    if getattr(matrix, "format", None) not in (None, "csr", "csc", "coo"):
        matrix = matrix.tocsr()
    shape = tuple(int(length) for length in matrix.shape)
    source = Source("memory", f"sparse array of shape {' × '.join(map(str, shape))}")
    if getattr(matrix, "format", None) in ("csr", "csc"):
        parts = (matrix.indptr, matrix.indices, matrix.data)
        return from_compressed(
            *parts, shape, matrix.format == "csc", scan_shape, frame_shape, source=source
        )
    return from_coordinates(
        np.asarray(matrix.coords), matrix.data, shape, scan_shape, frame_shape, source=source
    )


def shapes(shape, scan_shape, frame_shape):
    """((Sy, Sx), (Ky, Kx)) of an array of this shape, where need be as was asked for.

    Raises
    ------
    UnreadableFile
        If something has to be told, or what was told does not fit.
    """
    if len(shape) == 4:
        for asked, found, of in (
            (scan_shape, shape[:2], "scan"),
            (frame_shape, shape[2:], "detector"),
        ):
            if asked is not None and pair(asked, of) != found:
                raise UnreadableFile(f"the {of} has {found[0]} × {found[1]}, not {asked}")
        found = shape[:2], shape[2:]
    elif len(shape) == 2:
        found = fill(shape[0], scan_shape), detector(shape[1], frame_shape)
    else:
        raise UnreadableFile(
            f"a sparse array needs two dimensions (position, pixel) or four, not {len(shape)}"
        )
    if min(*found[0], *found[1]) < 1:
        raise UnreadableFile(f"the array is empty: its shape is {shape}")
    if found[1][0] * found[1][1] > LARGEST_DETECTOR:
        raise UnreadableFile("no detector has {} × {} pixels".format(*found[1]))
    return found


def detector(pixels, asked=None):
    """(Ky, Kx) of a detector of so many pixels: square, unless something else was asked for."""
    if asked is None:
        side = round(pixels**0.5) if 0 < pixels <= LARGEST_DETECTOR else 0
        if side * side != pixels or not pixels:
            offered = candidates(pixels) if 0 < pixels <= LARGEST_DETECTOR else []
            hint = " or ".join(f"{height} × {width}" for height, width in offered)
            raise UnreadableFile(
                f"{pixels} pixels are no square detector"
                + (f": is it {hint}? Give frame_shape as (rows, columns)" if hint else "")
            )
        return side, side
    height, width = pair(asked, "detector")
    if height * width != pixels:
        raise UnreadableFile(f"{pixels} pixels do not fill a detector of {height} × {width}")
    return height, width


def from_compressed(
    indptr, indices, data, shape, columns, scan_shape, frame_shape, *, source, most=MOST
):
    """Events of compressed sparse rows, or `columns`."""
    scan_shape, frame_shape = shapes(shape, scan_shape, frame_shape)
    indptr, lines = _whole(indptr, "indptr"), shape[1] if columns else shape[0]
    if indptr.shape != (lines + 1,):
        raise UnreadableFile(f"indptr has {indptr.size} entries for {lines} lines: damaged")
    indptr = indptr.astype(np.int64)
    if indptr[0] != 0 or indptr[-1] != len(indices) or np.any(indptr[1:] < indptr[:-1]):
        raise UnreadableFile(
            f"indptr does not rise from 0 to the {len(indices)} stored counts: damaged"
        )
    if not columns:
        pixels, offsets = counted(indices, data, indptr, shape[1], most)
        return ElectronEvents(pixels, offsets, scan_shape, frame_shape, source=source)
    pixel = np.repeat(np.arange(lines), np.diff(indptr))
    coords = np.stack([_whole(indices, "indices").astype(np.int64), pixel])
    return from_coordinates(coords, data, shape, scan_shape, frame_shape, source=source, most=most)


def from_coordinates(coords, data, shape, scan_shape, frame_shape, *, source, most=MOST):
    """Events of counts listed with (position, pixel), or (y, x, ky, kx)."""
    scan_shape, frame_shape = shapes(shape, scan_shape, frame_shape)
    size = scan_shape[0] * scan_shape[1]
    if size > max(SPARSEST, 64 * len(data)):
        raise UnreadableFile(
            "a scan of {} × {} positions is too large for {} counts".format(*scan_shape, len(data))
        )
    coords = _whole(coords, "coords")
    if coords.shape != (len(shape), len(data)):
        raise UnreadableFile(
            f"coordinates of shape {coords.shape} do not fit {len(data)} counts in "
            f"{len(shape)} dimensions"
        )
    for axis, length in enumerate(shape):
        if len(data) and (coords[axis].min() < 0 or coords[axis].max() >= length):
            raise UnreadableFile(
                f"a coordinate of axis {axis} lies outside its {length} entries: damaged"
            )
    coords = coords.astype(np.int64)
    if len(shape) == 4:
        coords = np.stack([coords[0] * shape[1] + coords[1], coords[2] * shape[3] + coords[3]])
    positions, pixel = coords
    if np.any(positions[1:] < positions[:-1]):
        order = np.argsort(positions, kind="stable")
        positions, pixel, data = positions[order], pixel[order], np.asarray(data)[order]
    offsets = np.concatenate([[0], np.cumsum(np.bincount(positions, minlength=size))])
    pixels, offsets = counted(pixel, data, offsets, frame_shape[0] * frame_shape[1], most)
    return ElectronEvents(pixels, offsets, scan_shape, frame_shape, source=source)


def counted(indices, data, offsets, detector_pixels, most):
    """Electrons of counts: (pixels, offsets) with each index as often as its count says.

    Parameters
    ----------
    indices : (N,) integer array, or one in a file
        Linear pixel of each count; uint32 is kept as it is where all counts are one.
    data : (N,) array or one in a file, or None where all are one
        Whole numbers.
    offsets : (F + 1,) int64 array
        Where each position begins among the counts.
    detector_pixels : int
        Indices are smaller.
    most : int
        Electrons that there may be.

    Raises
    ------
    UnreadableFile
        If an index lies outside, a count is negative or no whole number, or there are too many.
    """
    if data is not None and len(data) != len(indices):
        raise UnreadableFile(f"{len(data)} counts do not fit {len(indices)} indices: damaged")
    pieces = range(0, len(indices), PIECE)
    total, plain = 0, True
    for first in pieces:
        some = np.asarray(indices[first : first + PIECE])
        _whole(some, "indices")
        below = some.dtype.kind != "u" and some.min() < 0
        if below or some.max() >= detector_pixels:
            bad = some[(some < 0) | (some >= detector_pixels)][0]
            position = int(np.searchsorted(offsets, first + np.argmax(some == bad), "right")) - 1
            raise UnreadableFile(
                f"pixel index {bad} at scan position {position} lies outside the detector of "
                f"{detector_pixels} pixels"
            )
        if data is not None:
            part = np.asarray(data[first : first + PIECE])
            # As nearly all are: nothing is to be converted then.
            if part.dtype.kind in "iub" and (part == 1).all():
                total += part.size
            else:
                counts = _counts(part, most)
                plain = plain and bool(np.all(counts == 1))
                total += int(counts.sum())
            if total > most:
                raise UnreadableFile(
                    f"its counts make more than {most} electrons: open it as dense frames"
                )
    if plain and indices.dtype == np.uint32:
        return indices, offsets
    if plain:
        pixels = room.array(len(indices))
        for first in pieces:
            pixels[first : first + PIECE] = indices[first : first + PIECE]
        return pixels, offsets
    pixels, new, done = room.array(total), np.zeros_like(offsets), 0
    for first in pieces:
        counts = _counts(np.asarray(data[first : first + PIECE]), most)
        number = int(counts.sum())
        pixels[done : done + number] = np.repeat(indices[first : first + PIECE], counts)
        inside = slice(*np.searchsorted(offsets, [first, first + counts.size], side="right"))
        sums = np.concatenate([[0], np.cumsum(counts)])
        new[inside] = done + sums[offsets[inside] - first]
        done += number
    return pixels, new


def _counts(data, most):
    """Counts as int64."""
    if data.dtype.kind not in "iufb":
        raise UnreadableFile(f"counts must be numbers, not {data.dtype}")
    # Written so that NaN is refused.
    if not np.all(data >= 0):
        raise UnreadableFile(f"a count of {data[~(data >= 0)][0]} is none")
    if np.any(data > most):
        raise UnreadableFile(
            f"a count of {data.max()} is more than {most} electrons: open it as dense frames"
        )
    counts = data.astype(np.int64)
    if data.dtype.kind == "f" and np.any(counts != data):
        bad = data[counts != data][0]
        raise UnreadableFile(f"a count of {bad} is no whole number: open it as dense frames")
    return counts


def _whole(array, name):
    array = np.asarray(array)
    if array.dtype.kind not in "iu":
        raise UnreadableFile(f"{name} must be integers, not {array.dtype}")
    return array
