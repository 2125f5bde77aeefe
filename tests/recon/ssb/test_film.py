"""A focus that changes over the scan: a plane of C10, against scans that were made with one."""

from dataclasses import replace

import numpy as np
import pytest

from recon.calibration import Calibration
from recon.optics import Aberrations
from recon.scan.frames import of_array
from recon.specimen import Specimen
from recon.ssb.build import build_g
from recon.ssb.film import TURN, blended, c10_over, levels
from recon.ssb.phase import object_transmission, single_sideband
from tests.support.film import film_intensities, weak_object

N = 40
CALIBRATION = Calibration(
    energy=80e3,
    semiangle_cutoff=40.0,
    scan_sampling=(0.9, 1.0),
    rotation_deg=-12.0,
    transpose=False,
    centre=(7.5, 7.5),
    radius=5.5,
)
PROBE = Aberrations(C10=-40.0, C12a=15.0)
FILM = 1000.0, -700.0


@pytest.fixture(scope="module")
def tilted():
    """The object, and G of a noiseless scan over it whose focus is a plane."""
    phase = weak_object((N, N + 4), CALIBRATION.scan_sampling, 0.45)
    how = {"frame_shape": (16, 16), "subpixels": 2, "weak": True, "steps": 20}
    made = film_intensities(phase, CALIBRATION, PROBE, FILM, **how)
    return phase, build_g(of_array((1e4 * made).astype(np.float32)), CALIBRATION, 11)


def off(image, phase):
    """Share of the phase (rms) by which an image is off, inside of where the scan wraps."""
    left = (np.asarray(image) - phase)[4:-4, 4:-4]
    return float(np.sqrt(np.mean(left**2)) / phase.std())


@pytest.mark.parametrize(("mode", "share"), [("exact", 0.5), ("draft", 0.65)])
def test_the_plane_brings_the_phase_nearer_to_the_truth(tilted, mode, share):
    phase, g = tilted
    one = off(single_sideband(g, PROBE, mode), phase)
    plane = off(single_sideband(g.through(Specimen(film=FILM)), PROBE, mode), phase)
    wrong = off(single_sideband(g.through(Specimen(film=(-1000.0, 700.0))), PROBE, mode), phase)
    assert plane < share * one < one < 0.5 * wrong


def test_a_level_film_is_todays_phase_bit_for_bit(tilted):
    _, g = tilted
    assert g.through(Specimen(film=(0.0, 0.0))) is g
    assert levels(g, -40.0).tolist() == [-40.0]


def test_each_place_is_that_of_its_own_focus(tilted):
    """At a level the blend is the phase of that C10, and between two of them both by halves."""
    _, g = tilted
    thick = g.through(Specimen(film=FILM))
    found = levels(thick, PROBE.C10)
    image = single_sideband(thick, PROBE)
    there = c10_over(g.scan_shape, CALIBRATION.scan_sampling, PROBE.C10, FILM)
    assert found[0] == pytest.approx(there.min())
    assert found[-1] == pytest.approx(there.max())
    turn = np.pi * CALIBRATION.wavelength * CALIBRATION.k0**2 * np.diff(found)
    assert np.all(turn <= TURN)
    row, column = 7, 31
    below = int(np.searchsorted(found, there[row, column])) - 1
    share = (there[row, column] - found[below]) / (found[below + 1] - found[below])
    one, other = (
        single_sideband(g, replace(PROBE, C10=float(c10)))[row, column]
        for c10 in found[below : below + 2]
    )
    assert image[row, column] == pytest.approx((1 - share) * one + share * other, abs=1e-6)


def test_weights_are_a_partition_of_unity(tilted):
    _, g = tilted
    thick = g.through(Specimen(film=FILM))
    found = levels(thick, PROBE.C10)
    one = np.ones(g.scan_shape, np.float32)
    np.testing.assert_allclose(blended(thick, found, lambda c10: one), 1, atol=1e-6)
    # And reproduce what is linear in C10.
    np.testing.assert_allclose(
        blended(thick, found, lambda c10: np.float32(c10) * one),
        c10_over(g.scan_shape, CALIBRATION.scan_sampling, PROBE.C10, FILM),
        atol=1e-4,
    )


def test_the_transmission_holds_the_same_phase(tilted):
    _, g = tilted
    thick = g.through(Specimen(film=FILM))
    np.testing.assert_allclose(
        object_transmission(thick, PROBE).imag, single_sideband(thick, PROBE), atol=1e-6
    )
    # One sideband's sum is blended once, not each level anew.
    found = levels(thick, PROBE.C10)
    expected = blended(
        thick, found, lambda c10: single_sideband(g, replace(PROBE, C10=c10), "sum", "left")
    )
    np.testing.assert_allclose(single_sideband(thick, PROBE, "sum", "left"), expected, atol=1e-6)


def test_more_levels_than_anyone_waits_for_are_refused(tilted):
    _, g = tilted
    steep = replace(g.calibration, scan_sampling=(400.0, 400.0))
    wide = replace(g, calibration=steep).through(Specimen(film=(900.0, 0.0)))
    with pytest.raises(ValueError, match=r"changes by 1\.4.*nm over the scan.*Crop the scan"):
        levels(wide, 0.0)
