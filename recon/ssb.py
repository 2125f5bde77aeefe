"""Single-sideband ptychography: the object's phase from G and the aberrations.

With a weak object T = exp(iφ) and the probe's aperture A, each entry of G off DC is
G(k, q) = i Φ(q) I0 γ(k, q), γ = A*(k) A(k - q) - A(k) A*(k + q). Three answers are offered:

exact
    Least squares with γ averaged over each binned pixel's area (its 4 × 4 sub-points):
    Φ = -i Σ γ* G / (I0 Σ |γ|²). Quantitative, in radians.
draft
    Least squares with γ at the pixels' centres and hard masks: Φ = -i Σ γ* G / Σ |γ|² P(k).
    Fast, and a few per cent low where pixels are large.
sum
    The plain sum of Pelz et al. (2021), Eq. 3, with all electrons at DC: their published images.
    Not quantitative: it shows the phase times its transfer, compressed by the angle.

The right and the left sideband hold the same phase, so `sideband` "right", "left" and "both"
give one and the same phase image, from both; they differ in the amplitude. "full" adds the
triple overlap.
"""

from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from recon.datacube import OFFSETS
from recon.gfunction import Sidebands, pixel_edges
from recon.kernels import sideband_geometry as geometry
from recon.kernels.simd import LANES
from recon.optics import SIZE, Aberrations

MODES = ("exact", "draft", "sum")
SIDEBANDS = ("both", "left", "right", "full")

SIDES = {"right": 1 << geometry.RIGHT, "left": 1 << geometry.LEFT}
BOTH_SIDES = SIDES["both"] = SIDES["right"] | SIDES["left"]
SIDES["full"] = BOTH_SIDES | 1 << geometry.TRIPLE
"""Hard masks that take part, as bits."""

KINDS = {
    "right": 1 << geometry.RIGHT | 1 << geometry.RIGHT_PART,
    "left": 1 << geometry.LEFT | 1 << geometry.LEFT_PART,
}
KINDS["both"] = KINDS["right"] | KINDS["left"] | 1 << geometry.TWO_TERMS
KINDS["full"] = KINDS["both"] | 1 << geometry.TRIPLE
"""Kinds of runs that take part, as bits."""

LEAST_OVERLAP = 0.2
"""Pixels' worth of overlap (Σ |γ|²) below which a frequency is left out rather than amplified."""


@dataclass(frozen=True, eq=False)
class _Phases:
    """chi and its slopes as the kernels want them: single precision, turns, units of k0."""

    values: np.ndarray
    powers: np.ndarray
    mirrored: np.ndarray
    slopes: np.ndarray
    slopes_mirrored: np.ndarray


def _mirrored(powers):
    """Minus the polynomial of chi(-k)."""
    signs = (-1.0) ** np.add.outer(np.arange(powers.shape[-2]), np.arange(powers.shape[-1]))
    return -powers * signs


def _derivative(powers, axis):
    """Polynomial of the derivative along x (axis 0) or y (axis 1), one size smaller."""
    order = np.arange(1, SIZE)
    lower = powers[1:] * order[:, None] if axis == 0 else powers[:, 1:] * order
    return lower[: SIZE - 1, : SIZE - 1]


def _phases(g: Sidebands, aberrations: Aberrations, averaged: bool) -> _Phases:
    """Prepare chi for a redraw; with its mean over a pixel's curvature if `averaged`."""
    calibration = g.calibration
    scan = aberrations.in_scan_frame(calibration.rotation_deg, calibration.transpose)
    scale = calibration.k0 ** np.add.outer(np.arange(SIZE), np.arange(SIZE))
    powers = scan.polynomial(calibration.wavelength) / (2 * np.pi) * scale
    width = g.bright_field.width / calibration.k0
    slope_x, slope_y = _derivative(powers, 0), _derivative(powers, 1)
    if averaged:
        # Mean of a quadratic over the sub-points: its value plus half the Laplacian times <δ²>.
        spread = width**2 * np.mean(OFFSETS**2)
        laplacian = np.zeros_like(powers)
        order = np.arange(2, SIZE) * np.arange(1, SIZE - 1)
        laplacian[:-2] += powers[2:] * order[:, None]
        laplacian[:, :-2] += powers[:, 2:] * order
        powers = powers + spread / 2 * laplacian
    edges = pixel_edges(calibration)
    slopes = np.stack([x * slope_x + y * slope_y for y, x in edges]) * (width / 8)
    ky, kx = g.k / calibration.k0
    values = [np.polynomial.polynomial.polyval2d(kx, ky, p) for p in (powers, *slopes)]
    single = (np.stack(values), powers, _mirrored(powers), slopes, _mirrored(slopes))
    return _Phases(*(g.device.xp.asarray(np.ascontiguousarray(a, np.float32)) for a in single))


