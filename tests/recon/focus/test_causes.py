"""Fits and orientations where something else than the coefficients is wrong."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import scipy.fft

from recon.calibration import Calibration
from recon.errors import Unfitted
from recon.focus.causes import remarks_on
from recon.focus.fit import fit_aberrations
from recon.focus.overlaps import strongest_overlaps
from recon.focus.refinement import Refinement
from recon.focus.semiangle import fit_semiangle, rescaled
from recon.optics import Aberrations, electron_wavelength
from recon.orientation.by_curl import find_orientation
from recon.orientation.by_sidebands import OrientationScore
from recon.orientation.disc_entries import disc_entries
from recon.orientation.eight_ways import orientations, sheet_of
from recon.simulate.scan import expected_intensities, sample_events
from recon.ssb.gfunction import build_sidebands
from tests.support.focus_scans import (
    LOW,
    STEP,
    calibration_of,
    deviations,
    g_of,
    intensities,
    weak_phase,
)
from tests.support.laid_scans import laid

PER_POSITION = 2e4 * STEP[0] * STEP[1]
SPHERICAL = Aberrations(C10=-150, C12a=60, C30=4e5)
"""C30 of 6 rad at the edge of the aperture, as a lens without a corrector has."""


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 3))])
def test_in_focus_the_rotation_stays_as_it_is_known(seed):
    """The phases of an unaberrated probe are 0 whatever the angle."""
    expected = intensities(Aberrations(), 25.0, False)
    events = sample_events(expected, PER_POSITION / 4, seed=seed)
    g = build_sidebands(events, calibration_of(25.4), 16, full=True)
    fit = fit_aberrations(g, orders=1, rotation=True, known=(25.4, 0.5))
    assert fit.rotation_deg is None or abs(fit.rotation_deg - 25.4) <= 3 * 0.5
    assert np.abs(deviations(fit, Aberrations())).max() < 4
    assert fit.flatness_after > fit.flatness_before - 0.01


def test_a_rotation_that_the_tiles_tell_is_fitted_within_what_is_known():
    g = build_sidebands(
        sample_events(intensities(LOW, -12.0, False), 4 * PER_POSITION, seed=1),
        calibration_of(-13.5),
        16,
        full=True,
    )
    free = fit_aberrations(g, rotation=True, known=(-13.5, 2.0))
    assert free.rotation_deg == pytest.approx(-12.0, abs=4 * free.rotation_error)
    # What is known better than the tiles tell it hardly moves, and no further than its errors.
    held = fit_aberrations(g, rotation=True, known=(-13.5, 0.1))
    assert held.rotation_deg is None or abs(held.rotation_deg + 13.5) <= 0.3 + 1e-9


@pytest.mark.parametrize("orders", [1, 2])
def test_a_missing_third_order_is_not_blamed_on_the_beam(orders):
    g = g_of(SPHERICAL, full=True)
    with pytest.raises(Unfitted, match=r"order 3 .*does.*Fit to order 3; nothing was") as refused:
        fit_aberrations(g, orders=orders)
    assert "C30 alone" in str(refused.value)
    assert "mrad" not in str(refused.value)
    fit = fit_aberrations(g, orders=3)
    assert np.abs(deviations(fit, SPHERICAL)).max() < 4
    assert fit.remarks == ()


def test_an_object_that_is_too_strong_is_said_to_be():
    """Twenty times the phase of 0.08 rad: its own second order is an amplitude."""
    calibration = calibration_of()
    phase = 20 * weak_phase((44, 36))
    expected = expected_intensities(phase, calibration, frame_shape=(23, 22), subpixels=2)
    g = build_sidebands(sample_events(expected, PER_POSITION / 10), calibration, 16, full=True)
    try:
        said = fit_aberrations(g, orders=1).statement
    except Unfitted as refusal:
        said = str(refusal)
    assert "too thick or too strong for a weak phase object" in said
    assert "mrad" not in said
    assert fit_aberrations(g_of(LOW, -12.0)).remarks == ()


def test_coefficients_at_which_the_tiles_are_not_flat_are_refused():
    """Half a micrometre off, no tile keeps a phase."""
    g = g_of(LOW, -12.0, full=True)
    off = Refinement(strongest_overlaps(g), ("C10",), Aberrations(C10=5000)).judge()
    with pytest.raises(Unfitted, match=r"do not become flat: .* 0 % is flat.*nothing was changed"):
        remarks_on(g, off, 5)


def test_a_loss_of_flatness_is_refused(monkeypatch):
    start = Aberrations(C10=-140)
    figures = {start: 0.5}
    monkeypatch.setattr("recon.focus.fit.flatness", lambda g, at, *turned: figures.get(at, 0.3))
    with pytest.raises(Unfitted, match=r"50 %.*best fit does \(30 %\): nothing was changed"):
        fit_aberrations(g_of(LOW, -12.0, full=True), start)


@pytest.mark.parametrize("told", [22.0, 27.5, 30.0])
def test_a_semiangle_told_wrongly_is_found_whatever_was_told(told):
    """The truth is 25 mrad."""
    events = sample_events(intensities(LOW, -12.0, False), PER_POSITION, seed=2)

    def build(calibration):
        return build_sidebands(events, calibration, 16, full=True)

    g = build(replace(calibration_of(-12.0), semiangle_cutoff=told))
    found = fit_semiangle(g, rescaled(LOW, told / 25.0), build=build)
    assert found.semiangle_cutoff == pytest.approx(25.0, abs=2 * found.error)
    assert found.error < 0.03 * 25.0


CELL, STEPS, CELLS, GRID = 3.905, 20, 4, 96
"""Å along an edge of a cubic crystal, scan steps in it, and edges and points of the box."""


@cache
def crystal(slices):
    """(Sy, Sx, Ky, Kx) intensities of a crystal seen along columns, and its calibration.

    Multislice: ψ → FFT⁻¹[exp(-iπλ dz k²) FFT[ψ exp(iφ)]] for each layer of the cell, the focus in
    the middle of the crystal. Heavy columns at the corners, lighter ones in the middle and on the
    edges, so that the plan view has the mirrors of a square.
    """
    energy, semiangle, box = 300e3, 20.0, CELL * CELLS
    wavelength = electron_wavelength(energy)
    k = scipy.fft.fftfreq(GRID, box / GRID)
    square = k[:, None] ** 2 + k**2
    columns = ((0, 0, 2.2), (0.5, 0.5, 1.4), (0.5, 0, 0.5), (0, 0.5, 0.5))
    at = np.arange(GRID) * box / GRID
    layer = np.zeros((GRID, GRID))
    for y, x, strength in columns:
        profiles = []
        for place in (y, x):
            off = (at - place * CELL + CELL / 2) % CELL - CELL / 2
            profiles.append(np.exp(-((off / 0.2) ** 2)))
        layer += strength * np.outer(*profiles)
    limit = square < (2 / 3 * k.max()) ** 2
    transmission = np.exp(1j * layer).astype(np.complex64)
    propagator = (np.exp(-1j * np.pi * wavelength * CELL * square) * limit).astype(np.complex64)
    k0 = 1e-3 * semiangle / wavelength
    # C10 = -half the thickness at the entrance.
    chi = np.pi * wavelength * (-(slices - 1) * CELL / 2) * square
    aperture = (square < k0**2) * np.exp(-1j * chi)
    half, middle = 20, GRID // 2
    seen = slice(middle - half, middle + half)
    frames = np.empty((STEPS, STEPS, 2 * half, 2 * half))
    for row, column in zip(*np.triu_indices(STEPS), strict=True):
        y, x = row * CELL / STEPS, column * CELL / STEPS
        waves = aperture * np.exp(-2j * np.pi * (k[:, None] * y + k * x))
        waves = scipy.fft.ifft2(waves.astype(np.complex64))
        for _ in range(slices):
            waves = scipy.fft.ifft2(propagator * scipy.fft.fft2(waves * transmission))
        pattern = scipy.fft.fftshift(np.abs(scipy.fft.fft2(waves)) ** 2)[seen, seen]
        frames[row, column], frames[column, row] = pattern, pattern.T
    frames /= np.count_nonzero(aperture)
    scan = np.tile(frames, (4, 4, 1, 1))
    step = CELL / STEPS
    return scan, Calibration(energy, semiangle, (step, step), (20.0, 20.0), k0 * box)


@pytest.mark.usefixtures("few_frequencies")
def test_a_thick_mirror_symmetric_crystal_keeps_the_transpose_of_its_curl():
    """Swapped or not, the sidebands of a square lattice lie in the same places."""
    expected, calibration = crystal(26)
    events = sample_events(expected, 3e4 * (CELL / STEPS) ** 2, seed=1)
    sheet = orientations(events, calibration)
    assert sheet.by_curl.transpose_confidence > 0.99
    assert not sheet.best.transpose
    assert sheet.best.rotation_deg == pytest.approx(0, abs=3 * sheet.rotation_error)
    turned = replace(calibration, rotation_deg=sheet.best.rotation_deg)
    try:
        said = fit_aberrations(build_sidebands(events, turned, 18, full=True), orders=1).statement
    except Unfitted as refusal:
        said = str(refusal)
    assert "too thick or too strong" in said
    assert "mrad" not in said


@pytest.mark.parametrize("transpose", [False, True])
def test_sidebands_under_a_wrong_model_do_not_outvote_a_sure_curl(transpose, monkeypatch):
    """What a model leaves over is alike in every tile: likelihoods grow with the electrons."""
    events, calibration, (rotation, swapped) = laid("in focus", 25.0, transpose, False, 0)
    by_curl = find_orientation(
        events, calibration.scan_sampling, calibration.centre, calibration.radius
    )
    assert by_curl.transpose == swapped
    scores = [
        OrientationScore(
            rotation % 180, state, 50.0, 0.0, likelihood=9e3 if state != swapped else 1
        )
        for state in (not swapped, swapped)
    ]
    monkeypatch.setattr("recon.orientation.eight_ways.rank_orientations", lambda *which: scores)
    sheet = sheet_of(disc_entries(events, calibration, 12), by_curl)
    assert sheet.best.transpose == swapped
    assert sheet.agree is False
    assert "the curl, which is surer of the axes, is taken" in sheet.statement
