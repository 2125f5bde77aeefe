"""G in slabs is G: the same entries, images, spectra, tiles and fits as in one piece."""

from dataclasses import replace

import numpy as np
import pytest

from recon.cluster import held
from recon.cluster.connection import Cluster
from recon.cluster.slabs import build_slabs
from recon.focus.flatness import flatness, tile_flatness
from recon.optics import Aberrations
from recon.specimen import THIN, Specimen
from recon.ssb.build import build_g
from recon.ssb.noise import counting_noise
from recon.ssb.norms import SIDES
from recon.ssb.optimum import optimum_bright_field
from recon.ssb.phase import fill_phase, object_transmission, single_sideband
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


@pytest.mark.parametrize("mode", ["exact", "draft"])
def test_frequencies_that_no_sideband_reaches_stay_nothing(cluster, mode):
    scan = random_events((24, 30))
    fine = replace(CALIBRATION, scan_sampling=(0.2, 0.15))
    whole, slabs = build_g(scan, fine, 12), build_slabs(sent(cluster, scan), fine, 12)
    parts = slabs._asked(held.spectrum_of, THIN, fill_phase, (ABERRATIONS, mode, "both", 1.0))
    assert sum(rows.size for _, rows in parts) < np.prod(slabs.q_shape) / 3
    for _ in range(2):  # in the same workspace, whose spectrum the transform has destroyed
        expected = single_sideband(whole, ABERRATIONS, mode)
        image = single_sideband(slabs, ABERRATIONS, mode)
        np.testing.assert_allclose(image, expected, atol=1e-6 * abs(expected).max())


@pytest.fixture
def bytes_of_actors(monkeypatch):
    """Bytes that go to actors, and those that come back, as they are written to sockets."""
    from distributed.comm import tcp

    told, write = {"sent": 0, "received": 0}, tcp.to_frames

    async def counted(message, **options):
        frames = await write(message, **options)
        kind = {"actor_execute": "sent"}.get(message.get("op")) if isinstance(message, dict) else 0
        if kind is None and "result" in message and message.get("status") == "OK":
            kind = "received"
        if kind:
            told[kind] += sum(memoryview(frame).nbytes for frame in frames)
        return frames

    monkeypatch.setattr(tcp, "to_frames", counted)
    return told


def test_what_a_redraw_gets_does_not_depend_on_the_number_of_workers(bytes_of_actors):
    from distributed import LocalCluster

    scan, fine = random_events((96, 90)), replace(CALIBRATION, scan_sampling=(0.3, 0.3))
    received, sent_to_each = [], []
    for number in (1, 2, 4):
        how = {"processes": False, "protocol": "tcp", "host": "127.0.0.1", "threads_per_worker": 1}
        with (
            LocalCluster(n_workers=number, dashboard_address="127.0.0.1:0", **how) as local,
            Cluster(local.scheduler_address, device="cpu") as over_sockets,
        ):
            slabs = build_slabs(sent(over_sockets, scan), fine, 12)
            single_sideband(slabs, ABERRATIONS)
            assert len(slabs.placed) == number
            bytes_of_actors.update(sent=0, received=0)
            single_sideband(slabs, ABERRATIONS)
            received.append(bytes_of_actors["received"])
            sent_to_each.append(bytes_of_actors["sent"] / number)
    half_plane = 8 * np.prod(slabs.q_shape)
    # Beside the rows, each answer has a head of its own.
    assert max(received) < min(received) + 4 * 2000
    assert 0.3 * half_plane < max(received) < half_plane
    assert max(sent_to_each) < 4000
    assert max(sent_to_each) - min(sent_to_each) < 100


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
