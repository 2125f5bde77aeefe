import numpy as np
import pytest

from recon.calibration import Calibration

GOOD = {
    "energy": 80e3,
    "semiangle_cutoff": 25.0,
    "scan_sampling": (0.3, 0.4),
    "centre": (10.0, 11.0),
    "radius": 8.0,
}


def test_derived_lengths():
    calibration = Calibration(**GOOD)
    assert calibration.k0 == pytest.approx(0.025 / 0.0417571608)
    assert calibration.angular_sampling == pytest.approx(25 / 8)
    assert calibration.reciprocal_sampling == pytest.approx(calibration.k0 / 8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"energy": 0}, "beam energy must be positive, not 0 eV"),
        ({"energy": None}, "beam energy is missing"),
        ({"semiangle_cutoff": -1.0}, "semi-angle must be positive, not -1.0 mrad"),
        ({"scan_sampling": (0.3, 0.0)}, "scan step along x must be positive, not 0.0 Å"),
        ({"scan_sampling": (float("nan"), 1)}, "scan step along y must be positive, not nan Å"),
        ({"radius": float("inf")}, "radius of the bright-field disc must be positive, not inf"),
        ({"rotation_deg": float("nan")}, "rotation must be a finite number"),
    ],
)
def test_what_is_missing_or_impossible_is_named_with_its_unit(change, message):
    with pytest.raises(ValueError, match=message):
        Calibration(**{**GOOD, **change})


def test_positive_rotation_looks_clockwise_on_the_screen():
    """K_det = R(θ) K_scan on (x, y), y down: at 90° the scan's x axis points down the detector."""
    calibration = Calibration(**GOOD, rotation_deg=90)
    scan_x = np.array([0.0, 1.0])
    on_detector = np.linalg.inv(calibration.detector_to_scan) @ scan_x
    np.testing.assert_allclose(on_detector, [1, 0], atol=1e-12)


def test_transpose_swaps_the_detectors_axes_after_the_rotation():
    calibration = Calibration(**GOOD, rotation_deg=90, transpose=True)
    on_detector = np.linalg.inv(calibration.detector_to_scan) @ [0.0, 1.0]
    np.testing.assert_allclose(on_detector, [0, 1], atol=1e-12)


@pytest.mark.parametrize("disc", [{"radius": 1e20}, {"centre": (1e20, 3.0)}, {"centre": (3, -1e9)}])
def test_a_disc_that_no_detector_holds_is_refused(disc):
    with pytest.raises(ValueError, match="lies on no detector"):
        Calibration(**{**GOOD, **disc})


@pytest.mark.parametrize(("times", "told"), [(0.5, False), (1.0, False), (1.2, True), (3.0, True)])
def test_a_step_above_nyquist_of_the_aperture_is_told(times, told):
    """Intensities hold frequencies up to 2 k0, which a step of 1 / 4 k0 just tells."""
    k0 = 20e-3 / 0.0250793405
    steps = (0.1, times / (4 * k0))
    found = Calibration(200e3, 20.0, steps, (8, 8), 5.0)
    assert found.undersampling == pytest.approx(max(times, 0.4 * k0), rel=1e-5)
    assert bool(found.undersampled) is told
    if told:
        assert f"{times:.2g} × above Nyquist of this aperture, 0.313 Å" in found.undersampled
