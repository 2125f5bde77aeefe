"""A scan that is played while it is redrawn: every figure is measured, and what is lost is told."""

import numpy as np
import pytest

from recon.bench import __main__, live, playing
from recon.bench.report import live_text
from recon.kernels.cpu import reference

KEYS = {
    "live_rows_per_s",
    "live_pace_us",
    "live_longest_gap_s",
    "live_last_row_to_received_ms",
    "live_last_row_to_counted_ms",
    "live_last_row_to_exact_ms",
    "live_last_row_to_settled_ms",
    "live_played_us",
    "live_stream_bytes",
    "live_stream_floor_ms",
    "live_anew_ms",
}


def test_every_figure_is_measured_and_shown():
    seen = []
    figures = live.run((40, 32), 8, 10.0, pace_us=1000.0, progress=seen.append)
    assert set(figures) >= {*KEYS, "live_lost_frames", "live_adding_ms", "live_floor_ms", "device"}
    assert {key: figures[key] for key in KEYS if not figures[key] > 0} == {}
    # Where a busy machine draws none while it lasts, the gap is all of it.
    longest = 1 / figures["live_images_per_s"] if figures["live_images_per_s"] else 1.0
    assert figures["live_longest_gap_s"] >= 0.5 * longest
    assert figures["device"].startswith("CPU")
    assert list(figures["live_adding_ms"]) == list(figures["live_floor_ms"]) == [1, 4, 8, 16, 32]
    assert figures["live_lost_frames"] == 0
    assert (figures["live_pixels"], figures["live_wire"]) == (8, "interactem")
    assert figures["live_last_row_to_exact_ms"] < figures["live_last_row_to_settled_ms"]
    assert figures["live_rows_per_s"] * figures["live_pace_us"] * 32 == pytest.approx(1e6)
    anew = figures["live_anew_ms"] / (16 * figures["live_adding_ms"][16])
    assert figures["ratios"]["all columns anew / adding 16 rows"] == pytest.approx(anew)
    assert seen == sorted(seen)
    assert seen[-1] == 1
    text = live_text(figures)
    assert "40 × 32 positions, 8 pixels across" in text
    assert f"{figures['live_lost_frames']:,}" in text
    assert "left out, for want of memory" in live_text(figures | {"live_anew_ms": None})


def test_it_runs_where_only_recon_is_installed(capsys, monkeypatch):
    monkeypatch.setattr(playing, "find_spec", lambda name: None)
    size = ["--scan", "24,16", "--pixels", "6", "--electrons-per-frame", "5"]
    assert __main__.main(["--device", "cpu", "--live", *size]) == 0
    said = capsys.readouterr().out
    assert "24 × 16 positions, 6 pixels across" in said
    assert "as accos" in said


def test_a_copy_is_a_copy():
    source = np.random.default_rng(0).normal(size=1001).astype(np.float32)
    target = np.zeros_like(source)
    reference.copy(source, target)
    np.testing.assert_array_equal(target, source)
