"""The camera's angular scale, from a spacing that the specimen is known to have.

At an object frequency q the Fourier transform G(k, q) of the patterns over the scan is strong where
the disc overlaps one of its copies, moved by q either way. Where the copies' edges lie, in pixels,
says how many pixels 1/spacing is: no aberration moves them.
"""

from dataclasses import dataclass
from math import degrees, hypot, pi

import numpy as np
from scipy import optimize

from recon.calibration import Calibration
from recon.errors import Unfitted
from recon.geometry.lattice import Peak
from recon.kernels import threads
from recon.kernels.host.demodulate import demodulate
from recon.optics import Aberrations
from recon.scan.kinds import ScanData, by_kind

NEAREST, FARTHEST = 0.2, 1.8
"""Radii by which a copy must be moved: below and above, sidebands are slivers."""

LENGTHS, DIRECTIONS = 33, 36
"""Moves that are tried at first, along and around half a circle."""

AROUND, TURNED = 0.3, 0.4
"""Share of the expected length, and angle [rad], within which a flat sideband is looked for."""

UNEVEN = 0.5
"""Power that is not flat, relative to what is, up to which a sideband counts as flat."""

COARSE = 1500
"""Pixels that are looked at for each."""

LARGE = 64
"""Radius of the disc [px] beyond which pixels are joined."""

LEAST_GAIN = 6.0
"""Standard errors by which the sidebands must stand out."""

BATCH = 1 << 27


@dataclass(frozen=True)
class CameraScale:
    """How large the camera's pixels are.

    Attributes
    ----------
    angular_sampling : float
        Angle of a detector pixel [mrad].
    error : float
        Its standard error [mrad]; that of the spacing comes on top.
    semiangle_cutoff : float
        Convergence semi-angle [mrad]: radius of the disc times the above.
    semiangle_error : float
    displacement : (float, float)
        How far (y, x) [px] the disc's copy is moved; it or its negative.
    statement : str
        All of this in a sentence.
    """

    angular_sampling: float
    error: float
    semiangle_cutoff: float
    semiangle_error: float
    displacement: tuple[float, float]
    statement: str

    def camera_length(self, pixel: float) -> float:
        """Distance from specimen to camera, in the unit of `pixel`, the width of a pixel."""
        return pixel / (self.angular_sampling * 1e-3)


def measure_camera(
    scan: ScanData,
    peak: Peak,
    spacing: float,
    calibration: Calibration,
    aberrations: Aberrations | None = None,
    progress=None,
) -> CameraScale:
    """Angle of a detector pixel, from a lattice spacing and where its sidebands end.

    Parameters
    ----------
    scan : ElectronEvents or DenseFrames
        The scan whose image the peak was found in; read once, on the host.
    peak : Peak
        Of `recon.geometry.lattice.refine_peak`.
    spacing : float
        Of the lattice planes that make the peak [Å].
    calibration : Calibration
        Energy, and the disc's centre and radius; its semi-angle, scan step and rotation are where
        a fit with aberrations begins.
    aberrations : Aberrations, optional
        That make the tiles flat with this calibration. Without them, or where they do not, only
        the magnitude of G is looked at, which wants a much stronger peak.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    CameraScale

    Raises
    ------
    Unfitted
        If no sideband stands out, or the copies are moved by less than 0.2 or more than 1.8 radii.
    ValueError
        If the spacing is not positive.

    Notes
    -----
    Sidebands as in Rodenburg, McCallum & Nellist, Ultramicroscopy 48, 304 (1993). Only their edges
    are fitted, by least squares. With aberrations, G times the conjugate of their phase is flat in
    each sideband, and stays so while the edges move: a phase ramp would tell the move only as
    well as the defocus is known. Without, |G| has one level where there is no copy, one where
    there is one, and one where both are. The error is that of the scatter about the fit.
    """
    if not (spacing > 0 and np.isfinite(spacing)):
        raise ValueError(f"The spacing must be positive, not {spacing} Å.")
    window = _Window(scan.frame_shape, calibration.centre, calibration.radius)
    values = _transform_at(scan, peak, window, progress or (lambda fraction: None))
    models = [_Levels(window, values)]
    if aberrations is not None:
        q = _frequency(peak, calibration, scan.scan_shape)
        models.append(_Flat(window, values, q, calibration, aberrations))
    gain, move, error = max(map(_fit, models), key=lambda fit: fit[0])
    length = hypot(*move)
    share = length / window.radius
    if gain < LEAST_GAIN or not NEAREST < share < FARTHEST or error > 0.1 * length:
        raise Unfitted(
            "The sidebands of this peak do not show where they end: take a stronger peak, or set "
            f"the aberrations first. (Found {gain:.1f} standard errors at {share:.2f} radii of the "
            f"disc; {LEAST_GAIN:g} are needed, at {NEAREST} to {FARTHEST} radii.)"
        )
    return _scale(move * window.bin, error * window.bin, spacing, calibration)


