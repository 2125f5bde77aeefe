"""Electrons from packets that come piece by piece: as from the whole file, however it is cut."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import recon.live.packets as packets
from recon.io import open_events
from recon.io.events.hits import window_of
from recon.live.packets import Packets
from recon.live.source import Block, Ended
from recon.live.timed import TimedRows
from tests.support import timepix_files as files

LINES, WIDTH, DWELL, FLYBACK = 4, 3, 3000, 700
LINE = WIDTH * DWELL + FLYBACK
OPTIONS = {"dwell_time": DWELL * files.UNIT, "trigger": "tdc1 rising"}
BACK = {"flyback_time": FLYBACK * files.UNIT}
TIMED = {
    "line": OPTIONS,
    "scan": OPTIONS | BACK | {"trigger_marks": "scan"},
    "position": {"trigger": "tdc1 rising", "trigger_marks": "position"},
    "none": BACK | {"dwell_time": DWELL * files.UNIT},
    "late": OPTIONS | BACK | {"trigger_marks": "scan", "start_time": 1000 * files.UNIT},
}
"""How a scan is timed, by what triggers mark."""


@pytest.fixture(autouse=True)
def _short_lag():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packets, "LAG", 4000)
        patch.setattr(packets, "STEP", 100)
        patch.setattr("recon.live.timed.MARGIN", 6 * 500)
        yield


@st.composite
def recordings(draw):
    """Chunks of a scan: one chip or four, dense hits, chunks out of order by less than the lag."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    quad, reach = draw(st.booleans()), draw(st.sampled_from([3, 256]))
    start = draw(st.sampled_from([5000, files.PERIOD - 2 * LINE]))
    number = draw(st.integers(1, 400))
    times = np.sort(rng.integers(start, start + LINES * LINE + 500, number))
    by_chunk = {}
    for time in times.tolist():
        chip = int(rng.integers(4)) if quad else 0
        x, y = rng.integers(0, reach, 2)
        word = files.hit(time, int(x), int(y), int(rng.integers(1, 1000)))
        by_chunk.setdefault((time // 1000, chip), []).append(word)
    marks = draw(st.sampled_from(list(TIMED)))
    lines = [start + line * LINE for line in range(LINES)]
    places = [time + column * DWELL for time in lines for column in range(WIDTH)]
    known = {"line": lines, "position": places, "none": []}
    for time in known.get(marks, lines[:1]):
        by_chunk.setdefault((time // 1000, 0), []).append(files.trigger(6 * time))
    if quad:  # all are seen in the beginning
        for chip in range(4):
            by_chunk.setdefault((start // 1000, chip), []).insert(0, files.hit(start, 9, 9, 5))
    order = sorted(by_chunk, key=lambda key: (key[0] + rng.integers(0, 3), key[1]))
    return marks, b"".join(files.chunk(by_chunk[key], key[1]) for key in order)


def streamed(data, cuts, window_ns, options):
    """Each position's electrons from a stream that is cut there; and its end."""
    window = window_of(window_ns)
    stream = Packets(window)
    rows = TimedRows((LINES, WIDTH), options, window >= 0)
    messages = []
    borders = [0, *sorted(cuts), len(data)]
    for first, last in pairwise(borders):
        stream.feed(data[first:last])
        messages += told(stream, rows, stream.ready())
    messages += told(stream, rows, stream.rest(), last=True)
    found = [[] for _ in range(LINES * WIDTH)]
    for block in messages:
        if isinstance(block, Block):
            events = block.events
            for n in range(events.positions):
                part = slice(events.offsets[n], events.offsets[n + 1])
                pixels = events.pixels[part].tolist()
                places = events.subpixel[part].tolist() if window >= 0 else [0] * len(pixels)
                found[block.first_row * WIDTH + n] += zip(pixels, places, strict=True)
    return [sorted(one) for one in found], messages[-1], stream


def told(stream, rows, found, last=False):
    if stream.done is None:
        return []
    begin = np.array([6 * stream.begin])
    marks = stream.triggers("tdc1 rising") if rows.trigger else begin
    return rows.take(found, marks, stream.done, stream.frame_shape, last)


@given(recordings(), st.data(), st.sampled_from([0, 20, 100]))
def test_a_stream_gives_what_the_whole_file_does(tmp_path_factory, recording, draw, window_ns):
    marks, data = recording
    options = TIMED[marks]
    path = tmp_path_factory.mktemp("whole") / "a.tpx3"
    path.write_bytes(data)
    cuts = draw.draw(st.lists(st.integers(0, len(data)), max_size=12))
    whole = open_events(path, scan_shape=(LINES, WIDTH), cluster_window_ns=window_ns, **options)
    found, end, stream = streamed(data, cuts, window_ns, options)
    wanted = []
    for n in range(whole.positions):
        part = slice(whole.offsets[n], whole.offsets[n + 1])
        places = whole.subpixel[part].tolist() if window_ns else [0] * (part.stop - part.start)
        wanted.append(sorted(zip(whole.pixels[part].tolist(), places, strict=True)))
    assert stream.frame_shape == whole.frame_shape
    assert found == wanted
    # Nobody knows whether an end without electrons was scanned.
    lit = [n for n, some in enumerate(wanted) if some]
    assert (stream.late, stream.stray, end.frames + end.lost) == (0, 0, LINES * WIDTH)
    assert end.frames > max(lit, default=-1)


def test_rows_are_given_while_the_stream_goes_on():
    stream, rows = Packets(-1), TimedRows((LINES, WIDTH), OPTIONS, False)
    given_rows = []
    for line in range(LINES):
        time = 5000 + line * LINE
        hits = [files.hit(time + n * DWELL + 5, 1, 1, 9) for n in range(WIDTH)]
        stream.feed(files.chunk([files.trigger(6 * time), *hits]))
        for message in told(stream, rows, stream.ready()):
            if isinstance(message, Block):
                given_rows.append((line, message.first_row, message.events.scan_shape[0]))
    assert given_rows == [(2, 0, 1), (3, 1, 1)]


def test_scan_after_scan_and_one_that_stops():
    data = b""
    for line in range(2 * LINES + 1):
        time = 5000 + line * LINE
        hits = [files.hit(time + n * DWELL + 5, n, 1, 9) for n in range(WIDTH)]
        data += files.chunk([files.trigger(6 * time), *hits])
    stream, rows = Packets(-1), TimedRows((LINES, WIDTH), OPTIONS, False, 7)
    stream.feed(data)
    messages = told(stream, rows, stream.rest(), last=True)
    ends = [message for message in messages if isinstance(message, Ended)]
    assert ends == [Ended(12, 0), Ended(12, 0), Ended(3, 9, ("The stream ended in row 1 of 4.",))]
    assert [m.number for m in messages if not isinstance(m, Block | Ended)] == [7, 8, 9]


def test_hits_that_are_too_late_are_given_nevertheless():
    early = [files.trigger(6 * 5000), files.hit(5005, 1, 1, 9)]
    later = [files.trigger(6 * (5000 + n * LINE)) for n in range(1, LINES)]
    later += [files.hit(5000 + (LINES - 1) * LINE, 2, 2, 9)]
    stream, rows = Packets(-1), TimedRows((LINES, WIDTH), OPTIONS, False)
    messages = []
    for some in (early, later, [files.hit(5006, 3, 3, 9)]):
        stream.feed(files.chunk(some))
        messages += told(stream, rows, stream.ready())
    messages += told(stream, rows, stream.rest(), last=True)
    pixels = [m.events.pixels.tolist() for m in messages if isinstance(m, Block)]
    assert sorted(p for some in pixels for p in some) == [257, 514, 771]
    assert stream.late == 1
    assert "1 hit came more than" in stream.notes[-1]
