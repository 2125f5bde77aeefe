import numpy as np
import pytest

from recon.calibration import Calibration
from recon.optics import Aberrations
from recon.simulate.scan import expected_intensities
from recon.ssb.gfunction import sidebands_of_planes
from recon.ssb.tiles import gfunction_tiles, power_spectrum, strongest_frequencies
from tests.support.equations import planes, terms
from tests.support.fake_gpu import fake_gpu
from tests.support.weak_phase import binned

ABERRATIONS = Aberrations(C10=-90, C12a=25, C21b=400)
SCAN = (40, 48)


def lattice(calibration, waves, full=False):
    """Phase [rad] made of cosines at (row, column) frequencies, with their sidebands G."""
    y, x = (np.arange(n)[:, None] / n if a == 0 else np.arange(n) / n for a, n in enumerate(SCAN))
    phase = sum(0.02 * np.cos(2 * np.pi * (r * y + c * x) + p) for r, c, p in waves)
    intensities = expected_intensities(phase, calibration, ABERRATIONS, frame_shape=(23, 24))
    counts, disc = planes(1e3 * intensities, calibration, 18)
    return sidebands_of_planes(binned(counts, disc), calibration, counts.sum(), full=full)


WAVES = [(5, 7, 0.3), (-9, 4, -1.0)]


@pytest.fixture(scope="module", params=[(0.0, False), (40.0, True)], ids=["aligned", "turned"])
def g(request):
    return lattice(Calibration(80e3, 25.0, (0.4, 0.42), (11.3, 10.6), 9.0, *request.param), WAVES)


def test_the_strongest_frequencies_are_those_of_the_lattice(g):
    found = strongest_frequencies(g, 9)
    assert {tuple(f) for f in found[:2]} == {(5, 7), (-9, 4)}
    assert (found[:, 1] > 1).all()
    assert (abs(found[:, 0]) > 1).all()


def test_a_coarse_scan_shows_what_it_has():
    """A step of 3 Å reaches 0.28 k0 only; its strong wave at 0.07 k0 is picked all the same."""
    calibration = Calibration(80e3, 25.0, (3.0, 3.0), (11.3, 10.6), 9.0)
    coarse = lattice(calibration, [(5, 2, 0.0)])
    assert tuple(strongest_frequencies(coarse, 1)[0]) == (5, 2)


def test_the_triple_overlap_lets_low_frequencies_be_looked_at():
    """A wave at 0.13 k0 has slivers of sidebands, and nearly a disc of triple overlap."""
    calibration = Calibration(80e3, 25.0, (0.8, 0.84), (11.3, 10.6), 9.0)
    slow = [(2, 2, 0.0), (-9, 4, -1.0)]
    for full, picked in ((False, False), (True, True)):
        found = strongest_frequencies(lattice(calibration, slow, full), 4)
        assert ((2, 2) in [tuple(f) for f in found]) is picked


def test_the_spectrum_has_friedels_symmetry_and_no_dc(g):
    spectrum = power_spectrum(g)
    assert spectrum.shape == SCAN
    assert spectrum[20, 24] == 0
    np.testing.assert_allclose(spectrum[20 + 5, 24 + 7], spectrum[20 - 5, 24 - 7])
    inner = spectrum[1:, 1:]
    np.testing.assert_allclose(inner, inner[::-1, ::-1], rtol=1e-5)


def test_noise_without_an_object_has_power_one():
    calibration = Calibration(80e3, 25.0, (0.4, 0.42), (11.3, 10.6), 9.0)
    counts = np.random.default_rng(0).poisson(2.0, (*SCAN, 23, 24)).astype(float)
    counts, disc = planes(counts, calibration, 18)
    noise = sidebands_of_planes(binned(counts, disc), calibration, 1, full=False)
    spectrum = power_spectrum(noise)
    assert np.mean(spectrum[spectrum > 0]) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(("row", "column", "phase"), WAVES)
