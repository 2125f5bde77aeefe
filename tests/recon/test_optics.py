import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.calibration import Calibration
from recon.optics import COEFFICIENTS, TERMS, Aberrations, electron_wavelength

LENGTHS = st.floats(-1e4, 1e4)
RANDOM = st.builds(
    lambda values: Aberrations(**dict(zip(COEFFICIENTS, values, strict=True))),
    st.lists(LENGTHS, min_size=25, max_size=25),
)


@pytest.mark.parametrize(
    # CODATA 2018; Kirkland, "Advanced Computing in Electron Microscopy", Table 2.2, to its digits.
    ("energy", "wavelength", "printed"),
    [(80e3, 0.0417571608, 0.0418), (200e3, 0.0250793405, 0.0251), (300e3, 0.0196874890, 0.0197)],
)
def test_wavelength_is_that_of_the_literature(energy, wavelength, printed):
    assert electron_wavelength(energy) == pytest.approx(wavelength, rel=1e-8)
    assert round(electron_wavelength(energy), 4) == printed


@pytest.mark.parametrize("energy", [0, -80e3, float("nan")])
def test_energy_must_be_positive(energy):
    with pytest.raises(ValueError, match="beam energy must be positive"):
        electron_wavelength(energy)


def test_there_are_25_coefficients_to_5th_order():
    assert len(COEFFICIENTS) == 25
    assert [t.name for t in TERMS if t.n == 5] == ["C50", "C52", "C54", "C56"]


def test_defocus_is_minus_c10():
    assert Aberrations(C10=-120).defocus == 120


def test_chi_of_defocus_is_the_fresnel_phase():
    """chi = π λ C10 |k|², by hand."""
    wavelength = electron_wavelength(80e3)
    chi = Aberrations(C10=50).chi(0.3, 0.4, wavelength)
    assert chi == pytest.approx(np.pi * wavelength * 50 * 0.25)


@given(RANDOM)
def test_the_polynomial_is_krivaneks_polar_sum(aberrations):
    wavelength = electron_wavelength(80e3)
    ky, kx = np.random.default_rng(0).uniform(-0.6, 0.6, (2, 20))
    theta, azimuth = wavelength * np.hypot(ky, kx), np.arctan2(ky, kx)
    polar = aberrations.polar()
    expected = sum(
        2
        * np.pi
        / wavelength
        * theta ** (t.n + 1)
        / (t.n + 1)
        * polar[t.name]
        * np.cos(t.m * (azimuth - polar.get(f"phi{t.n}{t.m}", 0)))
        for t in TERMS
    )
    scale = 2 * np.pi / wavelength * 1e5 * theta.max() ** 2
    np.testing.assert_allclose(aberrations.chi(ky, kx, wavelength), expected, atol=1e-12 * scale)


@given(RANDOM)
def test_polar_form_goes_both_ways(aberrations):
    again = Aberrations.from_polar(aberrations.polar())
    np.testing.assert_allclose(
        list(vars(again).values()), list(vars(aberrations).values()), atol=1e-9
    )


@given(RANDOM, st.floats(-180, 180), st.booleans())
def test_chi_is_the_same_seen_from_the_scan(aberrations, rotation, transpose):
    calibration = Calibration(80e3, 25, (1, 1), (0, 0), 1, rotation, transpose)
    k = np.random.default_rng(0).uniform(-0.6, 0.6, (2, 20))
    scan = aberrations.in_scan_frame(rotation, transpose)
    np.testing.assert_allclose(
        scan.chi(*(calibration.detector_to_scan @ k), calibration.wavelength),
        aberrations.chi(*k, calibration.wavelength),
        atol=1e-7,
    )


@pytest.mark.parametrize("m", [1, 2, 3, 4, 5, 6])
def test_an_m_fold_aberration_is_unchanged_by_an_mth_of_a_turn(m):
    term = next(t for t in TERMS if t.m == m)
    before = Aberrations(**{term.coefficients[0]: 100.0, term.coefficients[1]: -30.0})
    after = before.in_scan_frame(360 / m, False)
    np.testing.assert_allclose(list(vars(after).values()), list(vars(before).values()), atol=1e-9)


def test_unknown_polar_names_and_infinite_lengths_are_refused():
    with pytest.raises(ValueError, match="C13 is not a polar aberration"):
        Aberrations.from_polar({"C13": 1.0})
    with pytest.raises(ValueError, match="phi10 is not a polar aberration"):
        Aberrations.from_polar({"phi10": 1.0})
    with pytest.raises(ValueError, match="C30 must be a finite length, not inf Å"):
        Aberrations(C30=float("inf"))
