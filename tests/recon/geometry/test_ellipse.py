"""Discs that are far from round: found, told of, and made round, where no circle fits."""

import numpy as np
import pytest

from app.cli import main
from recon.errors import DiscNotFound, Unfitted
from recon.geometry.disc import fit_disc
from recon.geometry.ellipse import Ellipse, fit_ellipse, rough_centre
from recon.io import write_events
from recon.scan.events import from_frames
from recon.scan.frames import of_array
from recon.sums.dense import centre_of_mass, pacbed
from recon.treatment.straighten import straighten_frames


def pattern(ratio, angle_deg, radius=9.0, centre=(23.3, 24.1), inside=200.0, outside=2.0, seed=0):
    """(48, 50) counts of an evenly lit ellipse with a sharp rim, each pixel averaged."""
    fine = (np.arange(48 * 8) + 0.5) / 8 - 0.5, (np.arange(50 * 8) + 0.5) / 8 - 0.5
    y, x = fine[0][:, None] - centre[0], fine[1] - centre[1]
    cos, sin = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    along, across = cos * x + sin * y, cos * y - sin * x
    lit = np.hypot(along / np.sqrt(ratio), across * np.sqrt(ratio)) < radius
    mean = outside + (inside - outside) * lit.reshape(48, 8, 50, 8).mean((1, 3))
    return np.random.default_rng(seed).poisson(mean)


@pytest.mark.parametrize("ratio", [1.1, 1.4, 2.0, 3.0])
@pytest.mark.parametrize("angle", [0.0, 33.0, 90.0, 160.0])
@pytest.mark.parametrize("inside", [20.0, 400.0])
def test_an_ellipse_is_found_whatever_its_ratio(ratio, angle, inside):
    fit = fit_ellipse(pattern(ratio, angle, inside=inside, outside=inside / 100))
    assert fit.ellipse.ratio == pytest.approx(ratio, abs=max(5 * fit.ratio_error, 0.02 * ratio))
    assert fit.ratio_error < 0.1 * ratio
    turned = (fit.ellipse.angle_deg - angle + 90) % 180 - 90
    assert abs(turned) < max(5 * fit.angle_error_deg, 1.0)
    np.testing.assert_allclose(fit.ellipse.centre, (23.3, 24.1), atol=0.3)
    assert fit.radius == pytest.approx(9.0, abs=0.3)


@pytest.mark.parametrize("ratio", [2.0, 3.0])
def test_a_circle_that_does_not_fit_is_told_to_be_an_ellipse(ratio):
    with pytest.raises(DiscNotFound, match="its long axis at 90") as refused:
        fit_disc(pattern(ratio, 90.0))
    told = float(str(refused.value).split("of ratio ")[1].split()[0])
    assert told == pytest.approx(ratio, rel=0.02)


def test_what_is_neither_is_not_called_one():
    y, x = np.mgrid[:48, :50]
    rng = np.random.default_rng(1)
    spots = {
        "flat": np.full((48, 50), 30.0),
        "ramp": 2.0 * x + 0 * y,
        "a bar": 100.0 * (abs(y - 24) < 3) + 1,
    }
    for name, mean in spots.items():
        with pytest.raises(DiscNotFound) as refused:
            fit_disc(rng.poisson(mean))
        assert "ellipse" not in str(refused.value), name
        with pytest.raises((DiscNotFound, Unfitted)):
            fit_ellipse(rng.poisson(mean))


def test_the_middle_of_what_is_bright_is_near_the_centre():
    np.testing.assert_allclose(rough_centre(pattern(2.5, 20.0)), (23.3, 24.1), atol=0.5)


