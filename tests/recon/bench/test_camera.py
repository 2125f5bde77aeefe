"""The camera of the benchmark: it sends when it is told to, and tells what left it late."""

import json
import sys
import threading

import pytest

from recon.bench import camera
from recon.live.kinds import open_source
from recon.live.source import Block, Ended
from tests.support.waiting import wait_until


@pytest.mark.parametrize("wire", camera.WIRES)
@pytest.mark.parametrize(("held", "late"), [(10.0, 0), (-1.0, 12 * 16)])
def test_it_waits_sends_and_tells(wire, held, late, monkeypatch, capsys):
    source, heard, begin = open_source(f"{wire}:tcp://listen@127.0.0.1:0"), [], threading.Event()
    monkeypatch.setattr(camera, "HELD_S", held)
    monkeypatch.setattr(
        sys, "argv", ["camera", wire, source.endpoint, "12", "16", "6", "5", "1e-4"]
    )
    monkeypatch.setattr(sys, "stdin", type("Told", (), {"readline": staticmethod(begin.wait)}))
    thread = threading.Thread(target=camera.main)
    thread.start()
    said = []
    wait_until(lambda: said.append(capsys.readouterr().out) or "ready" in "".join(said))
    assert source.poll(0.2) == []
    begin.set()

    def over():
        heard.extend(source.poll(0.05))
        return any(isinstance(message, Ended) for message in heard)

    wait_until(over)
    thread.join()
    source.close()
    said.append(capsys.readouterr().out)
    report = json.loads("".join(said).partition("ready")[2])
    assert report["late"] == late
    blocks = [message.events for message in heard if isinstance(message, Block)]
    assert sum(events.scan_shape[0] for events in blocks) == 12
    assert report["bytes"] > sum(events.pixels.nbytes for events in blocks)
