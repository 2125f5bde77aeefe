"""The focus over the scan on the page: values it sets, maps it shows, and what it costs."""

from types import SimpleNamespace

import numpy as np
import pytest

from app.features.film import _mosaic, adopt, found
from app.features.specimen import cost
from app.state.experiment import Experiment
from recon.calibration import Calibration
from recon.focus.film import FilmFit
from recon.specimen import Specimen
from recon.ssb.film import TURN

CALIBRATION = Calibration(80e3, 25.0, (0.5, 0.25), (8.0, 8.0), 6.0)
FIT = FilmFit(
    c10=-61.24,
    slope=(387.17, -882.54),
    errors={"C10": 0.4, "film_y": 27.0, "film_x": 26.0},
    places=np.array([[-10.0, -5.0], [-10.0, 5.0], [10.0, -5.0], [10.0, 5.0]]),
    values=np.array([-50.0, -70.0, np.nan, -60.0]),
    uncertain=np.array([1.0, 1.0, np.nan, 1.0]),
    scatter=1.1,
    calibration=CALIBRATION,
    scan_shape=(80, 80),
)


def test_what_is_found_is_set_in_the_units_of_the_page():
    film, experiment = found(FIT), Experiment()
    adopt(experiment, film)
    request = experiment.request()
    assert request.specimen == Specimen(film=(387.2, -882.5))
    assert pytest.approx(-61.2) == request.aberrations.C10
    assert film.rows[0] == "C10 in the middle: −6.124 ± 0.040 nm"
    assert film.rows[1] == "y: 387 ± 27 mrad"


def test_maps_show_plane_and_patches_where_they_lie():
    film = found(FIT)
    np.testing.assert_allclose(film.plane, FIT.plane / 10)
    shown = _mosaic(film)
    assert shown.shape == (80, 80)
    assert (shown[2, 2], shown[2, -2], shown[-2, -2]) == (-5, -7, -6)
    assert film.patches.shape == (3, 3)


def test_the_cost_is_the_number_of_redraws():
    change = 1e-3 * 900.0 * 79 * 0.5
    turn = np.pi * CALIBRATION.wavelength * CALIBRATION.k0**2 * change
    g = SimpleNamespace(
        specimen=Specimen(film=(900.0, 0.0)), scan_shape=(80, 80), calibration=CALIBRATION
    )
    said = cost(g)
    assert f"by {change / 10:.3g} nm" in said
    assert f"blends {int(np.ceil(turn / TURN)) + 1}," in said
    g.specimen = Specimen()
    assert cost(g) == ""
