"""Thickness and tilt come back from scans that were made with them."""

from dataclasses import replace

import numpy as np
import pytest

from recon.errors import Unfitted
from recon.focus.flatness import flatness
from recon.focus.overlaps import strongest_overlaps
from recon.focus.specimen import fit_in_turn, fit_specimen
from recon.optics import Aberrations
from recon.specimen import THIN, Specimen
from recon.ssb.phase import single_sideband
from tests.support.equations import specimen_weights
from tests.support.thick_scans import thick_scan
from tests.support.weak_phase import built, calibration_of, random_counts

LEANING = Specimen(120, (4, -4.2))
PROBE = Aberrations(C10=30, C12a=-20)


@pytest.fixture(scope="module")
def leaning():
    return thick_scan(LEANING, PROBE)


def gain(g, phase, aberrations, specimen):
    found = single_sideband(g.through(specimen), aberrations)
    return (found * phase).sum() / (phase**2).sum()


def test_thickness_and_tilt_are_found_from_nothing_and_the_phase_is_whole_again(leaning):
    g, phase = leaning
    found = fit_specimen(g, PROBE)
    assert found.specimen.thickness == pytest.approx(120, abs=6)
    assert found.specimen.tilt == pytest.approx(LEANING.tilt, abs=0.8)
    assert set(found.errors) == {"thickness", "tilt_y", "tilt_x"}
    assert 0.5 < found.errors["thickness"] < 5
    assert "Thickness 1" in found.statement
    assert "Tilt (y, x)" in found.statement
    gains = [gain(g, phase, PROBE, s) for s in (THIN, Specimen(120), found.specimen, LEANING)]
    assert gains[0] < gains[1] < 0.9
    # Twelve pixels across the disc, and weights at their centres: see `recon.ssb.phase`.
    assert gains[3] == pytest.approx(1, abs=0.04)
    assert gains[2] == pytest.approx(gains[3], abs=0.03)


def test_aberrations_and_specimen_are_found_together(leaning):
    g, _ = leaning
    seen = []
    fit, found = fit_in_turn(g, Aberrations(), 1, progress=seen.append)
    assert pytest.approx(30, abs=4) == fit.aberrations.C10
    assert fit.aberrations.C12a == pytest.approx(-20, abs=4)
    assert found.specimen.thickness == pytest.approx(120, abs=6)
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_the_tiles_are_flatter_through_the_right_specimen(leaning):
    g, _ = leaning
    flat = [flatness(g.through(s), PROBE) for s in (THIN, Specimen(120), LEANING)]
    assert flat == sorted(flat)
    assert flat[2] > flat[0] + 0.02


def test_what_a_thin_specimen_does_not_show_is_left_as_it_was():
    g, _ = thick_scan(THIN, PROBE)
    given = Specimen(20, (3, 4), 10)
    found = fit_specimen(g.through(given), PROBE)
    assert found.undetermined == ("thickness", "tilt_y", "tilt_x")
    assert found.specimen == given
    assert "do not determine thickness and tilt" in found.statement


def test_a_scan_without_frequencies_is_refused():
    calibration = calibration_of()
    counts, disc, total = random_counts(calibration, scan=(4, 5))
    with pytest.raises(Unfitted, match="spatial frequencies"):
        fit_specimen(built(counts, disc, calibration, total), Aberrations())


def test_the_weights_of_the_entries_are_those_of_the_equation(leaning):
    g, _ = leaning
    specimen = replace(LEANING, focal_spread=30)
    overlaps = strongest_overlaps(g, 20)
    weights = overlaps.weights_of(specimen)
    q_y, q_x = (np.fft.fftfreq(n, s) for n, s in zip((40, 44), (0.5, 0.48), strict=True))
    for m in (0, overlaps.size - 1):
        row = np.argmin(abs(q_y - overlaps.q[0, m]))
        column = np.argmin(abs(q_x - overlaps.q[1, m]))
        for e in range(overlaps.starts[m], overlaps.starts[m] + 3):
            expected = specimen_weights(specimen, g.calibration, *overlaps.k[:, e], (40, 44))
            found = [each[row, column] for each in expected]
            np.testing.assert_allclose(weights[:, e], found, atol=1e-9)
