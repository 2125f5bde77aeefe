"""The linear model of the entries' phase against the aperture function of the equations."""

import numpy as np
import pytest
from equations import aperture, detector_frequency
from test_aberration_fit import HIGH, calibration_of

from recon.datacube import OFFSETS
from recon.optics import Aberrations
from recon.overlaps import Overlaps
from recon.phase_model import PhaseModel, unit


def overlaps_of(calibration, width=0.02, count=40):
    """Points drawn in the right and the left sideband of some frequencies, without values."""
    rng = np.random.default_rng(0)
    k0 = calibration.k0
    q = rng.uniform(-1.2, 1.2, (2, 6)) * k0
    k, sides, starts = [], [], [0]
    for q_y, q_x in q.T:
        at_y, at_x = detector_frequency(q_y, q_x, calibration)
        points = rng.uniform(-1, 1, (2, 400)) * k0
        radius = np.hypot(*points)
        after = np.hypot(points[0] - at_y, points[1] - at_x)
        before = np.hypot(points[0] + at_y, points[1] + at_x)
        safe = k0 - 2 * width
        right = (radius < safe) & (after < safe)
        left = (radius < safe) & (before < safe)
        for side, inside in ((1.0, right), (-1.0, left)):
            k.append(points[:, inside][:, :count])
            sides.append(np.full(k[-1].shape[1], side))
        starts.append(starts[-1] + sides[-1].size + sides[-2].size)
    k, sides = np.concatenate(k, axis=1), np.concatenate(sides)
    return Overlaps(
        np.ones(sides.size, complex),
        k,
        sides,
        np.ones(sides.size),
        np.array(starts),
        q,
        k0,
        width,
        calibration.wavelength,
        calibration.rotation_deg,
        calibration.transpose,
    )


def gamma_mean(overlaps, calibration, aberrations):
    """Mean over a pixel's sub-points of A*(k) A(k - q), or of A(k)* A(k + q) on the left."""
    at = np.stack(detector_frequency(*overlaps.q, calibration))
    shift = overlaps.sides * np.repeat(at, np.diff(overlaps.starts), axis=1)
    sub_y, sub_x = (
        o.ravel() * overlaps.width for o in np.meshgrid(OFFSETS, OFFSETS, indexing="ij")
    )
    ky, kx = (overlaps.k[axis][:, None] + sub for axis, sub in enumerate((sub_y, sub_x)))
    there = aperture(ky - shift[0][:, None], kx - shift[1][:, None], calibration, aberrations)
    here = aperture(ky, kx, calibration, aberrations)
    product = here.conj() * there
    # The left sideband's term is -A(k) A*(k + q): the conjugate, its sign already out.
    return np.where(overlaps.sides[:, None] > 0, product, product.conj()).mean(-1)


@pytest.mark.parametrize("rotation", [0.0, 35.0])
@pytest.mark.parametrize("transpose", [False, True])
def test_phase_and_dimming_are_those_of_gamma(rotation, transpose):
    calibration = calibration_of(rotation, transpose)
    overlaps = overlaps_of(calibration)
    model = PhaseModel(overlaps, tuple(vars(HIGH)), Aberrations())
    columns = model.columns(model.differences(rotation))
    phase = columns @ [v / u for v, u in zip(vars(HIGH).values(), model.units, strict=True)]
    expected = gamma_mean(overlaps, calibration, HIGH)
    found = model.dimming(HIGH, rotation) * np.exp(1j * phase)
    assert np.abs(found - expected).max() < 5e-3
    assert np.abs(np.exp(1j * phase) - 1).max() > 1


def test_a_units_phase_is_one_radian_at_the_edge():
    calibration = calibration_of()
    for name in ("C10", "C12b", "C23a", "C30", "C56b"):
        size = unit(name, calibration.wavelength, calibration.k0)
        angles = np.linspace(0, 2 * np.pi, 721)
        edge = calibration.k0 * np.array([np.sin(angles), np.cos(angles)])
        chi = Aberrations(**{name: size}).chi(*edge, calibration.wavelength)
        assert np.abs(chi).max() == pytest.approx(1, rel=1e-4)


def test_the_derivative_by_the_rotation_is_that_of_the_phase():
    calibration = calibration_of(35.0, True)
    overlaps = overlaps_of(calibration)
    model = PhaseModel(overlaps, (), HIGH, True)
    step = 1e-3
    ahead, behind = (model.differences(35.0 + d) @ model.powers(HIGH) for d in (step, -step))
    expected = (ahead - behind) / np.deg2rad(2 * step)
    found = model.turning(HIGH, 35.0)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_a_phase_that_turns_more_than_once_over_a_pixel_leaves_nothing():
    calibration = calibration_of()
    overlaps = overlaps_of(calibration, width=0.1)
    model = PhaseModel(overlaps, (), Aberrations())
    assert np.abs(model.dimming(Aberrations(C10=1e6), 0.0)).max() < 0.05