def _frequencies(g: Sidebands):
    """k, q_y and the padded q_x in units of k0, single precision, on the device of `g`."""
    k0 = g.calibration.k0
    q_x = np.zeros(g.q_shape[1] + LANES, np.float32)
    q_x[: g.q_shape[1]] = g.q_x / k0
    single = (g.k / k0).astype(np.float32), (g.q_y / k0).astype(np.float32), q_x
    return tuple(g.device.xp.asarray(a) for a in single)


def _check(g: Sidebands, mode: str, sideband: str, band_limit: float):
    """Refuse what is no mode, sideband or band limit, and "full" of a G without triple overlap."""
    if mode not in MODES:
        raise ValueError(f"The mode is one of {', '.join(MODES)}, not {mode!r}.")
    if sideband not in SIDEBANDS:
        raise ValueError(f"The sideband is one of {', '.join(SIDEBANDS)}, not {sideband!r}.")
    if not 0 < band_limit <= 1:
        raise ValueError(
            f"The band limit is a share of 2 k0 above 0 and up to 1, not {band_limit:g}."
        )
    if sideband == "full" and not g.full:
        raise ValueError(
            "This G holds no triple overlap: build it with full=True for sideband 'full'."
        )


@contextmanager
def _spectrum(g: Sidebands):
    """A half-plane spectrum to fill, returned to the spare ones afterwards."""
    try:
        spectrum = g.spare.pop()
    except IndexError:
        spectrum = g.device.xp.empty(g.q_shape, np.complex64)
    try:
        yield spectrum
    finally:
        g.spare.append(spectrum)


def _last_columns(g: Sidebands, band_limit: float) -> np.ndarray:
    """(Sy,) int32: columns of each row within `band_limit` times 2 k0."""
    rest = (2 * band_limit * g.calibration.k0) ** 2 - g.q_y**2
    columns = np.floor(np.sqrt(np.maximum(rest, 0)) / g.q_x[1]) + 1
    return np.where(rest >= 0, np.minimum(columns, g.q_shape[1]), 0).astype(np.int32)


def _within(g: Sidebands, band_limit: float):
    """(Sy, Qx) bool on the device of `g`: frequencies within `band_limit` times 2 k0."""
    last = g.device.xp.asarray(_last_columns(g, band_limit))
    return g.device.xp.arange(g.q_shape[1]) < last[:, None]


def _hard_norm(g: Sidebands, phases: _Phases, sides: int, band_limit: float):
    """1 / Σ |γ|² P(k) over the hard masks, 0 where the overlap is too small or q too large."""
    key = ("norm", sides, band_limit)
    if key in g.derived:
        return g.derived[key]
    xp, kernels = g.device.xp, g.device.kernels
    pixels, power = (xp.empty(g.q_shape, np.float32) for _ in range(2))
    pacbed = xp.asarray(g.pacbed.astype(np.float32))
    kernels.hard_power(g.first, g.hard, xp.ones_like(pacbed), sides & BOTH_SIDES, pixels)
    kernels.hard_power(g.first, g.hard, pacbed, sides & BOTH_SIDES, power)
    triple = sides >> geometry.TRIPLE & 1
    if triple:
        chi = _chi_arguments(g, phases)
        kernels.triple_power(g.first, g.hard, *chi, xp.ones_like(pacbed), pixels)
        kernels.triple_power(g.first, g.hard, *chi, pacbed, power)
    enough = (pixels > LEAST_OVERLAP) & (power > 0)
    enough &= _within(g, band_limit)
    norm = xp.where(enough, np.float32(1) / xp.where(enough, power, np.float32(1)), np.float32(0))
    if not triple:
        # Without triple overlap |γ| is one whatever the aberrations: once for each G, and the
        # last few band limits.
        g.derived[key] = norm
        for old in list(g.derived)[:-4]:
            g.derived.pop(old, None)
    return norm


def _chi_arguments(g: Sidebands, phases: _Phases):
    """What the hard-mask kernels take between their tables and their weights."""
    k, q_y, q_x = _frequencies(g)
    return k, phases.values[0], phases.powers, phases.mirrored, q_y, q_x


def _hard(g: Sidebands, phases: _Phases, sides: int, norm, out):
    """Fill `out` with -i norm Σ γ* G over the hard masks."""
    chi = _chi_arguments(g, phases)
    g.device.kernels.sum_hard(g.re, g.im, g.first, g.hard, g.hard_at, *chi, norm, sides, out)


