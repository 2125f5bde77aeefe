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

γ's terms carry the weights of the specimen that G is taken through, `Sidebands.through`: those of
`recon.specimen`, at the pixels' centres, in exact mode as well: there their change across a pixel
is left out. With 18 pixels across the disc, the exact phase of 10 nm that lean by 5 mrad is off by
0.5 % (rms) at 80 kV and 25 mrad, by 1.2 to 1.5 % at 200 kV and 20 mrad, where that is 1.6 depths of
focus (λ/α²), and by 8 %, too low by 5 %, at 300 kV and 30 mrad, where it is 4.6.

Where that specimen is a film whose focus changes over the scan, phases of several C10 are blended:
see `recon.ssb.film`. C10 is then that of the scan's middle, and each image costs as many redraws.

The right and the left sideband hold the same phase, so `sideband` "right", "left" and "both"
give one and the same phase image, from both; they differ in the amplitude. "full" adds the
triple overlap.
"""

from dataclasses import replace

import numpy as np

from recon.device.backend import guarded
from recon.kernels.cpu import sideband_geometry as geometry
from recon.optics import Aberrations
from recon.ssb import film, norms
from recon.ssb.norms import SIDES
from recon.ssb.prior import Prior
from recon.ssb.sidebands import Sidebands
from recon.ssb.workspace import Workspace, constants, remembered, workspace

MODES = ("exact", "draft", "sum")
SIDEBANDS = ("both", "left", "right", "full")

KINDS = {
    "right": 1 << geometry.RIGHT | 1 << geometry.RIGHT_PART,
    "left": 1 << geometry.LEFT | 1 << geometry.LEFT_PART,
}
KINDS["both"] = KINDS["right"] | KINDS["left"] | 1 << geometry.TWO_TERMS
KINDS["full"] = KINDS["both"] | 1 << geometry.TRIPLE
"""Kinds of runs that take part, as bits."""

LEAST = np.float32(norms.LEAST_OVERLAP)


def check(g: Sidebands, mode: str, sideband: str, band_limit: float, prior: Prior | None = None):
    """Refuse what is no mode, sideband or band limit, and "full" of a G without triple overlap."""
    if mode not in MODES:
        raise ValueError(f"The mode is one of {', '.join(MODES)}, not {mode!r}.")
    if mode == "sum" and prior is not None:
        raise ValueError(
            "A Wiener filter weights a least-squares phase: "
            "take the mode 'exact' or 'draft', not 'sum'."
        )
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


def _fill(g, work: Workspace, mode: str, part: str, band_limit: float, out, prior=None):
    """Fill `out` with Φ on the half plane from one `part`: right, left, both or full.

    Only a draft can have its Wiener weights in its norm.
    """
    fixed = constants(g)
    if mode == "exact":
        last = remembered(
            g, ("last", band_limit), lambda: g.device.handle(norms.last_columns(g, band_limit))
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
            g.depth,
            KINDS[part],
            last,
            LEAST,
            fixed.exact_scale,
            out,
        )
        return
    sides = SIDES[part]
    if mode == "sum":
        norm = norms.plain(g, band_limit)
    else:
        norm = norms.least_squares(g, work, sides, band_limit, prior)
    fill_hard(g, work, norm, sides, out)


def fill_hard(g: Sidebands, work: Workspace, norm, sides: int, out):
    """Fill `out` with -i norm Σ γ* G over hard masks."""
    fixed = constants(g)
    chi = norms.chi_arguments(g, work)
    g.device.kernels.sum_hard(*fixed.entries, *fixed.hard, *chi, g.depth, norm, sides, out)


def prepare(g: Sidebands, work: Workspace, aberrations: Aberrations, mode: str) -> None:
    """Have a workspace know the aberrations."""
    fixed = constants(g)
    work.prepare(fixed.averaged if mode == "exact" else fixed.centred, aberrations)


def fill_phase(g, work: Workspace, aberrations, mode: str, part: str, band_limit, prior=None):
    """Fill the spectrum with Φ on the half plane from one `part`: right, left, both or full."""
    prepare(g, work, aberrations, mode)
    # Phase and amplitude have one weight, that of both sides.
    in_norm = prior is not None and mode == "draft" and part in ("both", "full")
    _fill(g, work, mode, part, band_limit, work.out, prior if in_norm else None)
    if prior is not None and not in_norm:
        sides = SIDES["full" if part == "full" else "both"]
        work.spectrum *= norms.wiener(g, work, sides, prior)


@guarded
def single_sideband(
    g: Sidebands,
    aberrations: Aberrations,
    mode: str = "exact",
    sideband: str = "both",
    band_limit: float = 1.0,
    prior: Prior | None = None,
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
    prior : Prior, optional
        Weight each frequency by what it tells (Wiener): Φ W / (W + 1 / S), W = N Σ |γ|² P over
        the hard masks, in exact mode too, and S the power that the prior expects. None gives
        plain least squares. A weighted phase has lost contrast where electrons are few: it is for
        looking at, not for reading radians off.

    Returns
    -------
    (Sy, Sx) float32 array
        Phase of the object [rad], with mean 0; in mode "sum" the angle of the complex sum. On
        the device of `g`.

    Raises
    ------
    ValueError
        For an unknown mode or sideband, "full" with a G that was built without it, or a prior
        in mode "sum".
    DeviceError
        If the device fails or its memory is full.

    Notes
    -----
    Eq. 3 of Pelz et al. (2021), repaired and weighted; sidebands after Rodenburg, McCallum &
    Nellist, Ultramicroscopy 48, 304 (1993).
    """
    check(g, mode, sideband, band_limit, prior)
    how = mode, sideband, band_limit, prior
    return _over_levels(g, aberrations, lambda each: _phase(g, each, *how))


