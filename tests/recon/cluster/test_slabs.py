"""G in slabs is G: the same entries, images, spectra, tiles and fits as in one piece."""

from dataclasses import replace

import numpy as np
import pytest

from recon.cluster.slabs import build_slabs
from recon.focus.flatness import flatness, tile_flatness
from recon.optics import Aberrations
from recon.specimen import THIN, Specimen
from recon.ssb.build import build_g
from recon.ssb.noise import counting_noise
from recon.ssb.norms import SIDES
from recon.ssb.optimum import optimum_bright_field
from recon.ssb.phase import object_transmission, single_sideband
from recon.ssb.prior import Prior
from recon.ssb.prior_fit import _told
from recon.ssb.tiles import gfunction_tiles, power_spectrum, strongest_frequencies
from tests.support.clusters import CALIBRATION, random_events, random_frames, sent, threads

ABERRATIONS = Aberrations(C10=-80, C12a=20, C12b=-15, C21a=500, C30=2e5)

PRIOR = Prior(2.0, 0.8, ((0.61, 0.54, 0.01), (-0.61, 0.27, 0.02)))


@pytest.fixture(scope="module")
def cluster():
    with threads(3) as cluster:
        yield cluster


@pytest.fixture(scope="module", params=["events", "frames"])
def both(cluster, request):
    scan = {"events": random_events, "frames": random_frames}[request.param]((21, 26))
    whole = build_g(scan, CALIBRATION, 12, full=True)
    return build_slabs(sent(cluster, scan), CALIBRATION, 12, full=True), whole


def test_as_many_entries_are_kept_and_the_mean_pattern_is_the_same(both):
    slabs, whole = both
    assert len(slabs.placed) == 3
    assert (slabs.entries, slabs.hard_entries) == (whole.entries, whole.hard_entries)
    np.testing.assert_array_equal(slabs.pacbed, whole.pacbed)
    assert slabs.electrons == pytest.approx(whole.electrons, rel=1e-12)
    assert slabs.mean_counts == pytest.approx(whole.mean_counts, rel=1e-12)
    assert (slabs.current is None) == (whole.current is None)


@pytest.mark.parametrize("mode", ["exact", "draft", "sum"])
@pytest.mark.parametrize("sideband", ["both", "left", "full"])
def test_phases_are_those_of_one_machine(both, mode, sideband):
    slabs, whole = both
    how = ABERRATIONS, mode, sideband, 0.9
    for image in (single_sideband, object_transmission):
        expected = image(whole, *how)
        np.testing.assert_allclose(image(slabs, *how), expected, atol=1e-6 * abs(expected).max())


@pytest.mark.parametrize("mode", ["draft", "exact"])
def test_through_a_specimen_the_phase_is_that_of_one_machine(both, mode):
    slabs, whole = both
    specimen = Specimen(120, (4, -5), 40)
    found, expected = (
        single_sideband(g.through(specimen), ABERRATIONS, mode) for g in (slabs, whole)
    )
    np.testing.assert_allclose(found, expected, atol=1e-6 * abs(expected).max())
    thin = single_sideband(slabs, ABERRATIONS, mode)
    assert abs(found - thin).max() > 0.05 * abs(thin).max()
    again = slabs.through(specimen).through(THIN)
    np.testing.assert_array_equal(single_sideband(again, ABERRATIONS, mode), thin)


@pytest.mark.parametrize("mode", ["exact", "draft"])
def test_a_wiener_filter_knows_the_rows_that_it_weights(both, mode):
    slabs, whole = both
    for image in (single_sideband, object_transmission):
        expected = image(whole, ABERRATIONS, mode, "both", 0.9, PRIOR)
        found = image(slabs, ABERRATIONS, mode, "both", 0.9, PRIOR)
        np.testing.assert_allclose(found, expected, atol=1e-6 * abs(expected).max())
        plain = image(whole, ABERRATIONS, mode, "both", 0.9)
        assert abs(expected - plain).max() > 0


@pytest.mark.parametrize("sideband", ["both", "full"])
def test_other_contrasts_are_those_of_one_machine(both, sideband):
    slabs, whole = both
    expected = optimum_bright_field(whole, ABERRATIONS, sideband)
    found = optimum_bright_field(slabs, ABERRATIONS, sideband)
    np.testing.assert_allclose(found, expected, atol=1e-6 * abs(expected).max())
    noise = [counting_noise(g, ABERRATIONS, sideband, 0.9, PRIOR) for g in both]
    assert noise[0] == pytest.approx(noise[1], rel=1e-6)
    told = [g.by_rows(_told, ABERRATIONS, SIDES["both"]) for g in both]
    np.testing.assert_allclose(*told, rtol=1e-5, atol=1e-9 * told[1].max())


def test_spectrum_tiles_and_flatness_are_those_of_one_machine(both):
    slabs, whole = both
    np.testing.assert_array_equal(power_spectrum(slabs), power_spectrum(whole))
    picked = strongest_frequencies(whole, 9)
    np.testing.assert_array_equal(strongest_frequencies(slabs, 9), picked)
    # Neither in the order of the rows, nor each in a row of its own.
    picked = np.concatenate([picked[::-1], [[3, 2], [-3, 2], [3, 4], [0, 3]]])
    tiles = gfunction_tiles(whole, ABERRATIONS, picked)
    np.testing.assert_array_equal(gfunction_tiles(slabs, ABERRATIONS, picked), tiles)
    assert abs(tiles).max() > 0
    assert flatness(slabs, ABERRATIONS) == pytest.approx(flatness(whole, ABERRATIONS), rel=1e-9)
    flat = [tile_flatness(g, ABERRATIONS, picked).residual_phase for g in both]
    np.testing.assert_allclose(*flat, rtol=1e-9)


def test_what_a_redraw_sends_and_gets_does_not_depend_on_the_number_of_workers(cluster, both):
    slabs, _ = both
    rows = slabs._asked(_shape_of_rows)
    assert [shape[0] for shape in rows] == [end - begin for begin, end in slabs.job.lines]
    assert sum(shape[0] for shape in rows) == slabs.scan_shape[0]


def _shape_of_rows(g):
    return g.q_shape


def test_what_fails_on_a_worker_is_said_as_it_is_on_one_machine(cluster):
    scan = random_events((9, 8))
    dark = replace(scan, pixels=np.zeros_like(scan.pixels))
    sentences = []
    for build in (
        lambda: build_slabs(sent(cluster, dark), CALIBRATION, 12),
        lambda: build_g(dark, CALIBRATION, 12),
    ):
        with pytest.raises(ValueError, match="No electrons in the bright-field disc") as refusal:
            build()
        sentences.append(str(refusal.value))
    assert sentences[0] == sentences[1]
