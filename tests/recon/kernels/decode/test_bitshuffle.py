"""Bitshuffle with LZ4: exact against the filter's own writer, and never out of bounds."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.errors import UnreadableFile
from recon.io.dense import open_frames
from recon.io.dense.chunks import Chunks, is_ours
from recon.kernels.decode import bitshuffle

plugin = pytest.importorskip("hdf5plugin")

TYPES = ["u1", "u2", "u4", "<i2", ">u2", "f4", "u8"]
SHAPES = [
    ((7, 13, 11), (2, 5, 11)),
    ((5, 64, 64), (1, 64, 64)),
    ((3, 4, 9, 7), (2, 3, 9, 7)),
    ((2, 150, 133), (1, 150, 133)),
    ((3, 1, 3), (1, 1, 3)),
]


def stored(path, data, chunks, **options):
    filter_ = plugin.Bitshuffle(**{"cname": "lz4", **options})
    with h5py.File(path, "w") as file:
        file.create_dataset("frames", data=data, chunks=chunks, **filter_)
    return path


def read(path, ranges):
    with h5py.File(path) as file:
        dataset = file["frames"]
        assert is_ours(dataset)
        return Chunks(dataset, path.stat().st_size).read(dataset, ranges)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("shape", "chunks"), SHAPES)
@pytest.mark.parametrize("nelems", [0, 64])
@pytest.mark.parametrize("mean", [0.01, 1.0, 90.0])
def test_what_the_filter_writes_is_read_exactly(dtype, shape, chunks, nelems, mean, tmp_path):
    random = np.random.default_rng(0)
    data = random.poisson(mean, shape).astype(dtype)
    if np.dtype(dtype).itemsize > 1 and mean > 1:
        data = random.integers(0, 1 << 15, shape).astype(dtype)
    path = stored(tmp_path / "a.h5", data, chunks, nelems=nelems)
    np.testing.assert_array_equal(read(path, [(0, n) for n in shape]), data)
    part = [(1, shape[0]), *[(n // 3, n) for n in shape[1:]]]
    np.testing.assert_array_equal(
        read(path, part), data[tuple(slice(first, last) for first, last in part)]
    )


def lz4(block, size):
    """What a block decompresses to; None if it is refused."""
    out, raw = np.zeros(size, np.uint8), np.frombuffer(block, np.uint8)
    return out.tobytes() if bitshuffle.decompress(raw, 0, raw.size, out, size) else None


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (b"\x30abc", b"abc"),
        (b"\x32ab-\x03\x00\x10!", b"ab-ab-ab-!"),  # Repeats six bytes from three before.
        (b"\x1fz\x01\x00\x02\x10!", b"z" * 22 + b"!"),  # 1 + 15 + 2 + 4.
        (b"\xf0\x01" + b"0123456789abcdef", b"0123456789abcdef"),
        (b"\x10a\x00", None),  # Bytes are left that are no sequence.
        (b"\x32ab-\x04\x00\x10!", None),  # Repeats from before the beginning.
        (b"\x32ab-\x00\x00\x10!", None),
        (b"\x32ab-\x03", None),
        (b"\xf0", None),
        (b"\xf0\xff\xff\xff", None),
        (b"\x1fz\x01\x00\xff\xff", None),
    ],
)
def test_lz4_blocks_by_hand(block, expected):
    size = 10 if expected is None else len(expected)
    assert lz4(block, size) == expected
    if expected is not None:
        assert lz4(block, size + 1) is None
        assert lz4(block, size - 1) is None


@given(st.binary(max_size=60), st.integers(0, 80))
def test_nothing_is_written_beyond_the_room(block, size):
    out = np.full(size + 64, 7, np.uint8)
    raw = np.frombuffer(block + b"\xff" * 8, np.uint8)
    bitshuffle.decompress(raw, 0, len(block), out, size)
    assert np.all(out[size:] == 7)


@given(st.data())
def test_a_damaged_chunk_is_refused_or_decoded_within_bounds(data):
    random = np.random.default_rng(3)
    elements, size = 64, 2
    planes = random.integers(0, 2, (16, elements)).astype(np.uint8)
    block = np.packbits(planes, axis=1, bitorder="little").tobytes()
    literal = bytes([0xF0, len(block) - 15]) + block
    chunk = (elements * size).to_bytes(8, "big") + (elements * size).to_bytes(4, "big")
    chunk += len(literal).to_bytes(4, "big") + literal
    values = (planes.astype(np.uint16) << np.arange(16, dtype=np.uint16)[:, None]).sum(0)

    def decoded(content):
        raw = np.frombuffer(content, np.uint8)
        out, sound = np.zeros((1, elements * size), np.uint8), np.zeros(1, bool)
        where = np.zeros(1, np.int64), np.array([raw.size], np.int64)
        bitshuffle.chunks(raw, *where, size, out, sound)
        return out.view("<u2")[0] if sound[0] else None

    np.testing.assert_array_equal(decoded(chunk), values)
    cut = data.draw(st.integers(0, len(chunk) - 1))
    assert decoded(chunk[:cut]) is None
    head = bytearray(chunk)
    head[data.draw(st.integers(0, 15))] ^= 1 << data.draw(st.integers(0, 7))
    found = decoded(bytes(head))
    # A block may be written as smaller or larger than it is; the numbers stay.
    assert found is None or np.array_equal(found, values)


def test_damaged_frames_end_in_a_sentence_that_names_them(tmp_path):
    data = np.random.default_rng(0).integers(0, 4000, (6, 32, 32)).astype(np.uint16)
    path = stored(tmp_path / "a.h5", data, (1, 32, 32))
    with h5py.File(path) as file:
        place = file["frames"].id.get_chunk_info_by_coord((4, 0, 0)).byte_offset
    content = bytearray(path.read_bytes())
    content[place + 12 : place + 16] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    frames = open_frames(path, scan_shape=(2, 3))
    np.testing.assert_array_equal(frames.read(0, 4), data[:4])
    with pytest.raises(UnreadableFile, match="frames from 4 on are damaged"):
        frames.read(0, 6)


def test_frames_never_written_are_empty_and_those_without_filter_are_kept(tmp_path):
    path = tmp_path / "a.h5"
    plain = np.arange(48, dtype=np.uint16).reshape(1, 6, 8)
    with h5py.File(path, "w") as file:
        filter_ = plugin.Bitshuffle(cname="lz4")
        frames = file.create_dataset("frames", (3, 6, 8), "u2", chunks=(1, 6, 8), **filter_)
        frames.id.write_direct_chunk((1, 0, 0), plain.tobytes(), filter_mask=1)
    expected = np.concatenate([0 * plain, plain, 0 * plain])
    np.testing.assert_array_equal(read(path, [(0, 3), (0, 6), (0, 8)]), expected)
