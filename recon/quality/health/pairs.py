"""Double counts: electrons that a camera counted in two neighbouring pixels of one frame."""

import numpy as np
from numba import njit

from recon.quality.health.finding import Finding

SAMPLE = 4_000_000
"""Electrons looked at, in frames evenly over the scan."""

NEAR = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) > (0, 0)]
FAR = [
    (y, x)
    for y in range(0, 6)
    for x in range(-5, 6)
    if (y, x) > (0, 0) and 9 <= y * y + x * x <= 25
]


@njit(nogil=True, cache=True)
def _count(pixels, offsets, frames, height, width, shifts, hot, out):
    """Fill `out` with the repeats, then the pairs of each shift, in frames of `offsets`."""
    seen = np.zeros(height * width, np.int32)
    total = 0
    for frame in frames:
        first, last = offsets[frame], offsets[frame + 1]
        for i in range(first, last):
            if not hot[pixels[i]]:
                out[0] += seen[pixels[i]]
                seen[pixels[i]] += 1
                total += 1
        for i in range(first, last):
            if hot[pixels[i]]:
                continue
            y, x = pixels[i] // width, pixels[i] % width
            for s in range(shifts.shape[0]):
                v, u = y + shifts[s, 0], x + shifts[s, 1]
                if 0 <= v < height and 0 <= u < width:
                    out[1 + s] += seen[v * width + u]
        for i in range(first, last):
            seen[pixels[i]] = 0
    return total


def double_counts(events, pattern, hot):
    """(share, error, chance, repeats, expected repeats, electrons): pairs side by side.

    Parameters
    ----------
    events : ElectronEvents
    pattern : (Ky, Kx) array
        Its PACBED, on the host, zero where `hot`.
    hot : (Ky, Kx) bool array
        Pixels to leave out.

    Notes
    -----
    Pairs at distances of 3 to 5 pixels are chance; how many more chance brings into neighbouring
    pixels is the ratio of the PACBED's autocorrelations. `share` is the excess over chance per
    electron, `chance` what it exceeds; the error is that of the counts.
    """
    height, width = events.frame_shape
    frames = np.flatnonzero(np.diff(events.offsets))
    step = max(1, -(-events.electrons // SAMPLE))
    frames = frames[::step]
    shifts = np.array(NEAR + FAR)
    out = np.zeros(1 + len(shifts), np.int64)
    total = _count(events.pixels, events.offsets, frames, height, width, shifts, hot.ravel(), out)
    pattern = np.asarray(pattern, float)

    def correlation(dy, dx):
        if dy >= height or abs(dx) >= width:
            return 0.0
        a = pattern[: height - dy, max(0, -dx) : width - max(0, dx)]
        b = pattern[dy:, max(0, dx) : width + min(0, dx)]
        return float((a * b).sum())

    near, far = (sum(correlation(*s) for s in part) for part in (NEAR, FAR))
    same = max(0.0, float((pattern * (pattern - 1)).sum()) / 2)
    pairs, reference = out[1 : 1 + len(NEAR)].sum(), out[1 + len(NEAR) :].sum()
    scale = reference / far if far else 0.0
    chance = scale * near
    error = np.sqrt(max(pairs, 1) + chance**2 / max(reference, 1)) / max(total, 1)
    share = float((pairs - chance) / max(total, 1))
    return (
        share,
        float(error),
        float(chance / max(total, 1)),
        int(out[0]),
        float(scale * same),
        int(total),
    )


def pairs_found(events, pattern, hot) -> Finding:
    """Whether electrons were counted twice, as `double_counts` finds them."""
    share, error, chance, repeats, expected, total = double_counts(events, pattern, hot)
    # Patterns that change over the scan make pairs as well: up to a tenth of chance is theirs.
    sure = share > 5 * error and share > max(0.02, 0.1 * chance)
    again = repeats > max(expected, 1) * 1.5 + 5 * np.sqrt(expected + 1) and repeats > 1e-3 * total
    return Finding(
        "double counts",
        {
            "excess neighbours": (100 * share, "%"),
            "error": (100 * error, "%"),
            "neighbours by chance": (100 * chance, "%"),
            "repeated pixels in a frame": (repeats, ""),
            "of these by chance": (expected, ""),
        },
        "ok" if not (sure or again) else "bad" if sure and share > 0.1 else "look",
        f"{100 * share:.2f} ± {100 * error:.2f} % of the electrons have a neighbour beside them "
        f"beyond chance; {repeats} repeat a pixel of their frame.",
        "Electrons are counted twice: count again with a higher threshold; the dose is lower."
        if sure or again
        else "",
    )
