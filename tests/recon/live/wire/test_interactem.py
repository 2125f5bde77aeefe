"""Batches of interactEM: as its models describe them."""

import json
import struct

import msgpack
import numpy as np
import pytest

from recon.live.wire import interactem as wire
from tests.support.streams import some_scan


def header(row, column, events, **changes):
    return {
        "scan_number": 7,
        "nSTEM_positions_per_row_m1": 4,
        "nSTEM_rows_m1": 3,
        "STEM_x_position_in_row": column,
        "STEM_row_in_scan": row,
        "modules": [0, 1, 2, 3],
        "frame_shape": [5, 6],
        "data_size_bytes": 4 * events,
        "frame_number": 100 + column,
        "dtype": "uint32",
    } | changes


def message(headers, payload, **changes):
    """By hand, of no more than what the description says."""
    batch = {"scan_number": 7, "headers": headers, "batch_size_bytes": len(payload)}
    return [
        json.dumps({"subject": "bytes"}).encode(),
        msgpack.packb(batch | {"total_frames": None} | changes),
        payload,
    ]


def test_a_batch_written_by_hand_is_read():
    headers = [header(1, 2, 2), header(0, 3, 0), header(2, 0, 1)]
    batch = wire.decode(message(headers, struct.pack("<3I", 29, 0, 7)))
    assert (batch.number, batch.scan_shape, batch.frame_shape) == (7, (3, 4), (5, 6))
    assert batch.positions.tolist() == [6, 3, 8]
    assert batch.counts.tolist() == [2, 0, 1]
    assert batch.pixels.tolist() == [29, 0, 7]
    assert batch.numbers.tolist() == [102, 103, 100]
    assert (batch.total_frames, batch.cut, batch.strange) == (None, 0, 0)


def test_what_is_sent_has_the_fields_and_bytes_of_the_description():
    scan = some_scan((3, 4), (5, 6))
    first, batch, payload = wire.encode(scan, 5, 9, 7, totals=(2, 3))
    assert json.loads(first) == {"subject": "bytes"}
    batch = msgpack.unpackb(batch)
    assert {k: v for k, v in batch.items() if k != "headers"} == {
        "scan_number": 7,
        "batch_size_bytes": len(payload),
        "total_batches": 3,
        "total_frames": 12,
        "current_batch_index": 2,
    }
    frames = [f.tolist() for f in scan.frames()][5:9]
    assert payload == b"".join(struct.pack(f"<{len(f)}I", *f) for f in frames)
    places = [(h["STEM_row_in_scan"], h["STEM_x_position_in_row"]) for h in batch["headers"]]
    assert places == [(1, 1), (1, 2), (1, 3), (2, 0)]
    for frame, found in zip(frames, batch["headers"], strict=True):
        assert found["data_size_bytes"] == 4 * len(frame)
        shapes = found["nSTEM_rows_m1"], found["nSTEM_positions_per_row_m1"]
        assert shapes == (3, 4)
        assert found["frame_shape"] == [5, 6]


@pytest.mark.parametrize(("dtype", "code"), [("uint16", "H"), ("int32", "i"), ("uint8", "B")])
def test_other_integers_are_read(dtype, code):
    size = struct.calcsize(code)
    headers = [header(0, n, 0, dtype=dtype, data_size_bytes=n * size) for n in (1, 2)]
    batch = wire.decode(message(headers, struct.pack(f"<3{code}", 1, 2, 3)))
    assert batch.pixels.dtype == np.uint32
    assert batch.pixels.tolist() == [1, 2, 3]
    assert batch.counts.tolist() == [1, 2]


def test_what_is_cut_short_is_left_out_and_counted():
    headers = [header(0, 0, 1), header(0, 1, 2), header(0, 2, 0)]
    batch = wire.decode(message(headers, struct.pack("<2I", 3, 4) + b"12"))
    assert (batch.positions.tolist(), batch.pixels.tolist(), batch.cut) == ([0], [3], 2)


