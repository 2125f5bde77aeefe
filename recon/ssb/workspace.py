"""What a redraw of one G needs at hand, so that it is one upload, one launch and one inverse FFT.

chi is linear in its 25 coefficients, and so is all that the kernels take of it: its polynomial, its
values at the pixels, their slopes. One matrix for each G turns the coefficients into one block of
numbers (`Constants`); the block, its views and the spectrum wait in a `Workspace`.
"""

from collections.abc import Callable, Hashable
from contextlib import contextmanager
from functools import cached_property, lru_cache

import numpy as np

from recon.device.transforms import planned
from recon.kernels.cpu.simd import LANES
from recon.optics import COEFFICIENTS, SIZE, Aberrations, laplacian
from recon.ssb.bright_field import OFFSETS
from recon.ssb.sidebands import Sidebands, pixel_edges

POWERS = SIZE * SIZE
SLOPES = 2 * (SIZE - 1) ** 2

KEPT = 4
"""Band limits whose arrays are remembered, and workspaces that wait: more are never in use."""


@lru_cache(maxsize=16)
def _polynomials(wavelength: float, rotation_deg: float, transpose: bool) -> np.ndarray:
    """(25, 7, 7) float64: chi's polynomial [rad, 1/Å] in the scan's frame for 1 Å of each."""
    units = (Aberrations(**{name: 1.0}) for name in COEFFICIENTS)
    scan = (unit.in_scan_frame(rotation_deg, transpose) for unit in units)
    return np.stack([one.polynomial(wavelength) for one in scan])


def _mirrored(powers):
    """Minus the polynomial of chi(-k)."""
    signs = (-1.0) ** np.add.outer(np.arange(powers.shape[-2]), np.arange(powers.shape[-1]))
    return -powers * signs


def _derivative(powers, axis):
    """Polynomial of the derivative along x (axis 0) or y (axis 1), one size smaller."""
    order = np.arange(1, SIZE)
    lower = powers[..., 1:, :] * order[:, None] if axis == 0 else powers[..., 1:] * order
    return lower[..., : SIZE - 1, : SIZE - 1]


class Constants:
    """What no redraw of a G changes: its arrays as launches want them, and chi's matrices.

    The block that a matrix gives holds chi's polynomial [turns, units of k0], minus that of
    chi(-k), chi at the pixels; and, averaged over pixels, the slopes at them along a pixel's x and
    y edge, and the slopes' polynomials and mirrored ones [turns per eighth of a pixel].
    """

    def __init__(self, g: Sidebands):
        k0, device = g.calibration.k0, g.device
        # Not G itself, which keeps these: no circle shall keep a device's memory from going.
        self._calibration, self._width, self._pixels = g.calibration, g.bright_field.width, g.k
        q_x = np.zeros(g.q_shape[1] + LANES)
        q_x[: g.q_shape[1]] = g.q_x
        frequencies = (np.ascontiguousarray(a / k0, np.float32) for a in (g.k, g.q_y, q_x))
        self.k, self.q_y, self.q_x = (device.handle(device.xp.asarray(a)) for a in frequencies)
        self.entries = tuple(device.handle(a) for a in (g.re, g.im, g.first))
        self.hard = tuple(device.handle(a) for a in (g.hard, g.hard_at))
        self.runs = tuple(device.handle(a) for a in (g.runs, g.masks))
        # A transform without its own division by the number of positions, and entries' own scale.
        self.share = 1 / (g.scale * g.scan_shape[0] * g.scan_shape[1])
        self.exact_scale = np.float32(self.share / g.mean_counts)

    @cached_property
    def _powers(self):
        """(25, 7, 7) float64: chi's polynomial for 1 Å of each coefficient."""
        c = self._calibration
        scale = c.k0 ** np.add.outer(np.arange(SIZE), np.arange(SIZE)) / (2 * np.pi)
        return _polynomials(c.wavelength, c.rotation_deg, c.transpose) * scale

    def _matrix(self, powers, slopes=()):
        ky, kx = self._pixels / self._calibration.k0
        parts = [powers, _mirrored(powers)]
        for polynomial in (powers, *slopes):
            degrees = np.subtract(polynomial.shape[1:], 1)
            at_pixels = np.polynomial.polynomial.polyvander2d(kx, ky, degrees)
            parts.append(polynomial.reshape(len(COEFFICIENTS), -1) @ at_pixels.T)
        parts += [*slopes, *(_mirrored(slope) for slope in slopes)]
        flat = [part.reshape(len(COEFFICIENTS), -1) for part in parts]
        return np.concatenate(flat, axis=1)

    @cached_property
    def centred(self) -> np.ndarray:
        """(25, 98 + K) float64 matrix, with chi at the pixels' centres."""
        return self._matrix(self._powers)

    @cached_property
    def averaged(self) -> np.ndarray:
        """(25, 242 + 3 K) float64 matrix, with chi's curvature averaged over each pixel."""
        powers = self._powers
        width = self._width / self._calibration.k0
        slope_x, slope_y = _derivative(powers, 0), _derivative(powers, 1)
        edges = pixel_edges(self._calibration)
        slopes = [(x * slope_x + y * slope_y) * (width / 8) for y, x in edges]
        # Mean of a quadratic over the sub-points: its value plus half the Laplacian times <δ²>.
        spread = width**2 * np.mean(OFFSETS**2)
        return self._matrix(powers + spread / 2 * laplacian(powers), slopes)


