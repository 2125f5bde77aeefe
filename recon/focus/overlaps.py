"""Entries of G in the sidebands of the object's strongest frequencies: where aberrations show.

G(k, q) = i Φ(q) P(k) γ, γ = exp(i [χ(k) - χ(k - q)]) - exp(i [χ(k + q) - χ(k)]), of which the right
sideband has the first term, the left one the second and the triple overlap both: up to one complex
number for each q, aberrations alone. The triple overlap is dark in focus; at a large defocus it
holds most of what there is.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from recon.specimen import Specimen
from recon.ssb.bright_field import OFFSETS
from recon.ssb.sidebands import Sidebands
from recon.ssb.tiles import entries_at, power_spectrum

NEAREST, FARTHEST = 0.02, 1.85
"""Frequencies outside this range, in units of k0, have hardly an overlap or only scan noise."""

FEWEST = 6
"""Entries in the sidebands of a frequency below which it says nothing of the aberrations."""


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Entries of the strongest frequencies, frequency after frequency.

    Attributes
    ----------
    values : (E,) complex128 array
        G(k, q).
    k : (2, E) float64 array
        Scattering vector (ky, kx) of each entry in the detector's frame [1/Å].
    right, left : (E,) float64 arrays
        1 where the first and where the second term of γ is there, 0 elsewhere; the share of a
        pixel that an edge cuts; times the weights of a specimen, if `through` one.
    weights : (E,) float64 array
        Variance of each entry for independent electrons, N P(k).
    starts : (M + 1,) int64 array
        The entries of frequency m are `starts[m]:starts[m + 1]`.
    q : (2, M) float64 array
        Frequencies (qy, qx) along the scan's axes [1/Å].
    k0, width, wavelength : float
        Radius of the aperture and width of a binned pixel [1/Å], wavelength [Å].
    rotation_deg, transpose
        How the scan lies on the detector, as in `Calibration`.
    """

    values: np.ndarray
    k: np.ndarray
    right: np.ndarray
    left: np.ndarray
    weights: np.ndarray
    starts: np.ndarray
    q: np.ndarray
    k0: float
    width: float
    wavelength: float
    rotation_deg: float
    transpose: bool
    whole: tuple | None = None
    """Number of all entries of each frequency in the disc, and their power Σ |G|² / w, (M,) each:
    what lies in no sideband is noise, and tells one orientation from another."""
    tables: dict = field(default_factory=dict, repr=False)
    """What follows from the geometry alone and every step of a fit wants."""

    @property
    def size(self) -> int:
        """Number of frequencies M."""
        return self.q.shape[1]

    @property
    def judged(self):
        """Number of entries that each frequency is judged by, and their power, (M,) each."""
        if self.whole is not None:
            return self.whole
        power = self.add_up(np.abs(self.values) ** 2 / self.weights)
        return np.diff(self.starts).astype(float), power

    def add_up(self, terms) -> np.ndarray:
        """(..., M) sums over the entries of each frequency of (..., E) terms."""
        return np.add.reduceat(terms, self.starts[:-1], axis=-1)

    def q_on_detector(self, rotation_deg: float | None = None) -> np.ndarray:
        """(2, M) float64 frequencies (y, x) turned to the detector's frame [1/Å]."""
        angle = np.deg2rad(self.rotation_deg if rotation_deg is None else rotation_deg)
        y, x = self.q
        turned = np.stack(
            [np.sin(angle) * x + np.cos(angle) * y, np.cos(angle) * x - np.sin(angle) * y]
        )
        return turned[::-1] if self.transpose else turned

    def through(self, specimen: Specimen) -> "Overlaps":
        """The same with the weights of a specimen in `right` and `left`."""
        if specimen.thin:
            return self
        plus, minus = self.weights_of(specimen)
        return replace(self, right=self.right * plus, left=self.left * minus, tables={})

    def weights_of(self, specimen: Specimen, rotation_deg: float | None = None):
        """(2, E) weights that a specimen gives to both terms of the entries."""
        along, square, lean = self.depths(rotation_deg)
        v = np.stack([along, -along]) - square
        lean = (lean.T @ specimen.tilt) * 1e-3 * np.array([[1], [-1]])
        focus = np.exp(-((np.pi * specimen.focal_spread * v) ** 2))
        return np.sinc(specimen.thickness * (v - lean)) * focus

    def depths(self, rotation_deg: float | None = None):
        """λ k·q and λ q² / 2 [1/Å] of each entry, (E,), and its q along the scan's axes, (2, E)."""
        counts = np.diff(self.starts)
        q = np.repeat(self.q_on_detector(rotation_deg), counts, axis=1)
        along = self.wavelength * (self.k * q).sum(axis=0)
        return along, self.wavelength / 2 * (q**2).sum(axis=0), np.repeat(self.q, counts, axis=1)

    def chosen(self, frequencies) -> "Overlaps":
        """The same for some frequencies only, given as (M,) bool or as indices in order."""
        which = np.zeros(self.size, bool)
        which[frequencies] = True
        kept = np.repeat(which, np.diff(self.starts))
        starts = np.concatenate([[0], np.cumsum(np.diff(self.starts)[which])])
        return Overlaps(
            self.values[kept],
            self.k[:, kept],
            self.right[kept],
            self.left[kept],
            self.weights[kept],
            starts,
            self.q[:, which],
            self.k0,
            self.width,
            self.wavelength,
            self.rotation_deg,
            self.transpose,
        )


