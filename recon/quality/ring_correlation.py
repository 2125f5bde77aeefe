"""What of an image is signal: correlation of two independent halves, ring by ring in frequency."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from recon.sums.window import HANN

CHANCE = 0.01
"""Cases of two images of noise in which some ring is taken for an agreement, at most."""


LEAST_WIDTH, MOST_RINGS = 2, 64
"""Of `ring_width`: pixels of the spectrum, and rings up to the limit."""

CRITERIA = ("1/7", "half bit", "3 sigma")


@dataclass(frozen=True, eq=False)
class RingCorrelation:
    """Fourier ring correlation of two images of the same field.

    Attributes
    ----------
    q : (n,) float64 array
        Mean spatial frequency of each ring [1/Å].
    correlation : (n,) float64 array
        Re Σ F1 F2* / sqrt(Σ |F1|² Σ |F2|²) over the ring, from -1 to 1.
    count : (n,) int64 array
        Independent frequencies in the ring, one of each ±q.
    """

    q: np.ndarray
    correlation: np.ndarray
    count: np.ndarray

    @property
    def snr(self) -> np.ndarray:
        """(n,) ratio of signal to noise power of both halves together, 2 FRC / (1 - FRC)."""
        limited = np.clip(self.correlation, 0, 1 - 1e-9)
        return 2 * limited / (1 - limited)


def ring_correlation(
    one, other, sampling, width: float | None = None, limit: float = np.inf
) -> RingCorrelation:
    """Fourier ring correlation of two images made from independent halves of the electrons.

    Parameters
    ----------
    one, other : (Sy, Sx) arrays
        Real images, such as two phases.
    sampling : (float, float)
        Distance of pixels along (y, x) [Å].
    width : float, optional
        Width of a ring [1/Å]; by default the coarser step of the two frequency axes.
    limit : float, optional
        Frequency [1/Å] beyond which the images hold nothing, such as 2 k0.

    Returns
    -------
    RingCorrelation
        Rings up to the limit and the lower one of the axes' highest frequencies, DC left out.

    Raises
    ------
    ValueError
        If the images differ in shape, hold what is not finite, or the width is not positive.

    Notes
    -----
    Saxton & Baumeister, J. Microsc. 127, 127 (1982). Images are multiplied by a Hann window, as
    the seam between opposite edges is the same in both halves and would pass for signal.
    """
    one, other = (np.asarray(image, float) for image in (one, other))
    if one.ndim != 2 or one.shape != other.shape or min(one.shape) < 4:
        raise ValueError(
            "Two images of one shape of at least 4 × 4 are correlated, not "
            f"{' × '.join(map(str, one.shape))} and {' × '.join(map(str, other.shape))}."
        )
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise ValueError("An image to be correlated holds values that are not finite.")
    rows, columns = one.shape
    q_y, q_x = np.fft.fftfreq(rows, sampling[0]), np.fft.rfftfreq(columns, sampling[1])
    width = max(1 / (rows * sampling[0]), 1 / (columns * sampling[1])) if width is None else width
    if not width > 0:
        raise ValueError(f"The rings' width must be positive, not {width} 1/Å.")
    window = np.outer(*(np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in one.shape))
    spectra = [np.fft.rfft2((image - image.mean()) * window) for image in (one, other)]
    # The column at DC, and that at Nyquist, hold both ±q: half of them.
    weight = np.ones((rows, q_x.size))
    weight[:, 0] = 0.5
    if columns % 2 == 0:
        weight[:, -1] = 0.5
    radius = np.hypot(q_y[:, None], q_x)
    ring = np.rint(radius / width).astype(int)
    # The window spreads DC over its neighbours.
    far = (ring > 0) & (radius <= min(abs(q_y).max(), q_x.max(), limit))
    number = int(ring[far].max()) + 1 if far.any() else 1

    def add_up(values):
        return np.bincount(ring[far], (values * weight)[far], number)[1:]

    first, second = (np.abs(s) ** 2 for s in spectra)
    cross = add_up((spectra[0] * spectra[1].conj()).real)
    norm = np.sqrt(add_up(first) * add_up(second))
    count = add_up(np.ones_like(radius))
    q = add_up(radius) / np.maximum(count, 0.5)
    correlation = np.divide(cross, norm, out=np.zeros_like(cross), where=norm > 0)
    return RingCorrelation(q, correlation, np.maximum(np.rint(count), 1).astype(int))


def ring_width(shape, sampling, limit: float) -> float:
    """Width of rings [1/Å] that a resolution can be read off, of images kept up to `limit` [1/Å].

    Between the peaks of a crystal a ring of one pixel holds nothing, and would pass for the end:
    rings are two pixels wide, as is what the window blurs, and at most 64 up to the limit.
    """
    pixel = max(1 / (n * step) for n, step in zip(shape, sampling, strict=True))
    return max(LEAST_WIDTH * pixel, limit / MOST_RINGS)


def threshold(curve: RingCorrelation, criterion: str = "1/7") -> np.ndarray:
    """(n,) correlation that a ring must reach to count as resolved.

    Parameters
    ----------
    criterion : {"1/7", "half bit", "3 sigma"}
        Fixed at 1/7; half a bit of information in each Fourier coefficient; three standard
        deviations of pure noise.

    Raises
    ------
    ValueError
        For another criterion.

    Notes
    -----
    Rosenthal & Henderson, J. Mol. Biol. 333, 721 (2003); van Heel & Schatz, J. Struct. Biol. 151,
    250 (2005), Eq. 17.
    """
    root = np.sqrt(curve.count)
    if criterion == "1/7":
        return np.full(curve.q.size, 1 / 7)
    if criterion == "half bit":
        return (0.2071 + 1.9102 / root) / (1.2071 + 0.9102 / root)
    if criterion == "3 sigma":
        return np.minimum(3 / root, 1.0)
    raise ValueError(f"The criterion is one of {', '.join(CRITERIA)}, not {criterion!r}.")


def significant(curve: RingCorrelation, together: int = 1) -> np.ndarray:
    """(n,) bool: rings that two images of nothing but noise would hardly correlate in.

    Fisher's transform of the correlation exceeds what all rings together reach by chance in half
    of `CHANCE` of all cases. The window makes neighbouring frequencies share what they hold: of a
    ring's 2 n real numbers, 2 n / 3.78 are independent, with Σ ρ² = 1 + 2 (4/9 + 1/36) along
    each axis for a Hann window.

    Parameters
    ----------
    together : int
        Neighbouring rings that are tested together, for what is too weak in each of them.
    """
    independent = 2 * curve.count / HANN**2
    deviations = np.arctanh(np.clip(curve.correlation, -1, 1 - 1e-9)) * np.sqrt(independent)
    # The sum that weak correlation of all of them raises most, again of variance one.
    root = np.sqrt(independent)
    pooled = _over(deviations * root, together) / np.sqrt(_over(independent, together))
    tests = curve.q.size * (1 if together == 1 else len(_widths(curve)))
    return pooled > ndtri(1 - CHANCE / 2 / tests)


def _widths(curve):
    """Numbers of neighbouring rings that are tested together, of an odd number each."""
    return [3, *(n for n in (5, 9, 17, 33) if n <= curve.q.size)]


def _over(values, together):
    """Sums over each ring and its neighbours."""
    padded = np.pad(values, together // 2)
    return np.convolve(padded, np.ones(together), "valid")


def _pooled(curve, together):
    """The curve with each ring's correlation that of it and its neighbours."""
    count = _over(curve.count, together)
    correlation = _over(curve.correlation * curve.count, together) / count
    return RingCorrelation(curve.q, correlation, np.rint(count).astype(int))


