"""The linear model of the entries' phase against the aperture function of the equations."""

from dataclasses import replace

import numpy as np
import pytest

from recon.focus.overlaps import Overlaps, terms_at
from recon.focus.phase_model import PhaseModel, flat_sums, unit
from recon.optics import Aberrations
from recon.ssb.bright_field import OFFSETS
from tests.support.equations import aperture, detector_frequency
from tests.support.focus_scans import HIGH, calibration_of


def overlaps_of(calibration, width=0.02):
    """Points drawn all over the disc for some frequencies, with the terms they have."""
    rng = np.random.default_rng(0)
    k0 = calibration.k0
    q = rng.uniform(-1.2, 1.2, (2, 6)) * k0
    parts, starts = [], [0]
    for q_y, q_x in q.T:
        points = rng.uniform(-1, 1, (2, 300)) * k0
        shift = detector_frequency(q_y, q_x, calibration)
        right, left = terms_at(points, shift, k0, 2 * width)
        kept = right | left
        parts.append(np.stack([*points, right, left])[:, kept])
        starts.append(starts[-1] + np.count_nonzero(kept))
    k_y, k_x, right, left = np.concatenate(parts, axis=1)
    assert (right * left).any()
    assert (right > left).any()
    assert (right < left).any()
    return Overlaps(
        np.ones(right.size, complex),
        np.stack([k_y, k_x]),
        right,
        left,
        np.ones(right.size),
        np.array(starts),
        q,
        k0,
        width,
        calibration.wavelength,
        calibration.rotation_deg,
        calibration.transpose,
    )


def gamma_means(overlaps, calibration, aberrations):
    """Means over a pixel's sub-points of A*(k) A(k - q) and -A(k) A*(k + q), (2, E)."""
    at = np.stack(detector_frequency(*overlaps.q, calibration))
    shift = np.repeat(at, np.diff(overlaps.starts), axis=1)[..., None]
    sub = (o.ravel() * overlaps.width for o in np.meshgrid(OFFSETS, OFFSETS, indexing="ij"))
    k = np.stack([overlaps.k[axis][:, None] + offset for axis, offset in enumerate(sub)])
    here, after, before = (
        aperture(*points, calibration, aberrations) for points in (k, k - shift, k + shift)
    )
    return np.stack([(here.conj() * after).mean(-1), -(here * before.conj()).mean(-1)])


@pytest.mark.parametrize("rotation", [0.0, 35.0])
@pytest.mark.parametrize("transpose", [False, True])
def test_both_terms_are_those_of_gamma(rotation, transpose):
    calibration = calibration_of(rotation, transpose)
    overlaps = overlaps_of(calibration)
    model = PhaseModel(overlaps, tuple(vars(HIGH)), Aberrations())
    x = model.coefficients(HIGH)
    np.testing.assert_allclose(x * model.units, list(vars(HIGH).values()), rtol=1e-12)
    sizes, phases = model.terms(x, rotation)
    expected = gamma_means(overlaps, calibration, HIGH)
    assert np.abs(sizes * np.exp(1j * phases) - expected).max() < 5e-3
    # What the steps of a fit add up, coefficient by coefficient.
    np.testing.assert_allclose(model.columns(x, rotation) @ x, phases, atol=1e-9)
    part = PhaseModel(overlaps, ("C12b", "C34a"), HIGH)
    linear = part.still(rotation) + part.columns(x[:2], rotation) @ part.coefficients(HIGH)
    np.testing.assert_allclose(linear, phases, atol=1e-9)
    assert np.abs(expected.imag).max() > 0.5


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
    model = PhaseModel(overlaps, ("C10",), HIGH, True)
    x, step = model.coefficients(HIGH), 1e-3
    ahead, behind = (model.terms(x, 35.0 + d)[1] for d in (step, -step))
    expected = (ahead - behind) / np.deg2rad(2 * step)
    *_, found = np.moveaxis(model.columns(x, 35.0), -1, 0)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_a_phase_that_turns_more_than_once_over_a_pixel_leaves_nothing():
    calibration = calibration_of()
    overlaps = overlaps_of(calibration, width=0.1)
    model = PhaseModel(overlaps, (), Aberrations(C10=1e6))
    assert np.abs(model.terms(np.empty(0), 0.0)[0]).max() < 0.05


@pytest.mark.parametrize("aberrations", [Aberrations(), HIGH], ids=["in focus", "third order"])
def test_sums_are_those_of_gamma(aberrations):
    calibration = calibration_of(35.0, True)
    rng = np.random.default_rng(1)
    overlaps = overlaps_of(calibration)
    size = overlaps.values.size
    values = rng.normal(size=size) + 1j * rng.normal(size=size)
    overlaps = replace(overlaps, values=values, weights=rng.uniform(1, 2, size))
    gamma = gamma_means(overlaps, calibration, aberrations).sum(0)
    sums, norms = flat_sums(overlaps, aberrations)
    expected = overlaps.add_up(overlaps.weights * np.abs(gamma) ** 2)
    np.testing.assert_allclose(norms, expected, rtol=5e-3)
    # Each entry's γ may be off by 5e-3.
    assert np.abs(sums - overlaps.add_up(gamma.conj() * values)).max() < 5e-3 * size / 6
