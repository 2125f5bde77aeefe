"""The weights of a thick, tilted specimen and of a focal spread, against multislice."""

from dataclasses import replace

import numpy as np
import pytest

from recon.optics import Aberrations, electron_wavelength
from recon.specimen import THIN, Specimen
from tests.support.multislice import Box, first_order, g_of, weak_g

BOX = Box(electron_wavelength(200e3), 0.020)
MIXED = Aberrations(C10=40, C12a=-25, C12b=10, C21a=300)


def difference(specimen, aberrations, made):
    """Largest difference of theory and multislice, in units of the largest entry."""
    probe, phase = BOX.probe(aberrations), BOX.object()
    expected = weak_g(BOX, phase, probe, lambda k, q: specimen.weights(k, q, BOX.wavelength))
    found = np.where(abs(probe)[..., None, None] > 0, g_of(BOX, made(phase)), 0)
    return abs(found - expected).max() / abs(expected).max()


@pytest.mark.parametrize("tilt", [(0.0, 0.0), (4.0, -4.2), (-9.0, 3.0)], ids=str)
@pytest.mark.parametrize("aberrations", [Aberrations(), MIXED], ids=["none", "mixed"])
def test_weights_are_those_of_a_multislice(tilt, aberrations):
    def made(phase):
        radians = tuple(1e-3 * angle for angle in tilt)
        return first_order(BOX, phase, BOX.probe(aberrations), 120.0, radians)

    assert difference(Specimen(120, tilt), aberrations, made) < 4e-3
    # One that forgets the thickness, or leans the wrong way, is far off.
    assert difference(THIN, aberrations, made) > 0.1
    if any(tilt):
        other = tuple(-angle for angle in tilt)
        assert difference(Specimen(120, other), aberrations, made) > 0.1


def test_more_slices_come_closer_to_the_weights():
    aberrations = Aberrations(C10=40)

    def made(slices):
        probe = BOX.probe(aberrations)
        return lambda phase: first_order(BOX, phase, probe, 120.0, (4e-3, 0), slices)

    off = [difference(Specimen(120, (4, 0)), aberrations, made(n)) for n in (8, 16)]
    # The midpoint rule's error falls with the square of the slices.
    assert off[1] == pytest.approx(off[0] / 4, rel=0.1)


@pytest.mark.parametrize("thickness", [0.0, 80.0])
def test_focal_spread_is_the_average_over_a_gaussian_of_defoci(thickness):
    spread = 60.0
    # Gauss and Hermite's nodes: ∫ exp(-x²) f(x) dx, with x the defocus over its 1/e half width.
    nodes, shares = np.polynomial.hermite.hermgauss(14)

    def made(phase):
        total = 0
        for node, share in zip(nodes, shares / shares.sum(), strict=True):
            probe = BOX.probe(replace(MIXED, C10=MIXED.C10 + spread * node))
            total = total + share * first_order(
                BOX, phase, probe, thickness, (3e-3, 5e-3), 12 if thickness else 1
            )
        return total

    specimen = Specimen(thickness, (3, 5), spread)
    assert difference(specimen, MIXED, made) < (4e-3 if thickness else 1e-6)
    assert difference(replace(specimen, focal_spread=0), MIXED, made) > 0.1


def test_a_thin_specimen_weighs_nothing():
    k, q = np.random.default_rng(0).normal(size=(2, 2, 50))
    for weight in Specimen(tilt=(5, 3)).weights(k, q, 0.025):
        np.testing.assert_array_equal(weight, 1)
    assert Specimen(tilt=(5, 3)).thin
    assert Specimen(tilt=(5, 3)).effective() == THIN
    assert not Specimen(thickness=1).thin
    assert not Specimen(focal_spread=1).thin


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"thickness": -1}, "from 0 to 500 nm, not -0.1 nm"),
        ({"thickness": float("nan")}, "thickness"),
        ({"focal_spread": 1e9}, "focal spread"),
        ({"tilt": (0, 300)}, "along x lies within ± 200 mrad, not 300 mrad"),
        ({"tilt": (float("inf"), 0)}, "along y"),
    ],
)
def test_what_is_no_specimen_is_refused(given, said):
    with pytest.raises(ValueError, match=said):
        Specimen(**given)