def resolution(curve: RingCorrelation, criterion: str = "1/7") -> float | None:
    """Period [Å] down to which the halves agree; None where they do not agree at all.

    The last ring before the correlation first falls below the threshold for two rings in a row,
    interpolated: a single ring between two lattice peaks holds nothing, and is no end. It is
    looked for from the first ring on that agrees beyond chance: a crystal holds nothing at low
    frequencies. Where no ring does by itself, neighbouring ones are taken together, of as few as
    then agree.
    """
    for together in (1, *_widths(curve)):
        sure = significant(curve, together)
        if sure.any():
            return _end(_pooled(curve, together) if together > 1 else curve, sure, criterion)
    return None


def _end(curve, sure, criterion):
    """`resolution` of a curve whose rings are sure where it says so."""
    limit = threshold(curve, criterion)
    agrees = np.flatnonzero(sure & (curve.correlation >= limit) & (limit < 1))
    if not agrees.size:
        return None
    # A ring so small that nothing could pass says nothing.
    below = (curve.correlation < limit) & (limit < 1)
    lost = np.flatnonzero(below & np.append(below[1:], True))
    lost = lost[lost > agrees[0]]
    if not lost.size:
        return float(1 / curve.q[-1])
    end = int(lost[0])
    above, under = (curve.correlation - limit)[end - 1 : end + 1]
    share = above / (above - under) if above > under else 0.0
    return float(1 / (curve.q[end - 1] + share * (curve.q[end] - curve.q[end - 1])))