@pytest.mark.parametrize("asked", ["auto", "2,90"])
def test_the_command_makes_a_disc_of_long_pixels_round(asked, tmp_path, capsys):
    rng, (y, x) = np.random.default_rng(0), np.mgrid[:32, :16]
    frames = []
    for position in range(64):
        off = 0.3 * np.sin(position), 0.15 * np.cos(position)
        lit = np.hypot((y - 15.5 - off[0]) / 2, x - 7.5 - off[1]) < 4
        counts = rng.poisson(np.where(lit, 3.0, 0.01))
        frames.append(np.repeat(np.arange(512), counts.ravel()))
    write_events(tmp_path / "scan.npz", from_frames(frames, (8, 8), (32, 16)))
    known = [
        "--energy-kev",
        "80",
        "--semiangle-mrad",
        "25",
        "--scan-step-angstrom",
        "0.3",
        "--subpixel",
        "1",
    ]
    command = ["reconstruct", str(tmp_path / "scan.npz"), "-o", str(tmp_path / "o.h5"), *known]
    assert main(command) == 2
    assert "an ellipse of ratio 2.0" in capsys.readouterr().err
    assert main([*command, "--ellipse", asked]) == 0
    said = capsys.readouterr().out
    # Of half axes 8 and 4, the circle of the same area.
    radius = float(said.split("Disc of radius ")[1].split()[0])
    assert radius == pytest.approx(np.sqrt(32), abs=0.2)


def frames_of(ratio, angle, number=6):
    cube = np.stack([pattern(ratio, angle, seed=n, centre=(23 + n / 9, 24)) for n in range(number)])
    return of_array(cube.astype("u2").reshape(2, 3, 48, 50))


@pytest.mark.parametrize(("ratio", "angle"), [(1.2, 20.0), (2.0, 90.0)])
def test_dense_frames_are_made_round_too(ratio, angle):
    frames, ellipse = frames_of(ratio, angle), Ellipse(ratio, angle, (23.3, 24.1))
    round_ = straighten_frames(frames, None, ellipse)
    assert (round_.dtype, round_.scan_shape) == (np.float32, (2, 3))
    before, after = pacbed(frames), pacbed(round_)
    # But for the background beside it, of which some leaves the detector.
    assert after.sum() == pytest.approx(before.sum(), rel=0.04)
    disc = fit_disc(after)
    assert disc.radius == pytest.approx(9.0, abs=0.2)
    # The disc's centre moves as any point does: c + M (k - c).
    disc_only = np.hypot(*(np.mgrid[:48, :50] - np.array(disc.centre)[:, None, None])) < 12
    moved = centre_of_mass(round_, disc_only).reshape(2, -1)
    place = np.stack([23 + np.arange(6) / 9, np.full(6, 24.0)])
    centre = np.array(ellipse.centre)[:, None]
    np.testing.assert_allclose(moved, centre + ellipse.matrix @ (place - centre), atol=0.15)


def test_an_even_pattern_stays_even_and_one_that_is_round_stays_as_it_is():
    even = of_array(np.full((1, 1, 40, 40), 7, np.uint8))
    made = straighten_frames(even, None, Ellipse(1.7, 30.0, (19.5, 19.5))).read(0, 1)[0]
    np.testing.assert_allclose(made[12:28, 12:28], 7, rtol=1e-5)
    flat = np.add.outer(2.0 * np.arange(20), 3.0 * np.arange(20))
    ramp = of_array(flat[None, None])
    made = straighten_frames(ramp, None, Ellipse(1.0, 0.0, (9.0, 9.0))).read(0, 1)[0]
    np.testing.assert_allclose(made[1:-1, 1:-1], flat[1:-1, 1:-1], rtol=1e-5)


def test_what_is_left_out_of_dense_frames_stays_out_where_it_goes():
    holes = np.zeros((48, 50), bool)
    holes[23, 33] = True
    frames = straighten_frames(
        of_array(np.ones((1, 1, 48, 50)), excluded=holes), None, Ellipse(2.0, 0.0, (23.0, 24.0))
    )
    # The pixel lies 9 to the right of the centre: it comes to 9 / √2.
    where = np.argwhere(frames.excluded)
    assert (abs(where - [23, 24 + 9 / np.sqrt(2)]) < 2.5).all()
    assert (frames.read(0, 1)[0][16:30, 16:32][~frames.excluded[16:30, 16:32]] > 0.99).all()
