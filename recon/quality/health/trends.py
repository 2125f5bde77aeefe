"""Faults that run over the scan: drift of the beam's current, flyback, descan."""

from math import isfinite

import numpy as np
from scipy.special import stdtrit

from recon.quality.health.finding import Finding

TOO_SMALL = "The scan is too small to tell."
FLYBACK = {
    "none": "no flyback column",
    "dropped": "the flyback column dropped",
    "kept": "the flyback column kept",
}
"""`Source.flyback` in words."""

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
    places, means = places / max(values.size - 1, 1), means - means.mean()
    places -= places.mean()
    width = places @ places
    slope = places @ means / width
    scatter = np.sum((means - slope * places) ** 2) / (number - 2)
    return float(slope), float(np.sqrt(scatter / width))


def beyond_chance(slope, error, number) -> bool:
    """Whether a slope of `trend` differs from zero, with a chance of error of 0.01."""
    return bool(abs(slope) > _limit(DOUBT / 2, min(BLOCKS, number) - 2) * error)


def _limit(chance, spare):
    """How many standard errors Student's t exceeds by that chance.

    Of `scipy.special`: to import `scipy.stats` takes a fifth of a second.
    """
    return -stdtrit(max(spare, 1), chance)


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
        error = difference.std(ddof=1) / np.sqrt(len(difference))
        numbers = difference.mean(), error, beside.mean()
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


def drift_found(counts, empty) -> Finding:
    """Whether the counts (Sy, Sx) change from row to row, but for frames that are `empty`."""
    rows = lines(counts, 1, ~empty)
    mean = max(rows.mean(), 1e-9)
    slope, error = (float(100 * v / mean) for v in trend(rows))
    sure = beyond_chance(slope, error, rows.size) and abs(slope) > 2
    return Finding(
        "beam current",
        {"drift over the scan": (slope, "%"), "error": (error, "%")},
        "ok" if not sure else "bad" if abs(slope) > 20 else "look",
        f"Counts change by {slope:+.2f} ± {error:.2f} % from the first row to the last."
        if isfinite(error)
        else TOO_SMALL,
        "The current or the specimen's thickness drifts: compare with a scan of vacuum."
        if sure
        else "",
        rows,
    )


def flyback_found(events, counts, com, empty):
    """The first and the last column against the three beside each."""
    worst = []
    if min(counts.shape) < 8:
        return Finding("flyback", {}, "ok", TOO_SMALL)
    recorded = ~empty
    # An edge may hold nothing because the beam was off on its way back; not where others do, too.
    lit = recorded.copy()
    if recorded.any(0)[1:-1].all():
        lit[:, [0, -1]] = True
    images = {
        "counts": (counts, lit, 0.1),
        "COM y": (com[0], recorded, 0.5),
        "COM x": (com[1], recorded, 0.5),
    }
    values = {}
    for name, (image, keep, least) in images.items():
        sides = edge_columns(image, keep)
        for column, (d, error, beside, rows) in zip(("first", "last"), sides, strict=True):
            unit, scale = "px", 1
            if name == "counts":
                # Of what the columns beside hold: no column holds 100 % less.
                unit, scale = "%", 100
                d, error = (v / beside if beside > 0 else 0.0 for v in (d, error))
            values[f"{name}, {column} column"] = (scale * d, unit)
            # Two sides, three images, both signs.
            limit = _limit(DOUBT / 12, rows - 1)
            if abs(d) > max(limit * error, least):
                told = f"{float(f'{scale * d:.2g}'):+g} {unit}"
                worst.append(f"the {column} column's {name} by {told}")
    return Finding(
        "flyback",
        values,
        "look" if worst else "ok",
        "Differs from its neighbours: " + ", ".join(worst) + "."
        if worst
        else f"No column stands out; {FLYBACK[events.source.flyback]}.",
        "It looks like the beam's way back: drop this column." if worst else "",
        counts.mean(0),
    )


def descan_found(com, radius, empty) -> Finding:
    """Whether the centres of mass (2, Sy, Sx) [pixels] move over the scan.

    `com` is left without its mean.
    """
    shift, error = descan(com, ~empty if empty.any() else None)
    names = [(i, j) for i in range(2) for j in range(2)]
    values = {}
    for i, j in names:
        name = f"disc along {'yx'[i]} {('down', 'across')[j]} the scan"
        values[name] = float(shift[i, j]), "px"
        values[name + ", error"] = float(error[i, j]), "px"
    least = max(0.1, 0.02 * (radius or 0))
    sure = [
        abs(shift[n]) > least and beyond_chance(shift[n], error[n], com.shape[1 + n[1]])
        for n in names
    ]
    told = [n for n in names if isfinite(error[n])]
    middle = com.mean((1, 2), keepdims=True)
    if middle.any():
        # In its place: memory that nobody wrote to takes no room.
        com -= middle
    worst = max(told, key=lambda n: abs(shift[n]), default=None)
    return Finding(
        "descan",
        values,
        "look" if any(sure) else "ok",
        f"The centres of mass move by up to {abs(shift[worst]):.2g} ± {error[worst]:.1g} px over "
        "the scan."
        if told
        else TOO_SMALL,
        "Correct the descan at the microscope; phases of long waves carry a ramp."
        if any(sure)
        else "",
        com,
    )