def test_a_frame_of_another_shape_is_left_out_and_counted():
    headers = [header(0, 0, 1), header(0, 1, 2, frame_shape=[6, 6]), header(0, 2, 1)]
    batch = wire.decode(message(headers, struct.pack("<4I", 3, 4, 5, 6)))
    assert (batch.positions.tolist(), batch.pixels.tolist()) == ([0, 2], [3, 6])
    assert (batch.strange, batch.cut) == (1, 0)


def test_a_place_beyond_the_row_is_not_taken_for_one_in_the_next():
    batch = wire.decode(message([header(1, 4, 0), header(1, -1, 0), header(3, 0, 0)], b""))
    assert batch.positions.tolist() == [-1, -1, 12]


@pytest.mark.parametrize(
    "parts",
    [
        [b"{}", b""],
        [b"{}", b"nonsense", b""],
        [b"{}", msgpack.packb({"scan_number": 1}), b""],
        message([], b""),
        message([header(0, 0, 0, frame_shape=[5])], b""),
        message([header(0, 0, 0, nSTEM_rows_m1=0)], b""),
        message([header(0, 0, 0, dtype="float32")], b""),
        message([header(0, 0, 0, STEM_x_position_in_row="x")], b""),
        message([header(0, 0, 0, frame_number="x")], b""),
    ],
)
def test_what_is_no_batch_is_refused(parts):
    with pytest.raises(ValueError, match=r"^a (message|batch) "):
        wire.decode(parts)


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"dtype": "uint16"},
        {"nSTEM_rows_m1": 5},
        {"frame_shape": [6, 5]},
        {"frame_number": None},
        {"data_size_bytes": -4},
        {"data_size_bytes": 10**6},
        {"STEM_x_position_in_row": 9},
        {"more": {"a": [1.5, None, "x" * 400]}},
    ],
)
def test_both_ways_of_reading_headers_agree(monkeypatch, odd):
    headers = [header(0, 0, 1), header(1, 2, 2, **odd), header(2, 1, 1)]
    sent = message(headers, struct.pack("<4I", 1, 2, 3, 4), total_frames=12, total_batches=3)
    batch = wire.decode(sent)
    monkeypatch.setattr(wire, "_quickly", lambda data: None)
    plain = wire.decode(sent)
    for name in wire.Batch.__dataclass_fields__:
        found, expected = getattr(batch, name), getattr(plain, name)
        assert type(found) is type(expected)
        np.testing.assert_array_equal(found, expected)


def test_headers_that_are_all_of_a_kind_are_read_quickly(monkeypatch):
    monkeypatch.setattr(wire, "_one_by_one", None)
    batch = wire.decode(message([header(1, n, 1) for n in range(3)], struct.pack("<3I", 5, 6, 7)))
    assert batch.positions.tolist() == [4, 5, 6]
    assert batch.numbers.tolist() == [100, 101, 102]


def test_a_message_that_is_cut_anywhere_is_refused():
    subject, packed, payload = message([header(1, n, 0) for n in range(2)], b"")
    for end in range(len(packed)):
        with pytest.raises(ValueError, match="no batch of counted frames"):
            wire.decode([subject, packed[:end], payload])


def test_headers_that_come_twice_or_are_too_many_are_read_the_plain_way(monkeypatch):
    plainly, read = [], wire._one_by_one
    monkeypatch.setattr(wire, "_one_by_one", lambda data: plainly.append(data) or read(data))
    subject, packed, payload = message([header(0, n, 0) for n in range(2)], b"")
    again = msgpack.packb("headers") + msgpack.packb([header(1, 1, 0)])
    assert packed[0] == 0x84
    batch = wire.decode([subject, b"\x85" + packed[1:] + again, payload])
    assert batch.positions.tolist() == [5]  # of the same name the last one counts
    many = b"\x81" + msgpack.packb("headers") + b"\xdd\xff\xff\xff\xff" + packed
    with pytest.raises(ValueError, match="no batch of counted frames"):
        wire.decode([subject, many, payload])
    assert len(plainly) == 2
