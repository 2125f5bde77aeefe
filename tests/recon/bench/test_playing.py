"""A scan that a camera's process sends: all of it arrives, or the benchmark says what did not."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from recon.bench import playing
from recon.bench.live import Work
from recon.device.backend import CPU
from recon.errors import Cancelled
from recon.live.growing import GrowingSidebands
from recon.ssb.gfunction import build_sidebands


@pytest.fixture
def work():
    return Work.of((22, 16), 8, 10.0, CPU)


def watched(monkeypatch, kind, name):
    """The objects of a class of the benchmark that are made."""
    made, real = [], getattr(playing, kind)

    def make(*arguments, **options):
        made.append(real(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(playing, name, make)
    return made


@pytest.mark.parametrize("wire", ["interactem", "accos"])
def test_what_is_received_and_counted_is_the_scan(work, monkeypatch, wire):
    monkeypatch.setattr(playing, "wire", lambda: wire)
    scans, looks = (watched(monkeypatch, kind, kind) for kind in ("GrowingScan", "_Looking"))
    seen = playing.play(work, 300.0)
    assert (seen["lost"], seen["pixels"]) == (0, 8)
    assert seen["looks"] > 1
    # At the camera's pace, from its first row on.
    assert seen["seconds"] > 0.5 * 300e-6 * work.events.positions
    assert seen["bytes"] > work.events.pixels.nbytes
    np.testing.assert_array_equal(np.sort(scans[0].events().pixels), np.sort(work.events.pixels))
    np.testing.assert_array_equal(scans[0].events().counts, work.events.counts)
    expected = build_sidebands(work.events, work.calibration, 8)
    assert looks[0].g.rows is None
    np.testing.assert_allclose(looks[0].g.re, expected.re, atol=1e-5 * abs(expected.re).max())


def test_frames_that_never_come_or_leave_late_are_lost(work, monkeypatch):
    monkeypatch.setattr(playing, "open_source", short_of(playing.open_source, 2))
    camera = playing._camera

    def late(*arguments):
        with camera(*arguments) as told:
            yield lambda: told() | {"late": 5}

    monkeypatch.setattr(playing, "_camera", playing.contextmanager(late))
    assert playing.play(work, 0.0)["lost"] == 2 * 16 + 5


def short_of(open_source, rows):
    """A source from which some rows never come."""

    def opened(*arguments, **options):
        source, taken = open_source(*arguments, **options), []

        def poll(timeout):
            messages = []
            for message in source.poll(timeout):
                block = isinstance(message, playing.Block)
                if block and len(taken) < rows:
                    assert message.events.scan_shape[0] == 1
                    taken.append(message)
                else:
                    messages.append(message)
            return messages

        return SimpleNamespace(poll=poll, close=source.close, endpoint=source.endpoint)

    return opened


def test_a_failure_comes_out_and_leaves_no_thread(work, monkeypatch):
    def fail(self, first, events):
        raise ValueError("no room")

    before = threading.active_count()
    with monkeypatch.context() as broken:
        broken.setattr(playing.GrowingScan, "add", fail)
        with pytest.raises(ValueError, match="no room"):
            playing.play(work, 0.0)
    with monkeypatch.context() as broken:
        broken.setattr(GrowingSidebands, "add", fail)
        with pytest.raises(ValueError, match="no room"):
            playing.play(work, 0.0)
    with monkeypatch.context() as broken:
        broken.setattr(playing, "_drawn", lambda *of: (_ for _ in ()).throw(Cancelled))
        with pytest.raises(Cancelled):
            playing.play(work, 0.0)
    work.electrons_per_frame = "no number"
    with pytest.raises(playing.LiveError, match=r"process has failed: ValueError: .*no number"):
        playing.play(work, 0.0)
    assert threading.active_count() == before
