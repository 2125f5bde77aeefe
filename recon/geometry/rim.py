"""Pixels around the rim of a bright-field disc, and what a blurred rim makes of them."""

import numpy as np
from scipy import special

BOX_VARIANCE = 1 / 12
"""Variance [px²] of the square pixel over which an intensity is averaged, along any direction."""
MODEL_ERROR = 0.03
"""Structure inside a disc, relative to its intensity, below which counts are taken as exact."""
MOST_PIXELS = 8000
"""Pixels around the rim that are fitted; of more, every so many."""
ENOUGH_COUNTS = 10
"""Counts a pixel in the disc, below which pixels are binned: a few counts look like outliers."""


def offsets(shape, centre):
    """(Ky, 1) and (Kx,) distances of rows and columns from a point (y, x) [px]."""
    return np.arange(shape[0])[:, None] - centre[0], np.arange(shape[1]) - centre[1]


def enough_binning(pattern, centre, radius: float) -> int:
    """Pixels to join along each axis for a fit to the rim, by the counts inside the disc."""
    within = np.hypot(*offsets(pattern.shape, centre)) < 0.8 * radius
    level = pattern[within].mean() if within.any() else ENOUGH_COUNTS
    binning = int(np.ceil(np.sqrt(ENOUGH_COUNTS / max(level, 1e-3))))
    return max(1, min(binning, int(radius / 6)))


def binned(pattern, binning: int):
    """Sums of a pattern over squares of `binning` pixels; what does not fill one is left out."""
    height, width = (n // binning for n in pattern.shape)
    cropped = pattern[: height * binning, : width * binning]
    return cropped.reshape(height, binning, width, binning).sum(axis=(1, 3))


class Rim:
    """Pixels around a circle, and the levels that fit them best for a given rim.

    The circle may be one once vectors from its centre are multiplied by `matrix` (2, 2).
    """

    def __init__(self, pattern, centre, radius, reach, binning, matrix=None):
        matrix = np.eye(2) if matrix is None else matrix
        far = (radius + reach) * np.linalg.norm(np.linalg.inv(matrix), 2)
        y0, x0 = (max(int(c - far), 0) // binning * binning for c in centre)
        y1, x1 = (max(int(c + far) + 2 * binning, 0) for c in centre)
        sums = binned(pattern[y0:y1, x0:x1], binning)
        y, x = (
            start + np.arange(n) * binning + (binning - 1) / 2
            for start, n in zip((y0, x0), sums.shape, strict=True)
        )
        y_off, x_off = y[:, None] - centre[0], x - centre[1]
        distance = np.hypot(*(row[0] * y_off + row[1] * x_off for row in matrix))
        near = np.flatnonzero(np.abs(distance - radius) < reach)
        near = near[:: max(1, -(-near.size // MOST_PIXELS))]
        self.y, self.x = y[near // x.size], x[near % x.size]
        self.counts = sums.ravel()[near]
        self.box_variance = BOX_VARIANCE * binning**2
        self.sectors = int(np.clip(near.size // 150, 1, 16))
        azimuth = np.arctan2(self.y - centre[0], self.x - centre[1])
        self.sector = ((azimuth / (2 * np.pi) + 0.5) * self.sectors).astype(int) % self.sectors
        self.weights = np.ones(near.size)

    def distance(self, p):
        """How far from the disc's centre each pixel is."""
        return np.hypot(self.y - p[0], self.x - p[1])

    def box(self, p):
        """Variance of a pixel across the rim [px²]."""
        return self.box_variance

    def fraction(self, p):
        """How far inside the rim each pixel is, 1 to 0, for p = (y, x, radius, log width)."""
        variance = np.exp(2 * p[3]) + self.box(p)
        # The half level of a blurred disc lies further in than the rim of the sharp one.
        half = np.sqrt(np.maximum(p[2] ** 2 - variance, 0.25 * p[2] ** 2))
        distance = self.distance(p) - half
        return 0.5 * special.erfc(distance / np.sqrt(2 * variance))

    def levels(self, fraction):
        """Inside and outside intensity of each sector, by weighted least squares."""
        outside = 1 - fraction
        square = self.weights**2

        def total(values):
            return np.bincount(self.sector, square * values, self.sectors)

        a, b, c = total(fraction**2), total(fraction * outside), total(outside**2)
        u, v = total(fraction * self.counts), total(outside * self.counts)
        determinant = np.maximum(a * c - b * b, 1e-12 * (a + c) ** 2 + 1e-300)
        return (c * u - b * v) / determinant, (a * v - b * u) / determinant

    def model(self, p):
        """Expected counts of each pixel."""
        fraction = self.fraction(p)
        inside, outside = self.levels(fraction)
        return outside[self.sector] + (inside - outside)[self.sector] * fraction

    def residual(self, p):
        """Weighted misfit of each pixel."""
        return self.weights * (self.counts - self.model(p))

    def reweight(self, p):
        """Give each pixel the weight of its expected counts, and less if it is an outlier."""
        model = np.maximum(self.model(p), 0)
        allowance = (MODEL_ERROR * np.median(model)) ** 2
        self.weights = 1 / np.sqrt(model + allowance + 1e-3 * model.max() + 1e-12)
        misfit = self.residual(p)
        scale = 1.5 * max(1.0, 1.4826 * np.median(np.abs(misfit)))
        self.weights /= np.sqrt(np.sqrt(1 + (misfit / scale) ** 2))
