"""`livestem reconstruct` with faulty pixels left out, and with places finer than a pixel."""

from dataclasses import replace

import numpy as np
import pytest

from app.cli import main
from recon.io import write_events
from recon.scan.events import from_frames
from recon.ssb.gfunction import build_sidebands
from recon.ssb.phase import single_sideband
from recon.sums.com import centre_of_mass, scan_deflection
from recon.sums.detectors import pacbed
from recon.treatment.crop import bin_detector
from recon.treatment.mask import without
from tests.support.reconstructed import BEAM, ORIENTATION, PROBE, reconstruct
from tests.support.scans import ABERRATIONS, CALIBRATION, FRAME_SHAPE, weak_events

HOT = [(14, 12), (3, 22)]
DISC = ["--disc-centre", "{},{}".format(*CALIBRATION.centre), "--disc-radius", "9"]
HOW = [*BEAM, *ORIENTATION, *PROBE, "--bright-field-pixels", "8", "--band-limit", "1"]


@pytest.fixture(scope="module")
def events():
    return weak_events(2000)


def test_hot_pixels_are_left_out_of_every_result(events, tmp_path, capsys):
    rng = np.random.default_rng(0)
    mask = np.zeros(FRAME_SHAPE, bool)
    mask[tuple(np.transpose(HOT))] = True
    frames = [
        np.concatenate([f, *(np.full(rng.poisson(30), y * FRAME_SHAPE[1] + x) for y, x in HOT)])
        for f in events.frames()
    ]
    write_events(tmp_path / "a.npz", from_frames(frames, events.scan_shape, FRAME_SHAPE))
    results, parameters = reconstruct(
        tmp_path / "a.npz", tmp_path / "out.h5", *HOW, *DISC, "--mask-hot"
    )
    sentence = "2 hot detector pixels are left out of every sum."
    assert parameters["treatment"]["done"] == [sentence]
    assert sentence in capsys.readouterr().out
    clean = without(events, mask)
    np.testing.assert_array_equal(results["pacbed"], pacbed(clean))
    deflection = scan_deflection(centre_of_mass(clean), CALIBRATION)
    np.testing.assert_allclose(results["com"], deflection, atol=1e-5)
    phase = single_sideband(build_sidebands(clean, CALIBRATION, 8), ABERRATIONS)
    np.testing.assert_allclose(results["ssb/phase"], phase, atol=1e-6)
    _, parameters = reconstruct(tmp_path / "a.npz", tmp_path / "out.h5", *HOW, *DISC)
    assert parameters["treatment"]["done"] == []
    said = "The detector has 2 hot pixels in every sum: --mask-hot leaves such pixels out."
    assert parameters["faulty_pixels"] == {"hot": 2, "dead": 0, "statement": said}
    assert said in capsys.readouterr().out


def test_empty_frames_and_a_coarse_step_are_said_and_recorded(events, tmp_path, capsys):
    frames = [f if n % 40 else f[:0] for n, f in enumerate(events.frames())]
    write_events(tmp_path / "a.npz", from_frames(frames, events.scan_shape, FRAME_SHAPE))
    _, parameters = reconstruct(tmp_path / "a.npz", tmp_path / "out.h5", *HOW, *DISC)
    said = "12 of 480 frames (2.5 %) are empty: the mean pattern stands in for them in G."
    assert parameters["current"]["empty_frames"] == 12
    assert parameters["current"]["statement"] == said
    # 0.45 Å against 1 / 4 k0 of 25 mrad at 80 kV.
    assert parameters["undersampling"]["step_over_nyquist"] == pytest.approx(1.08, abs=0.005)
    out = capsys.readouterr().out
    assert said in out
    assert "its step of 0.45 Å is 1.1 × above Nyquist of this aperture, 0.418 Å" in out


@pytest.mark.parametrize("subpixel", ["2", "auto"])
def test_places_in_the_pixels_give_what_the_finer_detector_saw(events, tmp_path, subpixel):
    coarse = bin_detector(events, 2)
    y, x = np.divmod(events.pixels, FRAME_SHAPE[1])
    places = ((8 * (y % 2) + 4) << 4 | (8 * (x % 2) + 4)).astype(np.uint8)
    write_events(tmp_path / "coarse.npz", replace(coarse, subpixel=places))
    write_events(tmp_path / "fine.npz", events)
    half = ["--disc-centre", "{},{}".format(*((c + 0.5) / 2 - 0.5 for c in CALIBRATION.centre))]
    found, parameters = reconstruct(
        tmp_path / "coarse.npz",
        tmp_path / "a.h5",
        *HOW,
        *(*half, "--disc-radius", "4.5", "--subpixel", subpixel),
    )
    expected, _ = reconstruct(tmp_path / "fine.npz", tmp_path / "b.h5", *HOW, *DISC)
    assert parameters["treatment"]["done"][0].startswith("Places within the pixels are used: 2 × 2")
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, atol=1e-5, err_msg=name)


def test_what_the_source_does_not_tell_cannot_be_asked_for(events, tmp_path, capsys):
    write_events(tmp_path / "a.npz", events)
    np.save(tmp_path / "a.npy", np.full((5, 6, 7, 8), 0.5, np.float32))
    command = ["reconstruct", "-o", str(tmp_path / "o.h5"), *HOW, *DISC, "--subpixel"]
    assert main([*command, "4", str(tmp_path / "a.npz")]) == 2
    assert "does not say where in its pixel" in capsys.readouterr().err
    assert main([*command, "4", str(tmp_path / "a.npy")]) == 2
    assert "hold no electrons one by one" in capsys.readouterr().err
    assert main([*command, "3", str(tmp_path / "a.npz")]) == 2
    assert "none of auto, 1, 2, 4, 8, 16" in capsys.readouterr().err
