"""`livestem bench` on a device: as `python -m recon.bench`, told by the command line."""

import json

import pytest

from app.cli import main
from recon.device import backend
from tests.support.benched import small


def test_livestem_bench_measures_a_gpu_where_there_is_one(monkeypatch, tmp_path, capsys):
    small(monkeypatch)
    monkeypatch.setattr("recon.bench.device.halved", lambda *arguments: None)
    output = tmp_path / "bench.json"
    assert main(["bench", "--quick", "--json", "--output", str(output)]) == 0
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert report["device"].startswith("Stand-in for a GPU")
    assert json.loads(output.read_text()) == report
    assert "16 × 16, 8 pixels across: draft redraw" in printed.err
    assert main(["bench", "--scan", "12,16", "--pixels", "6"]) == 0
    assert "12 × 16 positions, 6 pixels across: " in capsys.readouterr().out


def test_a_stage_that_fails_is_told_and_counted(monkeypatch, capsys):
    small(monkeypatch)
    assert main(["bench", "--quick"]) == 2
    printed = capsys.readouterr()
    assert "draft redraw" in printed.out
    assert printed.err.splitlines()[-1].startswith("1 stage failed, for the reasons above")


def test_a_scan_is_played_as_it_would_come_from_a_camera(monkeypatch, tmp_path, capsys):
    output = tmp_path / "live.json"
    options = ["bench", "--live", "--device", "cpu", "--scan", "24,16", "--pixels", "6"]
    assert main([*options, "--json", "--output", str(output)]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert json.loads(output.read_text()) == figures
    keys = {"live_rows_per_s", "live_pace_us", "live_lost_frames", "live_images_per_s"}
    assert {*keys, "live_last_row_to_exact_ms", "device"} <= set(figures)
    monkeypatch.setattr("recon.bench.live.run", lambda *arguments, **options: figures)
    assert main(options) == 0
    shown = capsys.readouterr().out
    assert "24 × 16 positions, 6 pixels across" in shown
    assert "frames lost" in shown


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (["--output", "none/bench.json"], "There is no folder none"),
        (["--electrons-per-frame", "1e20"], "to 1e+06 electrons, not 1e20"),
    ],
)
def test_what_cannot_end_well_is_refused_before_anything_is_measured(option, words, capsys):
    assert main(["bench", "--device", "cpu", *option]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("device", ["gpu", "tpu"])
def test_a_device_that_is_not_there_is_refused_in_one_sentence(monkeypatch, capsys, device):
    monkeypatch.setattr(backend, "_found", lambda: "No GPU: none.")
    assert main(["bench", "--device", device]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert {"gpu": "No GPU: none.", "tpu": "none of auto, cpu, gpu"}[device] in printed.err
