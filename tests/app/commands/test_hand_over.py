"""`livestem hand-over`, from a scan's results to a folder."""

import h5py
import numpy as np
import pytest
import yaml

from app.cli import main
from recon.io import write_events
from tests.support.reconstructed import BEAM, ORIENTATION, PROBE, reconstruct
from tests.support.scans import weak_events


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hand_over")
    events = weak_events(40)
    write_events(folder / "scan.npz", events)
    _, known = reconstruct(folder / "scan.npz", folder / "r.h5", *BEAM, *ORIENTATION, *PROBE)
    return folder, events, known


def test_a_result_and_its_frames_become_a_folder(kept, tmp_path, capsys):
    folder, events, known = kept
    out = tmp_path / "out"
    command = ["hand-over", str(folder / "r.h5"), "--to", "ptyrad", "-o", str(out)]
    assert main([*command, "--scan", str(folder / "scan.npz")]) == 0
    told = capsys.readouterr()
    assert "The frames take" in told.out
    begun = yaml.safe_load((out / "ptyrad.yaml").read_text())["init_params"]
    assert begun["probe_kv"] == 80
    assert begun["pos_scan_affine"] == [1.0, pytest.approx(2 * -0.05 / 0.85), 12.0, 0.0]
    assert begun["probe_aberrations"]["C10"] == 60
    with h5py.File(out / "frames.h5") as file:
        frames = file["data"][()]
    assert frames.shape[:2] == events.scan_shape
    assert frames.shape[2] == begun["meas_Npix"]
    assert 0 < frames.sum() <= events.electrons
    # A square about the disc: what is there lies there in the detector as well.
    first = [round(c) - begun["meas_Npix"] // 2 for c in known["disc"]["centre"]]
    pattern = np.bincount(events.pixels, minlength=np.prod(events.frame_shape))
    whole = pattern.reshape(events.frame_shape)
    y, x = (slice(f, f + begun["meas_Npix"]) for f in first)
    assert np.array_equal(frames.sum((0, 1)), whole[y, x])


def test_what_is_wrong_is_one_sentence(kept, tmp_path, capsys):
    folder = kept[0]
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine").write_text("")
    command = ["hand-over", str(folder / "r.h5"), "--to", "abtem", "-o", str(out)]
    assert main(command) == 2
    assert "is there already: name a new or an empty folder" in capsys.readouterr().err
    assert main(["hand-over", str(folder / "scan.npz"), "--to", "abtem", "-o", str(out)]) == 2
    assert "holds no results of livestem" in capsys.readouterr().err