def _over_levels(g, aberrations: Aberrations, make):
    """What `make(aberrations)` gives; blended where the film's focus changes over the scan."""
    levels = film.levels(g, aberrations.C10)
    if len(levels) == 1:
        return make(aberrations)
    return film.blended(g, levels, lambda c10: make(replace(aberrations, C10=c10)))


def _phase(g, aberrations, mode, sideband, band_limit, prior):
    """`single_sideband` of one C10."""
    xp = g.device.xp
    if mode == "sum" and sideband in ("left", "right"):
        return xp.angle(_transmission(g, aberrations, mode, sideband, band_limit, None))
    part = "full" if sideband == "full" else "both"
    with workspace(g) as work:
        g.fill(work, fill_phase, aberrations, mode, part, band_limit, prior)
        image = work.image(work.spectrum)
    if mode == "sum":
        # Both sidebands' amplitudes cancel: what is left is 1 + i times the image.
        return xp.arctan(image * np.float32(image.size * g.scanned / g.electrons))
    return image


@guarded
def object_transmission(
    g: Sidebands,
    aberrations: Aberrations,
    mode: str = "exact",
    sideband: str = "both",
    band_limit: float = 1.0,
    prior: Prior | None = None,
) -> np.ndarray:
    """Complex transmission of the weak object, 1 + amplitude + i phase.

    Parameters
    ----------
    g, aberrations, mode, sideband, band_limit, prior
        As for `single_sideband`.

    Returns
    -------
    (Sy, Sx) complex64 array
        On the device of `g`, of mean 1. Its imaginary part is the phase image (except in mode
        "sum", whose phase is the angle); its real part less 1 is the amplitude, which the two
        sidebands give with opposite sign: "both" and "full" take that of the right one.

    Raises
    ------
    ValueError, DeviceError
        As `single_sideband`.

    Notes
    -----
    For T = 1 + ψ: G = A*(k) A(k - q) Ψ(q) + A(k) A*(k + q) Ψ*(-q), so the right sideband holds
    Ψ(q) and the left one Ψ*(-q); together they give the complex image from half the plane. The
    triple overlap ("full"), and in exact mode a pixel that holds both terms, are taken for those of
    a pure phase object: there an amplitude leaks into the phase. "right" and "left" take neither.
    """
    check(g, mode, sideband, band_limit, prior)
    how = mode, sideband, band_limit, prior
    return _over_levels(g, aberrations, lambda each: _transmission(g, each, *how))


def _transmission(g, aberrations, mode, sideband, band_limit, prior):
    """`object_transmission` of one C10."""
    xp = g.device.xp
    one_side = sideband in ("right", "left")
    with workspace(g) as work:

        def filled(part):
            g.fill(work, fill_phase, aberrations, mode, part, band_limit, prior)
            return work.spectrum.copy()

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
        mean = g.electrons / (phase.size * g.scanned)
        phase, amplitude = phase / mean, amplitude / mean
    result.real = 1 + amplitude
    result.imag = phase
    return result
