"""What the page shows of a scan, made of its first rows: the same functions, on a growing G.

Counts with each plane's mean in the missing rows have the transform that a growing G has, so the
equations are those of any scan.
"""

from dataclasses import replace

import numpy as np
import pytest

from recon.dpc.integrate import integrate_com, integrate_com_direct
from recon.focus.fit import fit_aberrations
from recon.focus.flatness import flatness
from recon.focus.through_focus import through_focus
from recon.live.growing import GrowingSidebands
from recon.live.sums import GrowingSums
from recon.optics import Aberrations
from recon.simulate.scan import sample_events
from recon.ssb.bright_field import bright_field
from recon.ssb.gfunction import build_sidebands
from recon.ssb.optimum import optimum_bright_field
from recon.ssb.phase import object_transmission, single_sideband
from recon.ssb.prior import Prior
from recon.ssb.prior_fit import estimate_prior
from recon.ssb.tiles import entries_at, gfunction_tiles, power_spectrum, strongest_frequencies
from recon.sums.com import scan_deflection
from tests.support import equations
from tests.support.focus_scans import LOW, STEP, deviations, intensities
from tests.support.focus_scans import calibration_of as focus_calibration
from tests.support.growing_scans import blocks_of, filled_counts, random_scan, rows_of
from tests.support.weak_phase import MANY, calibration_of, relative

ABERRATIONS = Aberrations(C10=-80, C12a=20, C12b=-15)
ROWS, SHOWN = 17, 10


def part_of(turned=(0.0, False), full=True):
    """A growing G of the first ten rows of seventeen, and what its equations take."""
    calibration = calibration_of(*turned)
    events = random_scan((ROWS, 14), calibration, (17, 18))
    disc = bright_field(calibration, events.frame_shape, 12)
    made = GrowingSidebands(events.scan_shape, events.frame_shape, disc, calibration, full=full)
    for block in blocks_of(events, [0, 3, 4, SHOWN]):
        made.add(*block)
    counts = filled_counts(events, disc, np.arange(ROWS) < SHOWN)
    return made.sidebands(), counts, disc, calibration


