"""A scan that is played while it is redrawn: every figure is measured, and what is lost is told."""

import threading

import numpy as np
import pytest

from recon.bench import __main__, live
from recon.bench.report import live_text
from recon.errors import Cancelled
from recon.kernels.cpu import reference
from recon.ssb.gfunction import build_sidebands

KEYS = {
    "live_rows_per_s",
    "live_pace_us",
    "live_images_per_s",
    "live_last_row_to_exact_ms",
    "live_played_us",
    "live_anew_ms",
}


def test_every_figure_is_measured_and_shown():
    seen = []
    figures = live.run((40, 32), 8, 10.0, pace_us=400.0, progress=seen.append)
    assert set(figures) >= {*KEYS, "live_lost_frames", "live_adding_ms", "live_floor_ms", "device"}
    assert all(figures[key] > 0 for key in KEYS)
    assert figures["device"].startswith("CPU")
    assert list(figures["live_adding_ms"]) == list(figures["live_floor_ms"]) == [1, 4, 8, 16, 32]
    assert figures["live_lost_frames"] % 32 == 0
    assert figures["live_rows_per_s"] * figures["live_pace_us"] * 32 == pytest.approx(1e6)
    anew = figures["live_anew_ms"] / (16 * figures["live_adding_ms"][16])
    assert figures["ratios"]["all columns anew / adding 16 rows"] == pytest.approx(anew)
    assert seen == sorted(seen)
    assert seen[-1] == 1
    text = live_text(figures)
    assert "40 × 32 positions, 8 pixels across" in text
    assert f"{figures['live_lost_frames']:,}" in text
    assert "left out, for want of memory" in live_text(figures | {"live_anew_ms": None})


def test_it_runs_where_only_recon_is_installed(capsys):
    size = ["--scan", "24,16", "--pixels", "6", "--electrons-per-frame", "5"]
    assert __main__.main(["--device", "cpu", "--live", *size]) == 0
    assert "24 × 16 positions, 6 pixels across" in capsys.readouterr().out


def test_what_is_received_is_the_scan():
    work = live._Work.of((22, 16), 8, 10.0, live.CPU)
    with live._Receiver(work) as receiver:
        for first in range(0, 22, live.AT_ONCE):
            receiver.blocks.put((first, work.block(first, live.AT_ONCE)))
        receiver.finish()
    assert receiver.growing.rows.complete
    g = receiver.growing.sidebands()
    expected = build_sidebands(work.events, work.calibration, 8)
    np.testing.assert_allclose(g.re, expected.re, atol=1e-5 * abs(expected.re).max())
    sums, scan = receiver._taking[1:]
    np.testing.assert_array_equal(scan.events().pixels, work.events.pixels)
    np.testing.assert_array_equal(sums.counts(), work.events.counts)


def test_rows_that_find_no_room_are_counted_as_lost(monkeypatch):
    work = live._Work.of((24, 16), 8, 10.0, live.CPU)
    monkeypatch.setattr(live, "HELD_S", 0.0)
    late = threading.Event()
    taken = live.GrowingScan.add

    def slow(scan, first, events):
        # The first block is held until the whole scan has been played.
        if first == 0:
            late.wait(5)
        taken(scan, first, events)

    monkeypatch.setattr(live.GrowingScan, "add", slow)
    finish = live._Receiver.finish
    monkeypatch.setattr(
        live._Receiver, "finish", lambda receiver: (late.set(), finish(receiver))[1]
    )
    figures = work.played(1e-3)
    # One block is being taken, one waits: or none waits yet when the next one comes.
    assert figures["live_lost_frames"] in (16 * 16, 16 * 20)


def test_a_failure_comes_out_and_leaves_no_thread(monkeypatch):
    def fail(scan, first, events):
        raise ValueError("the disk is full")

    monkeypatch.setattr(live.GrowingScan, "add", fail)
    work = live._Work.of((24, 16), 8, 10.0, live.CPU)
    before = threading.active_count()
    with pytest.raises(ValueError, match="the disk is full"):
        work.flat_out()
    assert threading.active_count() == before

    def stop(fraction):
        raise Cancelled

    with pytest.raises(Cancelled):
        live.run((24, 16), 8, 10.0, progress=stop)


def test_a_copy_is_a_copy():
    source = np.random.default_rng(0).normal(size=1001).astype(np.float32)
    target = np.zeros_like(source)
    reference.copy(source, target)
    np.testing.assert_array_equal(target, source)
