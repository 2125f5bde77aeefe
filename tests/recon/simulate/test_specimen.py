"""The specimen's atoms and its phase, held to textbook values."""

from math import pi

import ase
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.constants import e, h, m_e
from scipy.spatial import cKDTree
from scipy.special import j0

from recon.simulate.specimen import (
    WALLS,
    filled_nanotube,
    interaction_constant,
    object_phase,
    projected_potential,
    scattering_factor,
    tube_diameter,
)

POTENTIAL = 1e20 * h**2 / (2 * pi * m_e * e)
"""h²/2πm₀e, 47.878 V Å²."""


@pytest.fixture(scope="module")
def tube():
    """Lying along x, to be measured."""
    return filled_nanotube(length=40, rotation_deg=0)


def positions(tube, element):
    return tube.positions[np.array(tube.get_chemical_symbols()) == element]


@pytest.mark.parametrize(
    ("energy", "constant"),
    # Kirkland (2020), table 5.2 in rad/(kV Å)
    [(80e3, 1.0088e-3), (100e3, 0.9244e-3), (200e3, 0.7288e-3), (300e3, 0.6526e-3)],
)
def test_interaction_constant(energy, constant):
    assert interaction_constant(energy) == pytest.approx(constant, rel=1e-3)


def test_interaction_constant_needs_an_energy():
    with pytest.raises(ValueError, match="positive, not 0 eV"):
        interaction_constant(0)


@pytest.mark.parametrize(
    # Peng et al. (1996) at s = 0, within their fit; heavier and larger atoms scatter more.
    ("element", "forward"),
    [("C", 2.509), ("K", 8.977), ("I", 10.0)],
)
def test_scattering_factor_forward(element, forward):
    assert scattering_factor(element, 0.0) == pytest.approx(forward, rel=0.12)


@pytest.mark.parametrize(("element", "charge"), [("C", 6), ("K", 19), ("I", 53)])
def test_scattering_factor_is_of_rutherford_at_high_angles(element, charge):
    # Mott-Bethe with the electrons' share gone: f = Z / (2 π² a0 k²), k in 1/Å.
    k = 3.8
    assert scattering_factor(element, k) == pytest.approx(
        charge / (2 * pi**2 * 0.529177 * k**2), rel=0.2
    )


def test_carbon_bonds(tube):
    carbon = positions(tube, "C")
    middle = np.flatnonzero(np.abs(carbon[:, 0]) < 15)
    distances, _ = cKDTree(carbon).query(carbon[middle], k=5)
    # Three neighbours each; a tube's curvature takes 1 % off a bond. None else is near.
    np.testing.assert_allclose(distances[:, 1:4], 1.42, rtol=0.012)
    assert distances[:, 4].min() > 2.3


def test_walls_are_as_far_apart_as_layers_of_graphite(tube):
    carbon = positions(tube, "C")
    radii = np.unique(np.round(np.hypot(carbon[:, 1], carbon[:, 2]), 2))
    assert radii.size == len(WALLS)
    np.testing.assert_allclose(np.diff(radii), 3.4, atol=0.05)
    np.testing.assert_allclose(2 * radii, [tube_diameter(*w) for w in WALLS], atol=0.02)


def test_the_filling_is_rock_salt_clear_of_the_wall(tube):
    potassium, iodine = positions(tube, "K"), positions(tube, "I")
    assert abs(len(potassium) - len(iodine)) <= 9
    distances, _ = cKDTree(iodine).query(potassium)
    np.testing.assert_allclose(distances, 3.533, atol=1e-3)
    filling = np.concatenate([potassium, iodine])
    nearest, _ = cKDTree(positions(tube, "C")).query(filling)
    assert nearest.min() > 3.3


def test_the_axis_lies_where_it_is_asked_to():
    tube = filled_nanotube(WALLS[:1], length=80, rotation_deg=30)
    x, y, _ = positions(tube, "I").T
    slope = np.polyfit(x, y, 1)[0]
    assert np.rad2deg(np.arctan(slope)) == pytest.approx(30, abs=2)
    extent = x * np.cos(pi / 6) + y * np.sin(pi / 6)
    assert np.ptp(extent) == pytest.approx(80, abs=5)


def test_same_seed_same_atoms():
    first, again, other = (filled_nanotube(WALLS[:2], 20, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.positions, again.positions)
    assert not np.array_equal(first.positions[:10], other.positions[:10])


@settings(max_examples=20, deadline=None)
@given(y=st.floats(-5, 5), x=st.floats(-5, 5), element=st.sampled_from(["C", "I"]))
def test_potential_of_an_atom_anywhere_between_grid_points(y, x, element):
    # Against the sum over its Fourier components, at an uneven and non-square grid.
    shape, sampling = (72, 80), (0.19, 0.16)
    found = projected_potential(ase.Atoms(element, [[x, y, 3.0]]), shape, sampling)
    assert found.sum() * 0.19 * 0.16 == pytest.approx(
        POTENTIAL * scattering_factor(element, 0.0), rel=0.02
    )
    yy, xx = (np.arange(n) - n // 2 for n in shape)
    k = np.linspace(0, 1 / (3 * 0.19), 1500)
    r = np.hypot(yy[:, None] * 0.19 - y, xx * 0.16 - x)
    near = r < 1.5
    debye_waller = {"C": 0.5, "I": 1.6}[element]
    integrand = 2 * pi * k * scattering_factor(element, k) * np.exp(-debye_waller * k * k / 4)
    wanted = POTENTIAL * np.trapezoid(integrand * j0(2 * pi * k * r[near][:, None]), k, axis=1)
    np.testing.assert_allclose(found[near], wanted, atol=0.01 * wanted.max())


def test_atoms_outside_do_not_appear_on_the_other_side():
    atoms = ase.Atoms("C2", [[5.9, 0, 0], [0, -6.3, 0]])  # 0.2 Å within, 1.3 Å beyond the edges
    potential = projected_potential(atoms, (50, 61), (0.2, 0.2))
    peak = potential.max()
    assert np.unravel_index(potential.argmax(), potential.shape) in ((25, 59), (25, 60))
    assert np.abs(potential[:, :5]).max() < 0.03 * peak
    assert np.abs(potential[-5:]).max() < 0.03 * peak


def test_phase_is_potential_times_interaction_constant():
    atoms = ase.Atoms("I", [[0, 0, 0]])
    phase = object_phase(atoms, (40, 40), (0.2, 0.2), 80e3)
    potential = projected_potential(atoms, (40, 40), (0.2, 0.2))
    np.testing.assert_allclose(phase, interaction_constant(80e3) * potential)
    assert 0.3 < phase.max() < 1.5
