"""The recipe with a film's focus: refused without a word lost, mapped and recorded otherwise."""

import numpy as np
import pytest

from recon.batch import film
from recon.batch.choices import Choices
from recon.batch.reconstruct import reconstruct
from recon.errors import Unfitted
from recon.focus.film import FilmFit
from recon.io.results import plain
from recon.optics import Aberrations
from recon.specimen import Specimen
from recon.ssb.build import build_g
from recon.ssb.film import c10_over
from tests.support.clusters import threads
from tests.support.scans import CALIBRATION, SCAN_SHAPE, weak_events

KNOWN = {
    "energy": 80e3,
    "semiangle_cutoff": 25.0,
    "scan_sampling": CALIBRATION.scan_sampling,
    "rotation_deg": -12.0,
    "transpose": False,
    "pixels_across": 10,
    "device": "cpu",
    "aberrations": {"C10": 60.0},
}


@pytest.fixture(scope="module")
def usual():
    return reconstruct(weak_events(3000), Choices(**KNOWN))


def test_what_is_refused_changes_nothing_and_says_why(usual):
    results, said = reconstruct(weak_events(3000), Choices(**KNOWN, fit_film=True))
    assert "no room for patches" in said["film"]["statement"]
    assert results.keys() == usual[0].keys()
    for name, result in usual[0].items():
        np.testing.assert_array_equal(results[name].values, result.values)
    assert said["specimen"]["film"] == (0, 0)
    assert usual[1]["film"] is None


def test_a_given_slope_is_mapped_and_used(usual):
    slope = 800.0, -400.0
    choices = Choices(**KNOWN, specimen=Specimen(film=slope))
    results, said = reconstruct(weak_events(3000), choices)
    plane = results["film/c10"]
    np.testing.assert_allclose(
        plane.values, c10_over(SCAN_SHAPE, CALIBRATION.scan_sampling, 60.0, slope), rtol=1e-6
    )
    assert (plane.unit, plane.sampling) == ("Å", CALIBRATION.scan_sampling)
    assert "blended" in plane.title
    assert said["specimen"]["film"] == slope
    assert said["sources"]["specimen"] == "command line"
    assert np.any(results["ssb/phase"].values != usual[0]["ssb/phase"].values)
    np.testing.assert_allclose(
        results["ssb/object"].values.imag, results["ssb/phase"].values, atol=1e-6
    )


def test_a_fitted_plane_goes_into_g_aberrations_and_record(monkeypatch):
    fit = FilmFit(
        c10=50.0,
        slope=(300.0, -100.0),
        errors={"C10": 1.0, "film_y": 20.0, "film_x": 30.0},
        places=np.array([[-1.0, 2.0], [1.0, 2.0]]),
        values=np.array([48.0, np.nan]),
        uncertain=np.array([2.0, np.nan]),
        scatter=1.0,
        calibration=CALIBRATION,
        scan_shape=SCAN_SHAPE,
    )
    monkeypatch.setattr(film, "film_of", lambda *args: fit)
    _, said = reconstruct(weak_events(3000), Choices(**KNOWN, fit_film=True))
    assert said["aberrations"]["C10"] == 50.0
    assert said["specimen"]["film"] == (300.0, -100.0)
    assert said["sources"]["C10"] == said["sources"]["specimen"] == "fit"
    record = plain(said["film"])
    assert record["film"] == [300.0, -100.0]
    assert record["patches"] == [{"place": [-1.0, 2.0], "C10": 48.0, "error": 2.0}]


def test_patches_of_the_scan_are_what_is_fitted(monkeypatch):
    """Each G is that of its own rows and columns."""
    seen = []

    def fit_film(g_of, shape, calibration, aberrations, progress, told):
        g = g_of((1, SCAN_SHAPE[0] - 2), (3, SCAN_SHAPE[1]))
        seen.append((g.scan_shape, g.electrons, g.full))
        assert told.shape == shape
        assert told.min() >= 0
        raise Unfitted("enough")

    monkeypatch.setattr(film, "fit_film", fit_film)
    events = weak_events(3000)
    whole = build_g(events, CALIBRATION, 10)
    with pytest.raises(Unfitted):
        film.film_of(events, whole, Aberrations(), 10)
    part = events.counts.reshape(SCAN_SHAPE)[1 : SCAN_SHAPE[0] - 2, 3:]
    ((shape, electrons, full),) = seen
    assert shape == part.shape
    assert full
    # Of those on the bright field, which is all but a few.
    assert 0.5 * part.sum() < electrons <= part.sum()


def test_workers_of_a_cluster_make_the_same_of_it(monkeypatch):
    """Patches are fitted on this machine; G, whose phases are blended, is the workers'."""
    fit = FilmFit(
        c10=50.0,
        slope=(800.0, -400.0),
        errors={"C10": 1.0, "film_y": 20.0, "film_x": 30.0},
        places=np.zeros((4, 2)),
        values=np.full(4, 50.0),
        uncertain=np.ones(4),
        scatter=1.0,
        calibration=CALIBRATION,
        scan_shape=SCAN_SHAPE,
    )
    seen = []

    def fit_film(g_of, shape, calibration, aberrations, progress, told):
        seen.append((g_of((0, 20), (2, 20)).electrons, told))
        return fit

    monkeypatch.setattr(film, "fit_film", fit_film)
    events, choices = weak_events(3000), Choices(**KNOWN, fit_film=True)
    here, _ = reconstruct(events, choices)
    with threads(2) as cluster:
        there, said = reconstruct(events, choices, cluster=cluster)
    (electrons, told), (others, other) = seen
    assert electrons == others
    np.testing.assert_allclose(other, told, atol=1e-6)
    assert said["specimen"]["film"] == fit.slope
    for name in ("ssb/phase", "film/c10"):
        np.testing.assert_allclose(there[name].values, here[name].values, atol=1e-5)