def _averaged(g: Sidebands, phases: _Phases, kinds: int, band_limit: float, out):
    """Fill `out` with the least-squares Φ, γ averaged over the pixels."""
    k, q_y, q_x = _frequencies(g)
    g.device.kernels.sum_averaged(
        g.re,
        g.im,
        g.first,
        g.runs,
        g.masks,
        k,
        phases.values,
        phases.powers,
        phases.mirrored,
        phases.slopes,
        phases.slopes_mirrored,
        q_y,
        q_x,
        kinds,
        g.device.xp.asarray(_last_columns(g, band_limit)),
        np.float32(LEAST_OVERLAP),
        np.float32(1 / g.mean_counts),
        out,
    )


def _fill(g: Sidebands, phases: _Phases, mode: str, part: str, band_limit: float, out):
    """Fill `out` with Φ on the half plane from one `part`: right, left, both or full."""
    if mode == "exact":
        _averaged(g, phases, KINDS[part], band_limit, out)
    elif mode == "draft":
        norm = _hard_norm(g, phases, SIDES[part], band_limit)
        _hard(g, phases, SIDES[part], norm, out)
    else:
        _hard(g, phases, SIDES[part], _within(g, band_limit).astype(np.float32), out)


def _image(g: Sidebands, spectrum):
    """(Sy, Sx) float32 image of a half-plane spectrum."""
    return g.device.fft.irfft2(spectrum, g.scan_shape, **g.device.fft_options)


def single_sideband(
    g: Sidebands,
    aberrations: Aberrations,
    mode: str = "exact",
    sideband: str = "both",
    band_limit: float = 1.0,
) -> np.ndarray:
    """Phase of the object by single-sideband ptychography.

    Parameters
    ----------
    g : Sidebands
    aberrations : Aberrations
        Of the probe, in the detector's frame; they are taken out.
    mode : {"exact", "draft", "sum"}
        See the module's text.
    sideband : {"both", "left", "right", "full"}
        The first three give the same phase in exact and draft mode.
    band_limit : float
        Share of 2 k0 up to which frequencies are kept. Towards 1 the sidebands shrink to
        nothing, and least squares amplifies what noise is left in them.

    Returns
    -------
    (Sy, Sx) float32 array
        Phase of the object [rad], with mean 0; in mode "sum" the angle of the complex sum. On
        the device of `g`.

    Raises
    ------
    ValueError
        For an unknown mode or sideband, or "full" with a G that was built without it.

    Notes
    -----
    Eq. 3 of Pelz et al. (2021), repaired and weighted; sidebands after Rodenburg, McCallum &
    Nellist, Ultramicroscopy 48, 304 (1993).
    """
    _check(g, mode, sideband, band_limit)
    if mode == "sum":
        return g.device.xp.angle(object_transmission(g, aberrations, mode, sideband, band_limit))
    phases = _phases(g, aberrations, averaged=mode == "exact")
    with _spectrum(g) as spectrum:
        _fill(g, phases, mode, "full" if sideband == "full" else "both", band_limit, spectrum)
        return _image(g, spectrum)


def object_transmission(
    g: Sidebands,
    aberrations: Aberrations,
    mode: str = "exact",
    sideband: str = "both",
    band_limit: float = 1.0,
) -> np.ndarray:
    """Complex transmission of the weak object, 1 + amplitude + i phase.

    Parameters are those of `single_sideband`.

    Returns
    -------
    (Sy, Sx) complex64 array
        On the device of `g`, of mean 1. Its imaginary part is the phase image (except in mode
        "sum", whose phase is the angle); its real part less 1 is the amplitude, which the two
        sidebands give with opposite sign: "both" and "full" take that of the right one.

    Notes
    -----
    For T = 1 + ψ: G = A*(k) A(k - q) Ψ(q) + A(k) A*(k + q) Ψ*(-q), so the right sideband holds
    Ψ(q) and the left one Ψ*(-q); together they give the complex image from half the plane.
    """
    _check(g, mode, sideband, band_limit)
    phases = _phases(g, aberrations, averaged=mode == "exact")
    xp = g.device.xp
    right, left = (xp.empty(g.q_shape, np.complex64) for _ in range(2))
    _fill(g, phases, mode, "right", band_limit, right)
    _fill(g, phases, mode, "left", band_limit, left)
    # Ψ = i Φ with Φ(q) = Φ_R(q), Φ(-q) = Φ_L*(q): the part odd under conjugation is amplitude.
    amplitude = _image(g, 0.5j * (right - left))
    if sideband in ("right", "left"):
        phase = _image(g, 0.5 * (right + left))
    else:
        _fill(g, phases, mode, sideband, band_limit, right)
        phase = _image(g, right)
        if mode == "sum":
            # The original adds both sidebands, whose amplitudes cancel.
            amplitude = xp.zeros_like(phase)
    if sideband == "left":
        amplitude = -amplitude
    result = xp.empty(g.scan_shape, np.complex64)
    if mode == "sum":
        mean = g.electrons / phase.size
        phase, amplitude = phase / mean, amplitude / mean
    result.real = 1 + amplitude
    result.imag = phase
    return result