def _fit(model):
    """(gain, move, error of its length) of the best fit of a model."""
    solution = optimize.least_squares(
        model.residual, model.search(), method="lm", x_scale=model.radius
    )
    move = solution.x
    inverse = np.linalg.pinv(solution.jac.T @ solution.jac)
    along = move / max(hypot(*move), 1e-12)
    error = np.sqrt(np.mean(solution.fun**2) * along @ inverse @ along)
    return model.gain(move), move, float(error)


def _scale(move, error, spacing, calibration):
    length = hypot(*move)
    sampling = calibration.wavelength / spacing / length * 1e3
    semiangle, relative = sampling * calibration.radius, error / length
    direction = degrees(np.arctan2(move[0], move[1])) % 180
    statement = (
        f"The disc's copies lie {length:.2f} ± {error:.2g} px away, at {direction:.1f}° (clockwise "
        f"from x), for 1/({spacing:.4g} Å): {sampling:.5g} ± {sampling * relative:.2g} mrad a "
        f"pixel, and with a disc of {calibration.radius:.2f} px radius a semi-angle of "
        f"{semiangle:.4g} ± {semiangle * relative:.2g} mrad."
    )
    return CameraScale(
        float(sampling),
        float(sampling * relative),
        float(semiangle),
        float(semiangle * relative),
        (float(move[0]), float(move[1])),
        statement,
    )


def _frequency(peak, calibration, scan_shape):
    """Spatial frequency (y, x) of a peak along the detector's axes [1/Å]."""
    q = [
        f / (n * step)
        for f, n, step in zip(
            (peak.row, peak.column), scan_shape, calibration.scan_sampling, strict=True
        )
    ]
    return np.linalg.solve(calibration.detector_to_scan, q)


