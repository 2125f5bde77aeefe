"""PtyRAD's numbers: its formula for positions and azimuths, a plane for its canvas.

`tests.studies.handover` asks PtyRAD itself.
"""

from io import BytesIO

import h5py
import numpy as np
import pytest
import yaml

from recon.handover import ptyrad
from recon.handover.start import cut_of
from tests.support.handed_over import SHAPE, by_formula, start


def positions(known):
    """(Sy, Sx, 2) positions (y, x) [Å] from the middle of the scan, as PtyRAD composes them."""
    scale, asymmetry, rotation, shear = known["pos_scan_affine"]
    turn, lean = np.radians(rotation), np.tan(np.radians(shear))
    stretch = np.diag([scale * (1 + asymmetry / 2), scale * (1 - asymmetry / 2)])
    turned = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    matrix = stretch @ turned @ np.array([[1, 0], [lean, 1]])
    axes = (np.arange(known[f"pos_N_scan_{n}"]) for n in ("slow", "fast"))
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).astype(float)
    return known["pos_scan_step_size"] * (grid - grid.mean((0, 1))) @ matrix


@pytest.fixture(params=[False, True])
def begun(request):
    return start(request.param)


@pytest.fixture
def made(begun):
    return ptyrad.files(begun, cut_of(begun.calibration, begun.frame_shape, 2))


def test_its_positions_are_those_of_the_scan_in_the_cameras_frame(begun, made):
    known = yaml.safe_load(made["ptyrad.yaml"])["init_params"]
    found = positions(known)
    # A step along the scan's x leads along R(θ) x there, and so does one along y.
    angle = np.radians(begun.calibration.rotation_deg)
    step_y, step_x = begun.calibration.scan_sampling
    along_x, along_y = found[0, 1] - found[0, 0], found[1, 0] - found[0, 0]
    np.testing.assert_allclose(along_x, [step_x * np.sin(angle), step_x * np.cos(angle)])
    np.testing.assert_allclose(along_y, [step_y * np.cos(angle), -step_y * np.sin(angle)])


def test_its_aberrations_give_chi(begun, made):
    known = yaml.safe_load(made["ptyrad.yaml"])["init_params"]
    polar = {
        name: np.radians(value) if name.startswith("phi") else value
        for name, value in known["probe_aberrations"].items()
    }
    ky, kx = np.random.default_rng(1).uniform(-0.6, 0.6, (2, 50))
    wavelength = begun.calibration.wavelength
    expected = begun.in_camera.chi(ky, kx, wavelength)
    found = by_formula(polar, kx, ky, wavelength)
    np.testing.assert_allclose(found, expected, atol=1e-9 * abs(expected).max())
    assert known["probe_kv"] == 80
    assert known["probe_conv_angle"] == 25
    assert known["meas_Npix"] == 36 // 2
    assert known["meas_reshape"] == [SHAPE[0] * SHAPE[1], 18, 18]
    sampling = begun.calibration.k0 / begun.calibration.radius
    assert known["meas_calibration"] == {"mode": "dk", "value": pytest.approx(2 * sampling)}


def test_the_phase_lies_on_its_canvas_where_the_positions_are(begun, made):
    # A plane over the scan: bilinear interpolation keeps it.
    y, x = np.meshgrid(*map(np.arange, SHAPE), indexing="ij")
    plane = start(begun.calibration.transpose, phase=0.3 * y - 0.2 * x + 0.05)
    cut = cut_of(plane.calibration, plane.frame_shape, 2)
    canvas = ptyrad.phase_on_grid(plane, cut)
    known = yaml.safe_load(made["ptyrad.yaml"])["init_params"]
    at = positions(known)
    pixel = 1 / (cut.pixels * known["meas_calibration"]["value"])
    extent = np.ptp(at.reshape(-1, 2), axis=0) / pixel
    assert canvas.shape == tuple((1.2 * np.ceil(extent + cut.pixels)).astype(int))
    # Least squares: canvas pixel -> plane, from the positions alone.
    flat = at.reshape(-1, 2) / pixel + np.array(canvas.shape) // 2
    law = np.linalg.lstsq(np.c_[flat, np.ones(len(flat))], plane.phase.ravel(), rcond=None)[0]
    rows, columns = (np.arange(n) for n in canvas.shape)
    expected = rows[:, None] * law[0] + columns * law[1] + law[2]
    inside = canvas != 0
    assert inside.sum() > SHAPE[0] * SHAPE[1] / 4
    wrong = abs(canvas - expected)[inside] > 1e-6
    # Only at the rim it falls to the zero beside it.
    assert wrong.mean() < 0.35
    assert not wrong.all()
    with h5py.File(BytesIO(made["start.h5"])) as file:
        assert file["object"].shape == canvas.shape
        np.testing.assert_allclose(abs(file["object"][()]), 1, rtol=1e-6)
        np.testing.assert_array_equal(file["probe"][0], begun.probe(cut))
