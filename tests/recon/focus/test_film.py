"""The plane of the focus over the scan, from patches of it."""

from types import SimpleNamespace

import numpy as np
import pytest

from recon.calibration import Calibration
from recon.errors import Unfitted
from recon.focus.film import FilmFit, _middle, fit_film, patches, plane_through
from recon.optics import Aberrations
from recon.simulate.scan import expected_intensities, sample_events
from recon.ssb.build import build_g
from recon.treatment.crop import crop_scan
from tests.support.film import film_intensities, weak_object

SHAPE = 64, 68
CALIBRATION = Calibration(
    energy=80e3,
    semiangle_cutoff=25.0,
    scan_sampling=(0.45, 0.4),
    rotation_deg=-12.0,
    transpose=False,
    centre=(7.5, 7.5),
    radius=6.0,
)
PROBE = Aberrations(C10=-60.0, C12a=20.0)
FILM = 800.0, -700.0
FRAMES = {"frame_shape": (16, 16), "subpixels": 2}


@pytest.fixture(scope="module")
def phase():
    return weak_object(SHAPE, CALIBRATION.scan_sampling, 1.0, rms=0.12, seed=2)


def fitted(intensities):
    events = sample_events(intensities, 4000, 1)

    def g_of(rows, columns):
        return build_g(crop_scan(events, rows, columns), CALIBRATION, 12, full=True)

    return fit_film(g_of, SHAPE, CALIBRATION, PROBE)


def test_a_tilted_film_is_found_within_its_errors(phase):
    found = fitted(film_intensities(phase, CALIBRATION, PROBE, FILM, steps=10, **FRAMES))
    assert found.c10 == pytest.approx(PROBE.C10, abs=4 * found.errors["C10"] + 0.5)
    for axis, slope, true in zip("yx", found.slope, FILM, strict=True):
        error = found.errors[f"film_{axis}"]
        assert error < 150
        assert abs(slope - true) < 4 * error
    # The map goes through the middle with that slope.
    plane = found.plane
    assert plane.shape == SHAPE
    assert plane.mean() == pytest.approx(found.c10)
    steps = np.gradient(plane)[0].mean(), np.gradient(plane)[1].mean()
    np.testing.assert_allclose(steps / np.array(CALIBRATION.scan_sampling) * 1e3, found.slope)
    assert "patches" in found.statement


def test_a_level_film_is_left_alone(phase):
    made = expected_intensities(phase, CALIBRATION, PROBE, **FRAMES)
    with pytest.raises(Unfitted, match="the same all over the scan"):
        fitted(made)


def test_patches_that_tell_nothing_are_no_plane():
    def g_of(rows, columns):
        raise Unfitted("No aberrations make the tiles flat.")

    with pytest.raises(
        Unfitted, match=r"Only 0 of 4 patches .* No aberrations make the tiles flat"
    ):
        fit_film(g_of, SHAPE, CALIBRATION, PROBE)


def test_a_small_scan_has_no_room_for_patches():
    with pytest.raises(Unfitted, match="63 × 200"):
        patches((63, 200))


def test_patches_cover_the_scan_once():
    covered = np.zeros((200, 131), int)
    for rows, columns in patches(covered.shape):
        covered[slice(*rows), slice(*columns)] += 1
        assert rows[1] - rows[0] >= 32
        assert columns[1] - columns[0] >= 32
    assert np.all(covered == 1)


def test_a_patch_lies_where_its_object_is():
    seen = np.zeros((64, 64))
    seen[34, 10] = seen[38, 20] = 2.0
    assert _middle(((32, 64), (0, 32)), seen) == [36.0, 15.0]
    assert _middle(((32, 64), (0, 32)), None) == [47.5, 15.5]


def test_the_plane_is_that_of_weighted_least_squares():
    rng = np.random.default_rng(3)
    places, errors = rng.uniform(-50, 50, (12, 2)), rng.uniform(1, 3, 12)
    values = 5 + places @ [0.3, -0.2] + 0.5 * errors * rng.normal(size=12)
    middle, slope, covariance, scatter, explained = plane_through(places, values, errors)
    design = np.column_stack([np.ones(12), places]) / errors[:, None]
    expected, (squares,), *_ = np.linalg.lstsq(design, values / errors, rcond=None)
    np.testing.assert_allclose([middle, *slope], expected)
    assert scatter == pytest.approx(np.sqrt(squares / 9))
    level = np.average(values, weights=errors**-2.0)
    assert explained == pytest.approx(1 - squares / np.sum(((values - level) / errors) ** 2))
    # Less scatter than their errors say makes the plane no surer.
    np.testing.assert_allclose(covariance, np.linalg.inv(design.T @ design))