def strongest_overlaps(g: Sidebands, count: int = 400) -> Overlaps:
    """The sidebands of the scan's strongest frequencies.

    Parameters
    ----------
    g : Sidebands
    count : int
        Frequencies to take, of those that stand out; one of ±q.

    Returns
    -------
    Overlaps
        Only pixels that lie in their sideband with their whole area, so that the mean over a
        pixel keeps the phase of its centre; those of the triple overlap if G holds it. May hold
        no frequency at all.

    Raises
    ------
    ValueError
        If `count` is not positive.
    """
    if count < 1:
        raise ValueError(f"At least one frequency has to be looked at, not {count}.")
    k0, width = g.calibration.k0, g.bright_field.width
    rows, columns = g.scan_shape
    frequency_y = np.arange(rows) - rows // 2
    frequency_x = np.arange(columns) - columns // 2
    steps = [1 / (n * s) for n, s in zip(g.scan_shape, g.calibration.scan_sampling, strict=True)]
    radius = np.hypot(frequency_y[:, None] * steps[0], frequency_x * steps[1])
    # Rows and columns through DC and beside it hold the scan's noise and its flyback.
    allowed = (abs(frequency_y)[:, None] > 1) & (frequency_x > 1)
    allowed &= (radius > NEAREST * k0) & (radius < FARTHEST * k0)
    power = np.where(allowed, power_spectrum(g), 0)
    best = np.argpartition(-power.ravel(), min(count, power.size - 1))[:count]
    best = np.sort(best[power.ravel()[best] > 0])
    y, x = np.unravel_index(best, power.shape)
    return overlaps_at(g, np.stack([frequency_y[y], frequency_x[x]], axis=1), margin(width))


def margin(width: float) -> float:
    """Distance from a pixel's centre to its farthest sub-point, for a pixel of that width."""
    return np.hypot(1, 1) * np.max(OFFSETS) * width


def overlaps_at(g: Sidebands, frequencies, distance: float) -> Overlaps:
    """The sidebands of some frequencies, as far as they lie `distance` [1/Å] within their edges.

    Parameters
    ----------
    g : Sidebands
    frequencies : (n, 2) int array
        Row and column offsets from DC, column >= 0.
    distance : float
    """
    calibration, disc = g.calibration, g.bright_field
    k0 = calibration.k0
    positions = g.scanned * g.scan_shape[0] * g.scan_shape[1]
    entries = []
    frequencies = np.asarray(frequencies).reshape(-1, 2)
    found = entries_at(g, [(row % g.scan_shape[0], column) for row, column in frequencies])
    for (row, column), values, sides in zip(frequencies, *found, strict=True):
        q = g.q_y[row % g.scan_shape[0]], g.q_x[column]
        right, left = terms_at(g.k, q, k0, distance)
        at = np.flatnonzero((right | left) & (sides > 0) & (g.pacbed > 0))
        if at.size >= FEWEST:
            parts = values[at], disc.k[:, at], right[at], left[at], (g.pacbed / disc.kept)[at]
            entries.append((*parts, q))
    starts = np.concatenate([[0], np.cumsum([len(e[0]) for e in entries])]).astype(np.int64)
    nothing = np.empty(0)
    values, k, right, left, weights, q = zip(*entries, strict=True) if entries else [[nothing]] * 6
    return Overlaps(
        np.concatenate(values).astype(complex),
        np.concatenate(k, axis=1) if entries else np.empty((2, 0)),
        np.concatenate(right).astype(float),
        np.concatenate(left).astype(float),
        positions * np.concatenate(weights),
        starts,
        np.array(q).T if entries else np.empty((2, 0)),
        k0,
        disc.width,
        calibration.wavelength,
        calibration.rotation_deg,
        calibration.transpose,
    ).through(g.specimen)


def terms_at(k, q, k0: float, distance: float):
    """(K,) bool each: which pixels k (2, K) wholly have the first, the second term of γ at q.

    Pixels within `distance` of an aperture's edge, or outside all, have neither.
    """
    (k_y, k_x), (q_y, q_x) = k, q
    central = np.hypot(k_y, k_x) < k0 - distance
    after, before = np.hypot(k_y - q_y, k_x - q_x), np.hypot(k_y + q_y, k_x + q_x)
    for radius in (after, before):
        central = central & (np.abs(radius - k0) > distance)
    return central & (after < k0), central & (before < k0)
