"""`livestem replay`: what it refuses."""

import numpy as np

from app.cli import main
from recon.io import write_events
from tests.support.streams import some_scan


def refused(capsys, *arguments):
    assert main(["replay", *map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def test_it_either_listens_or_connects(tmp_path, capsys):
    write_events(tmp_path / "in.npz", some_scan())
    ends = ("--bind", "tcp://127.0.0.1:0", "--connect", "tcp://127.0.0.1:1")
    err = refused(capsys, tmp_path / "in.npz", "--as", "interactem", *ends)
    assert err == "Either wait for the other side (--bind) or go there (--connect).\n"


def test_frames_that_are_no_events_are_refused(tmp_path, capsys):
    np.save(tmp_path / "in.npy", np.full((4, 5, 6), 0.5))
    err = refused(capsys, tmp_path / "in.npy", "--as", "interactem", "--scan-shape", "2,2")
    assert "holds frames that are no events" in err


def test_a_missing_file_is_a_sentence(tmp_path, capsys):
    assert "There is no file" in refused(capsys, tmp_path / "x.npz", "--as", "interactem")
