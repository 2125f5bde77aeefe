"""Faults that run over the scan: drift of the beam's current, flyback, descan."""

import numpy as np
from scipy import stats

DOUBT = 0.01
"""Chance of a false alarm of each trend."""

BLOCKS = 12


def trend(values):
    """(slope, error): of a straight line over the whole range of `values`, by weighted blocks.

    The values are averaged in twelve blocks, whose scatter about the line gives the error: what
    the specimen does over a twelfth of the scan counts as noise.
    """
    values = np.asarray(values, float)
    number = min(BLOCKS, values.size)
    if number < 4:
        return 0.0, np.inf
    means = np.array([part.mean() for part in np.array_split(values, number)])
    places = np.array([p.mean() for p in np.array_split(np.arange(values.size), number)])
    fit = stats.linregress(places / max(values.size - 1, 1), means)
    return float(fit.slope), float(fit.stderr)


def beyond_chance(slope, error, number) -> bool:
    """Whether a slope of `trend` differs from zero, with a chance of error of 0.01."""
    return bool(abs(slope) > stats.t.isf(DOUBT / 2, max(min(BLOCKS, number) - 2, 1)) * error)


def edge_columns(image, keep):
    """((difference, error, beside, rows), ...) of the first and the last column to three beside.

    Means over the `rows` that have both; `error` is that of the difference, from its scatter, and
    without bound where there are fewer than four of them.

    Parameters
    ----------
    image : (Sy, Sx) array
    keep : (Sy, Sx) bool array
        Frames that count.
    """
    found = []
    for part, kept in ((image, keep), (image[:, ::-1], keep[:, ::-1])):
        rows = kept[:, 0] & kept[:, 1:4].any(1)
        if rows.sum() < 4:
            found.append((0.0, np.inf, 0.0, 0))
            continue
        part, kept = np.asarray(part[rows, :4], float), kept[rows, 1:4]
        beside = part[:, 1:].sum(1, where=kept) / kept.sum(1)
        difference = part[:, 0] - beside
        numbers = difference.mean(), stats.sem(difference), beside.mean()
        found.append((*map(float, numbers), int(rows.sum())))
    return found


def lines(image, axis, keep=None):
    """Means along an axis over what is kept (as `image`, bool), of lines that have any of it."""
    if keep is None:
        return np.mean(image, axis)
    number = keep.sum(axis)
    sums = np.sum(image, axis, where=keep, dtype=float)
    return sums[number > 0] / number[number > 0]


def descan(com, keep=None):
    """(2, 2) shift [px] of the COM (y, x), over the scan's height and width, and its errors.

    Parameters
    ----------
    com : (2, Sy, Sx) array
    keep : (Sy, Sx) bool array, optional
        Frames that count.

    Notes
    -----
    Averages over columns leave the shift down the scan, those over rows the shift across it: both
    are independent of one another for a plane, and their scatter has the specimen's in it.
    """
    found = np.array([[trend(lines(part, axis, keep)) for axis in (1, 0)] for part in com])
    return found[..., 0], found[..., 1]