def test_tiles_are_flat_at_the_right_aberrations_and_only_there(g, row, column, phase):
    """conj(γ) G has the phase π/2 + arg Φ over both lobes."""
    tile = gfunction_tiles(g, ABERRATIONS, [(row, column)])[0]
    lobes = abs(tile) > 0.5 * abs(tile).max()
    assert np.count_nonzero(lobes) > 20
    off = np.angle(tile[lobes] * np.exp(-1j * (np.pi / 2 + phase)))
    # A pixel on the discs' rims is only partly in the sideband, and off by more.
    assert np.std(off) < 0.1
    assert abs(np.mean(off)) < 0.02
    wrong = gfunction_tiles(g, Aberrations(), [(row, column)])[0][lobes]
    assert abs(np.mean(wrong / abs(wrong))) < 0.9


def test_tiles_are_masked_to_the_two_sidebands(g):
    tile = gfunction_tiles(g, ABERRATIONS, [(5, 7)])[0]
    disc = g.bright_field
    kept = np.zeros(disc.shape, bool)
    for n, (y, x) in enumerate(zip(*np.nonzero(disc.planes >= 0), strict=True)):
        right, left = terms(g.calibration, Aberrations(), *disc.k[:, n], SCAN)
        kept[y, x] = (right[5, 7] != 0) != (left[5, 7] != 0)
    np.testing.assert_array_equal(tile != 0, kept)


def test_a_tile_shows_the_triple_overlap_where_g_holds_it():
    """conj(γ) G with the γ of section 2 of the paper: both terms where three discs meet."""
    calibration = Calibration(80e3, 25.0, (0.4, 0.42), (11.3, 10.6), 9.0, -20.0)
    full = lattice(calibration, WAVES, full=True)
    tile = gfunction_tiles(full, ABERRATIONS, [(5, 7)])[0]
    sides = gfunction_tiles(lattice(calibration, WAVES), ABERRATIONS, [(5, 7)])[0]
    np.testing.assert_allclose(tile[sides != 0], sides[sides != 0], rtol=1e-6)
    disc, triple = full.bright_field, np.zeros(full.bright_field.shape, bool)
    for n, (y, x) in enumerate(zip(*np.nonzero(disc.planes >= 0), strict=True)):
        right, left = terms(calibration, Aberrations(), *disc.k[:, n], SCAN)
        triple[y, x] = (right[5, 7] != 0) and (left[5, 7] != 0)
    np.testing.assert_array_equal((tile != 0) & (sides == 0), triple)
    off = np.angle(tile[triple] * np.exp(-1j * (np.pi / 2 + WAVES[0][2])))
    assert np.average(abs(off), weights=abs(tile[triple])) < 0.15


def test_a_frequency_and_its_friedel_mate_show_the_same_tile(g):
    both = gfunction_tiles(g, ABERRATIONS, [(5, 7), (-5, -7)])
    np.testing.assert_array_equal(both[0], both[1])


def test_spectrum_and_tiles_of_a_device_come_in_one_transfer_each(g, monkeypatch):
    fake = fake_gpu("cpu", monkeypatch)
    there = g.to_device(fake.device)
    transfers = []
    get = fake.xp.ndarray.get
    monkeypatch.setattr(
        fake.xp.ndarray, "get", lambda array: transfers.append(array.nbytes) or get(array)
    )
    np.testing.assert_array_equal(power_spectrum(there), power_spectrum(g))
    assert len(transfers) == 1
    places = strongest_frequencies(g, 9)
    np.testing.assert_array_equal(strongest_frequencies(there, 9), places)
    transfers.clear()
    tiles = gfunction_tiles(there, ABERRATIONS, places)
    assert transfers == [9 * len(places) * g.bright_field.size]
    np.testing.assert_array_equal(tiles, gfunction_tiles(g, ABERRATIONS, places))


def test_no_frequencies_give_no_tiles(g):
    assert gfunction_tiles(g, ABERRATIONS, []).shape == (0, *g.bright_field.shape)


def test_bad_counts_and_frequencies_are_refused(g):
    with pytest.raises(ValueError, match="Between 1 and 25 tiles can be shown, not 26"):
        strongest_frequencies(g, 26)
    with pytest.raises(ValueError, match=r"Frequency \(21, 0\) lies outside"):
        gfunction_tiles(g, ABERRATIONS, [(21, 0)])
