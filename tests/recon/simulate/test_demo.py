"""The demonstration scan: its truth, its cache, and that the truth makes it sharp."""

import numpy as np
import pytest

from recon.calibration import Calibration
from recon.errors import Cancelled
from recon.optics import Aberrations
from recon.scan.events import ElectronEvents
from recon.simulate import demo


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def small(folder) -> ElectronEvents:
    return demo.demo_events(cache=folder, small=True)


def test_truth_in_metadata(small):
    assert small.scan_shape == (96, 96)
    assert small.frame_shape == (128, 128)
    known = small.metadata
    assert known["energy"] == 80e3
    assert known["semiangle_cutoff"] == 25
    assert known["scan_sampling"] == (0.31, 0.31)
    assert known["rotation_deg"] == demo.ROTATION_DEG
    assert known["transpose"] is False
    assert known["dose"] == 2e3
    assert Aberrations(**known["aberrations"]) == demo.ABERRATIONS
    assert "nanotube" in known["description"]
    assert 0.97 < small.electrons / (2e3 * 0.31**2 * small.positions) <= 1.01
    small.check_pixels()


def test_the_disc_is_where_the_truth_says(small):
    pattern = np.bincount(small.pixels, minlength=128 * 128).reshape(128, 128)
    bright = pattern > pattern.max() / 2
    y, x = np.nonzero(bright)
    centre, radius = small.metadata["centre"], small.metadata["radius"]
    assert (y.mean(), x.mean()) == pytest.approx(centre, abs=0.15)
    assert np.sqrt(bright.sum() / np.pi) == pytest.approx(radius, abs=0.15)
    assert abs(centre[0] - 63.5) > 0.1  # never quite in the middle
    assert abs(centre[1] - 63.5) > 0.1


def test_it_is_kept(small, folder):
    before = list(folder.iterdir())
    again = demo.demo_events(cache=folder, small=True)
    np.testing.assert_array_equal(small.pixels, again.pixels)
    assert again.metadata == small.metadata
    assert list(folder.iterdir()) == before
    assert len(before) == 1


def test_a_damaged_file_is_made_again(small, folder, monkeypatch, tmp_path):
    made = next(folder.iterdir())
    damaged = tmp_path / made.name
    damaged.write_bytes(made.read_bytes()[:10_000])
    monkeypatch.setattr(demo, "simulate_nanotube", lambda **settings: small)
    again = demo.demo_events(cache=tmp_path, small=True)
    assert again is small
    assert damaged.stat().st_size == made.stat().st_size


def test_cancelling_leaves_no_file(tmp_path):
    def stop(fraction):
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        demo.demo_events(stop, tmp_path, small=True)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_no_hindrance(small, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setattr(demo, "simulate_nanotube", lambda **settings: small)
    assert demo.demo_events(cache=tmp_path / "file" / "cache", small=True) is small


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("LIVESTEM_CACHE", str(tmp_path))
    assert demo.cache_folder() == tmp_path
    assert demo.cache_folder(tmp_path / "given") == tmp_path / "given"
    monkeypatch.delenv("LIVESTEM_CACHE")
    assert demo.cache_folder().name == "livestem"


def test_each_dose_has_its_file():
    names = {demo.file_name(demo.DEMO | {"dose": dose}) for dose in (2e3, 2e4)}
    assert len(names) == 2


def test_other_scans_on_request():
    events = demo.simulate_nanotube(
        Calibration(300e3, 20, (0.5, 0.35), (28, 41.5), 14, 200, True),
        scan_shape=(20, 26),
        frame_shape=(60, 80),
        dose=500,
        aberrations=Aberrations(C10=30),
        seed=9,
    )
    assert events.scan_shape == (20, 26)
    assert events.frame_shape == (60, 80)
    assert events.metadata["centre"] == (28, 41.5)
    assert events.metadata["transpose"] is True
    assert events.metadata["aberrations"] == {"C10": 30}
    assert events.electrons == pytest.approx(500 * 0.5 * 0.35 * events.positions, rel=0.05)
    with pytest.raises(ValueError, match="is empty"):
        demo.simulate_nanotube(scan_shape=(0, 10))
    with pytest.raises(ValueError, match="scan step along y must be positive"):
        demo.calibration_on((8, 8), scan_sampling=(0, 0.3))


def test_the_lattice_appears_at_the_truth_and_only_there(small):
    from recon.ssb.gfunction import build_sidebands
    from recon.ssb.phase import single_sideband

    names = ("energy", "semiangle_cutoff", "scan_sampling", "centre", "radius", "rotation_deg")
    known = small.metadata
    sidebands = build_sidebands(small, Calibration(**{name: known[name] for name in names}))

    def lattice(aberrations):
        """Power of the phase's strongest spacing between 2 and 4 Å."""
        phase = single_sideband(sidebands, aberrations, mode="draft")
        window = np.hanning(96)[:, None] * np.hanning(96)
        power = np.abs(np.fft.fft2((phase - phase.mean()) * window)) ** 2
        k = np.hypot(*np.meshgrid(*[np.fft.fftfreq(96, 0.31)] * 2))
        return power[(k > 1 / 4) & (k < 1 / 2)].max()

    sharp = lattice(Aberrations(**known["aberrations"]))
    assert sharp > 3 * lattice(Aberrations())
    mirrored = {name: -value for name, value in known["aberrations"].items()}
    assert sharp > 3 * lattice(Aberrations(**mirrored))