def test_scatter_makes_the_plane_less_sure_and_one_wild_patch_does_not_turn_it():
    rng = np.random.default_rng(4)
    places, errors = rng.uniform(-50, 50, (25, 2)), np.ones(25)
    values = 5 + places @ [0.3, -0.2] + rng.normal(size=25)
    sure = plane_through(places, values, errors)
    unsure = plane_through(places, values, errors / 5)
    # Weights alike, the same plane; errors as the scatter has them.
    np.testing.assert_allclose(unsure[2] / sure[2] * max(sure[3], 1) ** 2, sure[3] ** 2, rtol=0.5)
    wild = values.copy()
    wild[0] += 500
    _, slope, covariance, _, _ = plane_through(places, wild, errors)
    # Nor does it make the others worth nothing.
    assert np.all(np.diag(covariance) < 4 * np.diag(sure.covariance))
    assert np.all(np.abs(slope - [0.3, -0.2]) < 0.1)


def test_patches_on_a_line_tell_no_plane():
    places = np.column_stack([np.arange(5.0), 2 * np.arange(5.0)])
    with pytest.raises(Unfitted, match="on a line"):
        plane_through(places, np.arange(5.0), np.ones(5))


def test_a_bent_film_is_said_to_be_bent():
    known = {"calibration": CALIBRATION, "scan_shape": SHAPE, "slope": (100.0, 50.0), "c10": -60.0}
    known |= {"errors": {"C10": 1.0, "film_y": 20.0, "film_x": 20.0}}
    known |= {"places": np.zeros((5, 2)), "values": np.arange(5.0), "uncertain": np.ones(5)}
    bent, level = (FilmFit(**known, scatter=scatter).statement for scatter in (4.0, 1.04))
    assert "4.0 times as far from the plane as their errors say: the film may be bent" in bent
    assert "1.0 times as far from the plane as their errors say." in level


@pytest.mark.parametrize("worse", [0.5, 1.0, 4.0])
def test_errors_of_a_plane_are_those_that_it_has(worse):
    """Of many draws, the deviations over the errors: never above what Student's t lets expect."""
    rng = np.random.default_rng(5)
    places, errors = rng.uniform(-50, 50, (16, 2)), rng.uniform(1, 2, 16)
    truth = np.array([5.0, 0.3, -0.2])
    off = []
    for _ in range(600):
        values = truth[0] + places @ truth[1:] + worse * errors * rng.normal(size=16)
        plane = plane_through(places, values, errors)
        found = np.array([plane.middle, *plane.slope])
        off.append((found - truth) / np.sqrt(np.diag(plane.covariance)))
    size = np.sqrt(np.mean(np.square(off)))
    # Errors that are too large already stay so; misfit of 13 degrees of freedom is t-distributed.
    assert size == pytest.approx(min(worse, np.sqrt(13 / 11)), rel=0.1)


def test_a_staircase_is_a_plane_within_its_errors():
    """Steps that are far larger than the errors of patches, as if these were exact."""
    side = np.arange(5.5, 96, 12) - 47.5
    places = np.stack(np.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 2)
    # Five steps over eight patches: three of each double, and slopes of 0.5 and 0 on the whole.
    stairs = 0.5 * (np.floor((places[:, 0] + 48) / 19.2) + 0.5 - 2.5) * 19.2
    plane = plane_through(places, stairs, np.full(64, 0.1))
    assert plane.scatter > 5
    assert plane.explained > 0.9
    errors = np.sqrt(np.diag(plane.covariance))
    assert np.all(np.abs([plane.slope[0] - 0.5, plane.slope[1]]) < 2 * errors[1:])


def test_one_step_is_no_plane():
    """Half of the scan is higher: along its edge the plane explains little, and says so."""
    found = iter(np.where(np.arange(16) % 4 == 1, -20.0, -60.0))

    def fit(g, aberrations, *args, **how):
        return SimpleNamespace(aberrations=Aberrations(C10=float(next(found))), errors={"C10": 1.0})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recon.focus.film.fit_aberrations", fit)
        with pytest.raises(Unfitted, match=r"No plane .* % of their differences"):
            fit_film(lambda rows, columns: None, (128, 128), CALIBRATION, PROBE)