def constants(g: Sidebands) -> Constants:
    """The constants of a G, made when they are first asked for."""
    try:
        return g.derived["constants",]
    except KeyError:
        # Two threads may both make them: one is kept.
        return g.derived.setdefault(("constants",), Constants(g))


def remembered(g: Sidebands, key: tuple[Hashable, ...], make: Callable):
    """What `make()` gives, kept with G for the last few keys that begin alike."""
    try:
        return g.derived[key]
    except KeyError:
        value = g.derived[key] = make()
    alike = [old for old in list(g.derived) if old[0] == key[0]]
    for old in alike[:-KEPT]:
        g.derived.pop(old, None)
    return value


class Workspace:
    """Memory of one redraw: the block that is uploaded, views of it, and a spectrum to fill.

    Attributes
    ----------
    powers, mirrored : (7, 7) float32
    values : (3, K) float32
    slopes, slopes_mirrored : (2, 6, 6) float32
        Parts of the block on the device, as `kernels.sideband_exact.sum_averaged` has them.
    chi : (K,) float32
        The first of the values.
    spectrum : (Sy, Qx) complex64 array on the device
    out
        The same, as a launch wants it.
    """

    def __init__(self, g: Sidebands):
        device, planes = g.device, g.k.shape[1]
        sizes = POWERS, POWERS, planes, 2 * planes, SLOPES, SLOPES
        ends = np.cumsum(sizes)
        self._numbers = np.empty(ends[-1])
        # Not pinned: a copy out of pageable memory has read it when the call returns, and the
        # block may be filled anew although the device is still at work.
        self._block = np.empty(ends[-1], np.float32)
        received = device.xp.asarray(self._block)
        self._uploads = []
        if received is not self._block:
            self._uploads = [(received[:end], self._block[:end]) for end in (ends[2], ends[-1])]
        shape = SIZE - 1, SIZE - 1

        def view(first, stop, *shape):
            return device.handle(received[first:stop].reshape(shape))

        self.powers = view(0, ends[0], SIZE, SIZE)
        self.mirrored = view(ends[0], ends[1], SIZE, SIZE)
        self.chi = view(ends[1], ends[2], planes)
        self.values = view(ends[1], ends[3], 3, planes)
        self.slopes = view(ends[3], ends[4], 2, *shape)
        self.slopes_mirrored = view(ends[4], ends[5], 2, *shape)
        self.spectrum = device.xp.empty(g.q_shape, np.complex64)
        self.out = device.handle(self.spectrum)
        self._inverse = device.fft.irfft2
        self._shape = g.scan_shape
        self._options = planned(device, self.spectrum, g.scan_shape, "C2R")

    def prepare(self, matrix: np.ndarray, aberrations: Aberrations) -> None:
        """Put what a matrix of `Constants` makes of these aberrations on the device."""
        coefficients = np.fromiter(vars(aberrations).values(), float, len(COEFFICIENTS))
        size = matrix.shape[1]
        np.dot(coefficients, matrix, out=self._numbers[:size])
        self._block[:size] = self._numbers[:size]
        if self._uploads:
            received, sent = self._uploads[size == self._block.size]
            received.set(sent)

    def image(self, spectrum):
        """(Sy, Sx) float32 sum of a half-plane spectrum's waves; the spectrum may be destroyed.

        The division by the number of positions is in `Constants.share`.
        """
        return self._inverse(
            spectrum, self._shape, norm="forward", overwrite_x=True, **self._options
        )


@contextmanager
def workspace(g: Sidebands):
    """A workspace of a G for one redraw, handed back afterwards.

    Sessions redraw one G from several threads: each takes a workspace of its own. On a GPU it is
    handed back while the redraw is still queued; whoever takes it next queues behind, since all
    work runs on one stream in order.
    """
    try:
        taken = g.spare.pop()
    except IndexError:
        taken = Workspace(g)
    try:
        yield taken
    finally:
        if len(g.spare) < KEPT:
            g.spare.append(taken)