@pytest.mark.parametrize("turned", [(0.0, False), (-70.0, True)], ids=["aligned", "turned"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("mode", ["draft", "exact"])
def test_phases_are_those_of_the_equations(turned, full, mode):
    g, *scan = part_of(turned)
    equation = equations.hard_phase if mode == "draft" else equations.averaged_phase
    phase = single_sideband(g, ABERRATIONS, mode, "full" if full else "both")
    assert relative(phase, equation(*scan, ABERRATIONS, full=full)) < 3e-5


def test_the_plain_sum_has_the_mean_of_what_is_scanned():
    g, counts, disc, calibration = part_of()
    total = g.electrons / g.scanned
    image = equations.plain_sum(counts, disc, calibration, ABERRATIONS, total, "both")
    expected = np.angle(image)
    assert relative(single_sideband(g, ABERRATIONS, "sum"), expected) < 1e-4
    amplitude = object_transmission(g, ABERRATIONS, "sum", "right")
    one = equations.plain_sum(counts, disc, calibration, ABERRATIONS, total, "right")
    assert relative(amplitude, one * counts[0].size / total) < 1e-4


def test_tiles_hold_the_entries_of_the_transform():
    g, counts, disc, calibration = part_of()
    spectra = np.fft.rfft2(counts)
    places = [(row, column) for row in (0, 1, ROWS - 2) for column in (0, 2)]
    values, sides = entries_at(g, places[1:])
    for (row, column), found, side in zip(places[1:], values, sides, strict=True):
        held = side > 0
        assert held.any()
        assert relative(found[held], spectra[held, row, column]) < 1e-5
    tiles = gfunction_tiles(g, ABERRATIONS, [(1, 2)])
    right, left = equations.terms(calibration, ABERRATIONS, *disc.k, g.scan_shape)
    gamma = (right - left)[1, 2]
    at = disc.planes[disc.planes >= 0]
    assert relative(tiles[0][disc.planes >= 0], (gamma.conj() * spectra[:, 1, 2])[at]) < 1e-4


def test_a_spectrum_of_noise_lies_about_one_from_the_first_rows_on():
    calibration = calibration_of()
    events = random_scan((48, 40), calibration, (17, 18))
    rng = np.random.default_rng(0)
    events = replace(events, pixels=rng.integers(0, 17 * 18, events.electrons).astype(np.uint32))
    disc = bright_field(calibration, events.frame_shape, 12)
    for rows in (6, 24, 48):
        made = GrowingSidebands(events.scan_shape, events.frame_shape, disc, calibration)
        made.add(0, rows_of(events, 0, rows))
        spectrum = power_spectrum(made.sidebands())
        spectrum[24, :] = spectrum[:, 20] = 0
        inner = np.hypot(*np.meshgrid(np.arange(48) - 24, np.arange(40) - 20, indexing="ij")) > 8
        assert spectrum[inner & (spectrum > 0)].mean() == pytest.approx(1, abs=0.15)


def growing_focus(rows, full=False, dose=1e5):
    """The first rows of a weak object's scan with known aberrations."""
    events = sample_events(intensities(LOW, -12.0, False), dose * STEP[0] * STEP[1], seed=0)
    calibration = focus_calibration(-12.0)
    disc = bright_field(calibration, events.frame_shape, 16)
    made = GrowingSidebands(events.scan_shape, events.frame_shape, disc, calibration, full=full)
    made.add(0, rows_of(events, 0, rows))
    return made, events, calibration


def test_the_focus_is_found_on_the_first_rows():
    made, events, calibration = growing_focus(30)
    part = made.sidebands()
    assert flatness(part, LOW) > 2 * flatness(part, replace(LOW, C10=LOW.C10 + 150))
    fit = fit_aberrations(part, orders=1)
    # The window cuts each frequency's neighbours into it: less sure than the errors say.
    assert pytest.approx(LOW.C10, abs=15) == fit.aberrations.C10
    assert fit.flatness_after > 2 * fit.flatness_before
    made.add(30, rows_of(events, 30, 44))
    whole = fit_aberrations(made.sidebands(), orders=2)
    stored = fit_aberrations(build_sidebands(events, calibration, 16), orders=2)
    for name, value in vars(stored.aberrations).items():
        assert getattr(whole.aberrations, name) == pytest.approx(value, rel=1e-3, abs=1e-2)
    assert np.abs(deviations(whole, LOW)).max() < 4


def test_other_contrasts_take_it():
    made, *_ = growing_focus(30)
    g = made.sidebands()
    assert np.isfinite(optimum_bright_field(g, LOW)).all()
    prior = estimate_prior(g, LOW)
    assert np.isfinite(single_sideband(g, LOW, "exact", prior=prior)).all()
    assert isinstance(prior, Prior)
    stack = through_focus(g, LOW, [-20.0, 0.0, 20.0])
    assert stack is not None
    assert len(strongest_frequencies(g)) > 3


def test_the_phase_of_the_deflection_grows():
    calibration = calibration_of()
    events = random_scan((ROWS, 14), calibration, (17, 18))
    sums = GrowingSums(events.scan_shape, events.frame_shape)
    sums.add(0, rows_of(events, 0, SHOWN))
    field = scan_deflection(sums.centre_of_mass(), calibration)
    assert abs(field[:, SHOWN:]).max() < 1e-5 * abs(field).max()
    for integrate in (integrate_com, integrate_com_direct):
        phase = integrate(field, calibration).phase
        assert np.isfinite(phase).all()
        assert phase[:SHOWN].std() > phase[SHOWN:].std()


def test_many_aberrations_are_taken_out_of_a_part_as_of_a_whole():
    g, *scan = part_of((15.0, False))
    phase = single_sideband(g, MANY, "draft")
    assert relative(phase, equations.hard_phase(*scan, MANY)) < 3e-5
