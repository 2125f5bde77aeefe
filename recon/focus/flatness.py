"""How flat the tiles of G are: a figure of how right the aberrations are, cheap enough to watch.

At the true aberrations γ* G has one phase for each frequency. Of a tile's power above counting
noise, Σ |G|² / w - n for n entries of variance w, the part |Σ γ* G|² / Σ |γ|² w is flat; of
entries without any common phase a share of 1 / n is flat by chance, and is taken off.
"""

from dataclasses import dataclass

import numpy as np

from recon.focus.overlaps import Overlaps, margin, overlaps_at, strongest_overlaps
from recon.focus.phase_model import flat_sums
from recon.optics import Aberrations
from recon.specimen import THIN
from recon.ssb.sidebands import Sidebands
from recon.ssb.workspace import remembered

FREQUENCIES = 120
"""Frequencies that are looked at, the strongest."""

LEAST_SIGNAL = 5.0
"""Standard deviations of counting noise that a signal is taken to be, at least, where what is flat
is divided by it."""

RANDOM = np.pi / np.sqrt(3)
"""Standard deviation of a phase that may be anything [rad]."""

TINY = 1e-30


@dataclass(frozen=True)
class TileFlatness:
    """How flat some tiles are.

    Attributes
    ----------
    flatness : (n,) float64 array
        Share of each tile's power above noise that is flat, 0 to 1; NaN for a tile that holds too
        few entries or no more than noise.
    residual_phase : (n,) float64 array
        Standard deviation of the phase that is left in the tile, noise taken off [rad], such that
        a flat share of exp(-σ²) remains; no more than that of a phase that may be anything, 1.81.
    """

    flatness: np.ndarray
    residual_phase: np.ndarray


def flatness(g: Sidebands, aberrations: Aberrations, rotation_deg: float | None = None) -> float:
    """Share of the strongest tiles' power above counting noise that is flat.

    Parameters
    ----------
    g : Sidebands
    aberrations : Aberrations
    rotation_deg : float, optional
        Another rotation than that of the calibration.

    Returns
    -------
    float
        0 (no common phase, or nothing but noise) to 1 (all flat: the aberrations are right, and
        the object is a weak phase object). Falls when a coefficient is wrong.

    Raises
    ------
    DeviceError
        If the device of `g` fails.

    Notes
    -----
    The first call reads the entries of the strongest frequencies; the following ones take less
    than a draft redraw.
    """
    found = remembered(g, ("overlaps",), lambda: strongest_overlaps(g.through(THIN), FREQUENCIES))
    overlaps = found
    if not g.specimen.thin:
        key = "weighed overlaps", g.specimen
        overlaps = remembered(g, key, lambda: found.through(g.specimen))
    return flatness_of(overlaps, aberrations, rotation_deg)


def flatness_of(
    overlaps: Overlaps, aberrations: Aberrations, rotation_deg: float | None = None
) -> float:
    """As `flatness`, of entries that are there; with another rotation, if wanted."""
    if not overlaps.size:
        return 0.0
    flat, signal, noise = flat_shares(overlaps, aberrations, rotation_deg)
    least = LEAST_SIGNAL * np.sqrt(noise.sum())
    return float(np.clip(flat.sum() / max(signal.sum(), least), 0, 1))


def tile_flatness(g: Sidebands, aberrations: Aberrations, frequencies) -> TileFlatness:
    """How flat the tiles of some frequencies are.

    Parameters
    ----------
    g : Sidebands
    aberrations : Aberrations
    frequencies : (n, 2) int array
        As for `recon.ssb.tiles.gfunction_tiles`, such as `strongest_frequencies` gives.

    Returns
    -------
    TileFlatness

    Raises
    ------
    DeviceError
        If the device of `g` fails.
    """
    wanted = np.asarray(frequencies).reshape(-1, 2).astype(int)
    wanted = np.where(wanted[:, 1:] < 0, -wanted, wanted)
    overlaps = overlaps_at(g, wanted, margin(g.bright_field.width))
    shares = np.full(len(wanted), np.nan)
    if overlaps.size:
        flat, signal, noise = flat_shares(overlaps, aberrations)
        found = np.where(signal > LEAST_SIGNAL * np.sqrt(noise), flat / signal, np.nan)
        # Frequencies whose sidebands hold too few pixels have no overlap.
        at = dict(zip(zip(*overlaps.q, strict=True), found, strict=True))
        for tile, (row, column) in enumerate(wanted):
            q = g.q_y[row % g.scan_shape[0]], g.q_x[column]
            shares[tile] = np.clip(at.get(q, np.nan), 0, 1)
    left = np.sqrt(-np.log(np.maximum(shares, np.exp(-(RANDOM**2)))))
    return TileFlatness(shares, left)


def flat_shares(overlaps: Overlaps, aberrations: Aberrations, rotation_deg: float | None = None):
    """(M,) flat power without that of chance, power above noise, and variance of the latter."""
    sums, norms = flat_sums(overlaps, aberrations, rotation_deg)
    counts = np.diff(overlaps.starts)
    power = overlaps.add_up(np.abs(overlaps.values) ** 2 / overlaps.weights)
    flat = np.abs(sums) ** 2 / np.maximum(norms, TINY)
    return (flat - power / counts) * counts / (counts - 1), power - counts, counts
