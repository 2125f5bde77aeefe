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

import numpy as np

from recon.backend import guarded
from recon.gfunction import Sidebands
from recon.kernels import sideband_geometry as geometry
from recon.optics import Aberrations
from recon.redraw import Workspace, constants, remembered, workspace

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

LEAST = np.float32(LEAST_OVERLAP)


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


def _last_columns(g: Sidebands, band_limit: float):
    """(Sy,) int32 on the device: columns of each row within `band_limit` times 2 k0."""
    rest = (2 * band_limit * g.calibration.k0) ** 2 - g.q_y**2
    columns = np.floor(np.sqrt(np.maximum(rest, 0)) / g.q_x[1]) + 1
    last = np.where(rest >= 0, np.minimum(columns, g.q_shape[1]), 0).astype(np.int32)
    return g.device.xp.asarray(last)


def _within(g: Sidebands, band_limit: float):
    """(Sy, Qx) bool on the device: frequencies within `band_limit` times 2 k0."""
    return g.device.xp.arange(g.q_shape[1]) < _last_columns(g, band_limit)[:, None]


def _chi_arguments(g: Sidebands, work: Workspace):
    """What the hard-mask kernels take between their tables and their weights."""
    fixed = constants(g)
    return fixed.k, work.chi, work.powers, work.mirrored, fixed.q_y, fixed.q_x


def _hard_norm(g: Sidebands, work: Workspace, sides: int, band_limit: float):
    """1 / Σ |γ|² P(k) over the hard masks, 0 where the overlap is too small or q too large.

    With the shares of the transform and of the entries' scale in it.
    """
    xp, kernels = g.device.xp, g.device.kernels
    pixels, power = (xp.empty(g.q_shape, np.float32) for _ in range(2))
    pacbed = xp.asarray(g.pacbed.astype(np.float32))
    kernels.hard_power(g.first, g.hard, xp.ones_like(pacbed), sides & BOTH_SIDES, pixels)
    kernels.hard_power(g.first, g.hard, pacbed, sides & BOTH_SIDES, power)
    if sides >> geometry.TRIPLE & 1:
        chi = _chi_arguments(g, work)
        kernels.triple_power(g.first, g.hard, *chi, xp.ones_like(pacbed), pixels)
        kernels.triple_power(g.first, g.hard, *chi, pacbed, power)
    enough = (pixels > LEAST_OVERLAP) & (power > 0)
    enough &= _within(g, band_limit)
    share = np.float32(constants(g).share)
    norm = xp.where(enough, share / xp.where(enough, power, np.float32(1)), np.float32(0))
    return g.device.handle(norm)


def _plain_norm(g: Sidebands, band_limit: float):
    """The shares alone, 0 where q is too large."""
    share = np.float32(constants(g).share)
    return g.device.handle(_within(g, band_limit).astype(np.float32) * share)


def _fill(g: Sidebands, work: Workspace, mode: str, part: str, band_limit: float, out):
    """Fill `out` with Φ on the half plane from one `part`: right, left, both or full."""
    fixed = constants(g)
    if mode == "exact":
        last = remembered(
            g, ("last", band_limit), lambda: g.device.handle(_last_columns(g, band_limit))
        )
        g.device.kernels.sum_averaged(
            *fixed.entries,
            *fixed.runs,
            fixed.k,
            work.values,
            work.powers,
            work.mirrored,
            work.slopes,
            work.slopes_mirrored,
            fixed.q_y,
            fixed.q_x,
            KINDS[part],
            last,
            LEAST,
            fixed.exact_scale,
            out,
        )
        return
    sides = SIDES[part]
    if mode == "sum":
        norm = remembered(g, ("plain", band_limit), lambda: _plain_norm(g, band_limit))
    elif sides >> geometry.TRIPLE & 1:
        # In the triple overlap |γ| changes with the aberrations; elsewhere it is one.
        norm = _hard_norm(g, work, sides, band_limit)
    else:
        norm = remembered(
            g, ("norm", sides, band_limit), lambda: _hard_norm(g, work, sides, band_limit)
        )
    chi = _chi_arguments(g, work)
    g.device.kernels.sum_hard(*fixed.entries, *fixed.hard, *chi, norm, sides, out)


@contextmanager
def _prepared(g: Sidebands, aberrations: Aberrations, mode: str):
    """A workspace that knows the aberrations."""
    with workspace(g) as work:
        fixed = constants(g)
        work.prepare(fixed.averaged if mode == "exact" else fixed.centred, aberrations)
        yield work


@guarded
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
    DeviceError
        If the device fails or its memory is full.

    Notes
    -----
    Eq. 3 of Pelz et al. (2021), repaired and weighted; sidebands after Rodenburg, McCallum &
    Nellist, Ultramicroscopy 48, 304 (1993).
    """
    _check(g, mode, sideband, band_limit)
    xp = g.device.xp
    if mode == "sum" and sideband in ("left", "right"):
        return xp.angle(object_transmission(g, aberrations, mode, sideband, band_limit))
    with _prepared(g, aberrations, mode) as work:
        _fill(g, work, mode, "full" if sideband == "full" else "both", band_limit, work.out)
        image = work.image(work.spectrum)
    if mode == "sum":
        # Both sidebands' amplitudes cancel: what is left is 1 + i times the image.
        return xp.arctan(image * np.float32(image.size / g.electrons))
    return image


@guarded
def object_transmission(
    g: Sidebands,
    aberrations: Aberrations,
    mode: str = "exact",
    sideband: str = "both",
    band_limit: float = 1.0,
) -> np.ndarray:
    """Complex transmission of the weak object, 1 + amplitude + i phase.

    Parameters, and what is raised, are those of `single_sideband`.

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
    xp = g.device.xp
    one_side = sideband in ("right", "left")
    with _prepared(g, aberrations, mode) as work:

        def filled(part):
            spectrum = xp.empty(g.q_shape, np.complex64)
            _fill(g, work, mode, part, band_limit, spectrum)
            return spectrum

        if mode == "sum" and not one_side:
            # The original adds both sidebands, whose amplitudes cancel.
            phase = work.image(filled(sideband))
            amplitude = xp.zeros_like(phase)
        else:
            right, left = filled("right"), filled("left")
            # Ψ = i Φ, Φ(q) = Φ_R(q), Φ(-q) = Φ_L*(q): the part odd under conjugation is amplitude.
            amplitude = work.image(0.5j * (right - left))
            phase = work.image(0.5 * (right + left) if one_side else filled(sideband))
    if sideband == "left":
        amplitude = -amplitude
    result = xp.empty(g.scan_shape, np.complex64)
    if mode == "sum":
        mean = g.electrons / phase.size
        phase, amplitude = phase / mean, amplitude / mean
    result.real = 1 + amplitude
    result.imag = phase
    return result
