"""A camera for the benchmark: a scan that another process sends at its pace.

    python -m recon.bench.camera WIRE ENDPOINT ROWS COLUMNS PIXELS ELECTRONS DWELL_S

All is put into messages before it begins: a camera's own computer does that, not this one. It says
"ready", waits for a line, sends, and tells as JSON when the last row was there (`time.time`), how
many bytes it sent, and how many frames left more than `HELD_S` after their time.
"""

import json
import sys
from functools import partial
from time import sleep, time

from recon.bench.work import reference_events
from recon.live.addresses import address
from recon.live.line import Line
from recon.live.replay import MOST, SEND_S
from recon.live.wanted import wanted

HELD_S = 0.5
"""Seconds of the stream that a camera holds: what waits longer would be lost."""

WIRES = "interactem", "accos"
"""In whose words it can be sent."""


def main() -> None:
    """Send one scan."""
    kind, endpoint, *size, electrons, dwell = sys.argv[1:]
    rows, columns, pixels = map(int, size)
    scan, dwell = reference_events((rows, columns), pixels, float(electrons)), float(dwell)
    step = min(MOST, max(1, round(SEND_S / dwell))) if dwell else columns
    ends = [min(first + step, scan.positions) for first in range(0, scan.positions, step)]
    parts = list(zip([0, *ends[:-1]], ends, strict=True))
    sends, size, close = _OPEN[kind](endpoint, scan, parts)
    print("ready", flush=True)
    sys.stdin.readline()
    begin, late, there = time(), 0, 0.0
    for (first, last), send in zip(parts, sends, strict=True):
        # A frame is there when the beam has left its position.
        due = begin + last * dwell
        sleep(max(0.0, due - time()))
        there = time()
        send()
        if dwell and time() - due > HELD_S:
            late += last - first
    # Before what is on its way has been delivered.
    print(json.dumps({"last": there, "late": late, "bytes": size}), flush=True)
    close()


def _interactem(endpoint, scan, parts):
    zmq = wanted("zmq", "interactEM's stream")
    from recon.live.wire import interactem  # needs msgpack

    messages = [interactem.encode(scan, first, last, 1) for first, last in parts]
    context = zmq.Context()
    socket = context.socket(zmq.PUSH)
    socket.sndhwm = max(1, round(HELD_S / SEND_S))
    socket.connect(endpoint)

    def close():
        socket.close(-1)
        context.term()

    sends = [partial(socket.send_multipart, message, copy=False) for message in messages]
    return sends, sum(len(part) for message in messages for part in message), close


def _accos(endpoint, scan, parts):
    from recon.live.wire.accos import AccosWords  # only the one that is sent

    words, line = AccosWords(), Line(address(endpoint))
    messages = [b"".join(words.frames(scan, first, last)) for first, last in parts]
    messages[0] = words.before(scan, 1) + messages[0]
    messages[-1] += words.after(1)
    return [partial(line.write, data) for data in messages], sum(map(len, messages)), line.close


_OPEN = {"interactem": _interactem, "accos": _accos}

if __name__ == "__main__":
    main()