class _Window:
    """Pixels in the disc, joined where there are many."""

    def __init__(self, frame_shape, centre, radius):
        self.bin = max(1, round(radius / LARGE))
        shape = tuple(-(-size // self.bin) for size in frame_shape)
        self.radius = radius / self.bin
        middle = [(c - (self.bin - 1) / 2) / self.bin for c in centre]
        y, x = (np.arange(n) - c for n, c in zip(shape, middle, strict=True))
        # Pixels on the edge of the disc itself say nothing of its copies.
        inside = np.hypot(y[:, None], x) < self.radius - 1
        self.k = np.stack([part[inside] for part in np.broadcast_arrays(y[:, None], x)])
        numbers = np.where(inside, np.cumsum(inside).reshape(shape) - 1, -1)
        fine = numbers.repeat(self.bin, axis=0).repeat(self.bin, axis=1)
        self.lookup = fine[: frame_shape[0], : frame_shape[1]].ravel().astype(np.int32)

    @property
    def size(self) -> int:
        """Number of pixels."""
        return self.k.shape[1]


def _transform_at(scan, peak, window, tell):
    """(K,) complex G(k, q), with a variance of 1 for independent electrons alone."""
    if window.size < 30:
        raise Unfitted(
            f"The disc covers only {window.size} pixels of the detector: too few to see sidebands."
        )
    tapers = [np.sin(pi * (np.arange(n) + 0.5) / n) ** 2 for n in scan.scan_shape]
    taper = (tapers[0][:, None] * tapers[1]).ravel()
    row, column = np.indices(scan.scan_shape).reshape(2, -1)
    angle = (
        2 * pi * (peak.row * row / scan.scan_shape[0] + peak.column * column / scan.scan_shape[1])
    )
    weights = np.stack([taper * np.cos(angle), -taper * np.sin(angle), np.ones_like(taper)])
    # What all patterns have in common is no wave.
    weights[:2] -= weights[:2].mean(axis=1, keepdims=True)
    sums = by_kind(scan, _sums, _dense_sums)(scan, weights, window, tell)
    noise = np.sum(taper**2) * sums[2] / taper.size
    if not (noise > 0).any():
        raise Unfitted("There are no electrons in the disc: check its centre and radius.")
    return (sums[0] + 1j * sums[1]) / np.sqrt(np.where(noise > 0, noise, np.inf))


def _sums(events, weights, window, tell):
    events.check_pixels()
    total = np.zeros((3, window.size))
    for first, last in events.batches(BATCH):
        partial = np.zeros((threads(), 3, window.size))
        demodulate(events.pixels, events.offsets, first, last, weights, window.lookup, partial)
        total += partial.sum(axis=0)
        tell(last / events.positions)
    return total


def _dense_sums(frames, weights, window, tell):
    total = np.zeros((3, window.size))
    inside = np.flatnonzero(window.lookup >= 0)
    places = window.lookup[inside]
    for first, slab in frames.slabs():
        part = slab.reshape(len(slab), -1)[:, inside].astype(np.float64)
        for sums, factor in zip(total, weights[:, first : first + len(slab)], strict=True):
            sums += np.bincount(places, factor @ part, window.size)
        tell((first + len(slab)) / frames.positions)
    return total


def _covered(move, k, radius):
    """(K,) of each pixel, how much a disc moved so far covers; its edge is as wide as a pixel."""
    return np.clip(0.5 + radius - np.hypot(k[0] - move[0], k[1] - move[1]), 0, 1)


class _Model:
    """What of G is fitted; every so many pixels suffice for a search."""

    def __init__(self, window):
        self.k, self.radius = window.k, window.radius
        self.few = slice(None, None, -(-window.size // COARSE))

    def residual(self, move):
        return self.misfit(move, slice(None))

    def search(self):
        """The best of some moves."""
        moves = self.moves()
        misfits = [np.sum(self.misfit(move, self.few) ** 2) for move in moves]
        return np.array(moves[int(np.argmin(misfits))])


def _polar(lengths, angles):
    return [(n * np.sin(a), n * np.cos(a)) for n in lengths for a in angles]


class _Levels(_Model):
    """|G| over the disc as three levels: no copy, one copy, both copies."""

    def __init__(self, window, values):
        super().__init__(window)
        self.amplitude = np.abs(values)

    def moves(self):
        lengths = np.linspace(NEAREST, FARTHEST, LENGTHS) * self.radius
        return _polar(lengths, np.arange(DIRECTIONS) * pi / DIRECTIONS)

    def _shares(self, move, which):
        """(3, K) of each pixel: how much of it no copy, one, both cover."""
        one, other = (
            _covered(sign * np.asarray(move), self.k[:, which], self.radius) for sign in (1, -1)
        )
        both = one * other
        return np.stack([1 - one - other + both, one + other - 2 * both, both])

    def _levels(self, move, which):
        shares, amplitude = self._shares(move, which), self.amplitude[which]
        levels = np.linalg.solve(shares @ shares.T + 1e-9 * np.eye(3), shares @ amplitude)
        return shares, levels, amplitude - levels @ shares

    def misfit(self, move, which):
        return self._levels(move, which)[2]

    def gain(self, move):
        """How much higher one copy's level is than no copy's, in standard errors."""
        shares, (none, one, _), left = self._levels(move, slice(None))
        contrast = np.array([-1.0, 1.0, 0.0])
        variance = np.mean(left**2) * contrast @ np.linalg.pinv(shares @ shares.T) @ contrast
        return float((one - none) / max(np.sqrt(variance), 1e-150))


class _Flat(_Model):
    """G as one number times γ, whose phase stays where it is while the copies move."""

    def __init__(self, window, values, q, calibration, aberrations):
        super().__init__(window)
        self.values = values
        pixel = calibration.reciprocal_sampling * window.bin
        self.expected = q / pixel

        def chi(k):
            return aberrations.chi(*(pixel * k), calibration.wavelength)

        at, move = chi(self.k), self.expected[:, None]
        self.one = np.exp(1j * (at - chi(self.k - move)))
        self.other = np.exp(1j * (chi(self.k + move) - at))

    def moves(self):
        length, angle = hypot(*self.expected), np.arctan2(*self.expected)
        lengths = length * np.linspace(1 - AROUND, 1 + AROUND, LENGTHS)
        return _polar(lengths, angle + np.linspace(-TURNED, TURNED, DIRECTIONS))

    def _fitted(self, move, which):
        """γ, the factor that fits best, and what that leaves."""
        one, other = (
            _covered(sign * np.asarray(move), self.k[:, which], self.radius) for sign in (1, -1)
        )
        gamma = one * self.one[which] - other * self.other[which]
        norm = max(np.sum(np.abs(gamma) ** 2), 1e-9)
        factor = np.vdot(gamma, self.values[which]) / norm
        return norm, factor, self.values[which] - factor * gamma

    def misfit(self, move, which):
        left = self._fitted(move, which)[2]
        return np.concatenate([left.real, left.imag])

    def gain(self, move):
        """The factor in standard errors; 0 where it is not one factor, or far from expected."""
        norm, factor, left = self._fitted(move, slice(None))
        one, other = (_covered(sign * np.asarray(move), self.k, self.radius) for sign in (1, -1))
        within = np.maximum(one, other) > 0.5
        # Independent electrons alone leave a power of 1.
        excess = np.mean(np.abs(left[within]) ** 2) - 1 if within.any() else np.inf
        chance = 3 / np.sqrt(max(within.sum(), 1))
        length = hypot(*move) / hypot(*self.expected)
        if excess > max(chance, UNEVEN * abs(factor) ** 2) or abs(length - 1) > AROUND:
            return 0.0
        return float(abs(factor) * np.sqrt(norm / max(np.mean(np.abs(left) ** 2), 1e-300)))
