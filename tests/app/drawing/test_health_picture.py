"""The health report as a picture, and on the command line."""

import numpy as np
import pytest
from PIL import Image

from app.cli import main
from app.drawing.health_picture import DEAD, GAP, HOT, MARK, PANEL, health_picture
from recon.io import write_events
from recon.quality.health import health
from recon.scan.events import from_frames
from recon.scan.frames import of_array
from tests.support.faulty_scans import CENTRE, FRAME, RADIUS, disc, scan

HEAD = 32
"""Height of a panel's title."""


def spoiled():
    def change(expected):
        for row in range(48):
            expected[row] = np.roll(expected[row], row // 12, axis=-1)
        expected[..., 2, 3] = 3 * disc().max()
        expected[..., 20, 25] = 0

    return scan(change)


def panel(picture, number):
    left, top = GAP + number % 2 * (PANEL + GAP), GAP + number // 2 * (PANEL + GAP + HEAD) + HEAD
    return picture[top : top + PANEL, left : left + PANEL, :3].astype(int)


def test_faults_are_where_they_are_on_the_detector():
    report = health(spoiled())
    picture = health_picture(report)
    assert (picture.dtype, picture.shape[2]) == (np.uint8, 4)
    assert (picture[..., 3] == 255).all()
    detector = panel(picture, 0)
    zoom = PANEL / FRAME[0]
    for place, colour in (((2, 3), HOT), ((20, 25), DEAD)):
        marked = np.argwhere((detector == colour).all(-1))
        np.testing.assert_allclose(marked.mean(0), (np.array(place) + 0.5) * zoom, atol=1.5)
    inside = detector[tuple(int(zoom * (c + 0.5)) for c in CENTRE)]
    outside = detector[int(zoom * (CENTRE[0] + RADIUS + 6)), int(zoom * CENTRE[1])]
    assert inside.min() > 2 * outside.max()


def test_arrows_point_where_the_disc_is():
    descan = panel(health_picture(health(spoiled())), 3)
    top, foot = (np.argwhere((part == MARK).all(-1)) for part in (descan[:40], descan[-45:]))
    # The disc moves to the right down the scan, and an arrow is thick at its head.
    side = PANEL / 9
    right = [np.mean(part[:, 1] % side > side / 2) for part in (top, foot)]
    assert right[0] < 0.4
    assert right[1] > 0.6


@pytest.mark.parametrize("dark", [False, True])
def test_any_scan_can_be_drawn(dark):
    empty = from_frames([[]] * 6, (3, 2), (6, 5))
    odd = of_array(np.full((1, 7, 5, 3), np.nan, np.float32))
    for few in (empty, odd, scan(electrons=2)):
        picture = health_picture(health(few), dark=dark)
        assert picture[0, 0, :3].max() < 128 if dark else picture[0, 0, :3].min() > 128


def test_info_draws_the_picture(tmp_path, capsys):
    write_events(tmp_path / "scan.npz", scan())
    path = tmp_path / "health.png"
    assert main(["info", str(tmp_path / "scan.npz"), "--picture", str(path)]) == 2
    assert "give --health as well" in capsys.readouterr().err
    assert main(["info", str(tmp_path / "scan.npz"), "--health", "--picture", str(path)]) == 0
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert picture.size[0] > 2 * PANEL
    assert sorted(p.name for p in tmp_path.iterdir()) == ["health.png", "scan.npz"]
