"""The fit of the aberrations on simulated weak objects whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from recon.calibration import Calibration
from recon.errors import Cancelled, Unfitted
from recon.focus.fit import coefficients_to, fit_aberrations
from recon.focus.overlaps import strongest_overlaps
from recon.focus.search import first_order_candidates
from recon.geometry.disc import fit_disc
from recon.io import open_events
from recon.optics import Aberrations
from recon.orientation.by_sidebands import sideband_orientations
from recon.simulate.scan import expected_intensities, sample_events
from recon.ssb.gfunction import build_sidebands
from recon.sums.detectors import pacbed
from tests.support.focus_scans import HIGH, LOW, STEP, calibration_of, deviations, g_of, intensities


@pytest.mark.parametrize(
    ("truth", "rotation", "transpose", "orders", "full"),
    [(LOW, -12.0, False, 2, False), (HIGH, 30.0, True, 3, True)],
    ids=["second order", "third order, rotated and transposed, with the triple overlap"],
)
def test_coefficients_come_back_within_their_errors(truth, rotation, transpose, orders, full):
    fits = [
        fit_aberrations(g_of(truth, rotation, transpose, 2e4, seed, full), orders=orders)
        for seed in range(3)
    ]
    assert all(set(fit.errors) == set(coefficients_to(orders)) for fit in fits)
    z = np.array([deviations(fit, truth) for fit in fits])
    assert np.abs(z).max() < 4
    # A standard error is the size of a typical error: neither half of it nor twice.
    assert 0.6 < np.sqrt(np.mean(z**2)) < 1.6
    assert all(fit.flatness_after > 3 * fit.flatness_before for fit in fits)


def test_errors_shrink_as_the_square_root_of_the_dose():
    few, many = (
        fit_aberrations(g_of(LOW, -12.0, dose=dose), LOW, orders=1) for dose in (2e4, 3.2e5)
    )
    assert few.errors["C10"] / many.errors["C10"] == pytest.approx(4, rel=0.25)


def test_the_triple_overlap_tells_more_of_a_defocus():
    few, more = (
        fit_aberrations(g_of(LOW, -12.0, full=full), LOW, orders=1) for full in (False, True)
    )
    assert more.errors["C10"] < 0.9 * few.errors["C10"]


@pytest.mark.parametrize("defocus", [-400.0, 400.0])
def test_a_large_defocus_of_either_sign_is_found(defocus):
    truth = Aberrations(C10=-defocus, C12a=60.0)
    g = g_of(truth, dose=1e5)
    best = first_order_candidates(strongest_overlaps(g, 120))[0]
    assert pytest.approx(-defocus, abs=40) == best.C10
    fit = fit_aberrations(g, Aberrations(C10=defocus), orders=1)
    assert np.abs(deviations(fit, truth)).max() < 4


def test_the_rotation_is_fitted_with_them():
    truth = 24.0
    expected = intensities(LOW, truth, False)
    events = sample_events(expected, 5e4 * STEP[0] * STEP[1], seed=1)
    g = build_sidebands(events, calibration_of(truth - 2.0, False), 16)
    fit = fit_aberrations(g, orders=2, rotation=True)
    assert fit.rotation_deg == pytest.approx(truth, abs=4 * fit.rotation_error)
    assert fit.rotation_error < 0.5


def test_an_angle_that_is_not_fitted_lends_the_coefficients_its_error():
    """A turn by δ turns the gradient of C12, a reflection, by δ: C12 moves by |C12| δ across."""
    g = g_of(Aberrations(C10=60.0, C12b=-150.0), -12.0, dose=1e4)
    sure = fit_aberrations(g, orders=1)
    doubtful = fit_aberrations(g, orders=1, rotation=True, known=(-12.0, 2.0))
    assert doubtful.rotation_deg is None
    assert doubtful.aberrations == sure.aberrations
    added = {n: np.sqrt(e**2 - sure.errors[n] ** 2) for n, e in doubtful.errors.items()}
    moved = np.hypot(sure.aberrations.C12a, sure.aberrations.C12b) * np.deg2rad(2.0)
    assert added["C12a"] == pytest.approx(moved, rel=0.1)
    assert added["C12b"] < 0.1 * moved
    assert added["C10"] < 0.1 * moved


def test_locked_coefficients_keep_their_value():
    start = Aberrations(C12a=LOW.C12a, C30=5.0)
    fit = fit_aberrations(g_of(LOW, -12.0), start, orders=2, locked=("C12a", "C23a"))
    assert (fit.aberrations.C12a, fit.aberrations.C23a, fit.aberrations.C30) == (LOW.C12a, 0.0, 5.0)
    assert {"C12a", "C23a"}.isdisjoint(fit.errors)
    assert pytest.approx(LOW.C10, abs=5 * fit.errors["C10"]) == fit.aberrations.C10


def test_what_the_data_do_not_determine_is_left_alone():
    """Fifth-order coefficients cannot be told apart by so few electrons."""
    start = Aberrations(C56a=123.0)
    fit = fit_aberrations(g_of(LOW, -12.0, dose=6e3), start, orders=5)
    assert fit.undetermined
    for name in fit.undetermined:
        assert getattr(fit.aberrations, name) == getattr(start, name)
        assert name in fit.statement
    assert "C10" in fit.errors


@pytest.mark.parametrize("seed", [0, 1])
def test_an_empty_film_is_refused(seed):
    expected = intensities(LOW, -12.0, False)
    flat = np.broadcast_to(expected.mean((0, 1)), expected.shape)
    g = build_sidebands(sample_events(flat, 1e3, seed=seed), calibration_of(-12.0), 16)
    with pytest.raises(Unfitted, match="nothing was changed"):
        fit_aberrations(g)


def test_one_crystal_spot_is_refused():
    """A single frequency is flat for a whole family of aberrations."""
    shape = (44, 36)
    y, x = np.indices(shape)
    phase = 0.2 * np.cos(2 * np.pi * (6 * y / shape[0] + 5 * x / shape[1]))
    calibration = calibration_of()
    expected = expected_intensities(phase, calibration, LOW, frame_shape=(23, 22), weak=True)
    g = build_sidebands(sample_events(expected, 2e3), calibration, 16)
    with pytest.raises(Unfitted, match="nothing was changed"):
        fit_aberrations(g, orders=1)


def test_a_fit_can_be_cancelled():
    def stop(fraction):
        if fraction > 0.2:
            raise Cancelled

    with pytest.raises(Cancelled):
        fit_aberrations(g_of(LOW, -12.0), progress=stop)


def test_bad_requests_are_refused():
    g = g_of(LOW, -12.0)
    with pytest.raises(ValueError, match="order 1, 2, 3, 4 or 5, not 6"):
        fit_aberrations(g, orders=6)
    with pytest.raises(ValueError, match="'C99' is no aberration"):
        fit_aberrations(g, locked=("C99",))
    with pytest.raises(ValueError, match="nothing to fit"):
        fit_aberrations(g, orders=1, locked=("C10", "C12a", "C12b"))


@pytest.mark.usefixtures("few_frequencies")
def test_the_defocus_of_a_real_scan_is_found_from_nothing(shared_data):
    """Viruses in ice, 14.7 million electrons; its source states 13.5 µm of defocus."""
    path = shared_data / "virus_4dcamera_v3.h5"
    if not path.exists():
        pytest.skip("no scan of viruses")
    events = open_events(path, keep_flyback=True)
    disc = fit_disc(pacbed(events))
    calibration = Calibration(300e3, 1.03, (31.25, 31.25), disc.centre, disc.radius)
    best, *others = sideband_orientations(events, calibration)
    swapped = max(o.score for o in others if o.transpose != best.transpose)
    assert best.score > 1.1 * swapped
    # The curl of the centre of mass says 122° ± 1°, axes swapped.
    assert best.transpose
    assert best.rotation_deg == pytest.approx(122, abs=8)
    laid = replace(calibration, rotation_deg=best.rotation_deg, transpose=best.transpose)
    g = build_sidebands(events, laid, 24, full=True)
    fit = fit_aberrations(g, orders=1, rotation=True)
    assert fit.aberrations.defocus == pytest.approx(135e3, rel=0.06)
    assert fit.rotation_deg == pytest.approx(122, abs=4)
