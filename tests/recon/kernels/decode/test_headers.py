"""Headers of a batch, against MessagePack's own library."""

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.kernels.decode.headers import read_headers

INTEGERS, SAME = ("row", "a longer name of more than thirty-one bytes", "ü"), ("shape",)
NAMES = [name.encode() for name in INTEGERS + SAME]
TABLE = np.frombuffer(b"".join(NAMES), np.uint8)
ENDS = np.cumsum([0, *map(len, NAMES)])

integers = st.integers(-(2**63), 2**63 - 1) | st.integers(-300, 300) | st.integers(0, 2**32)
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=300)
    | st.binary(max_size=300)
    | st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=40)),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(), inner, max_size=20),
    max_leaves=30,
)
strangers = st.dictionaries(st.text().filter(lambda t: t not in INTEGERS + SAME), anything)


@st.composite
def header(draw, shape):
    entries = [*((name, draw(integers)) for name in INTEGERS), ("shape", shape)]
    return dict(draw(st.permutations([*entries, *draw(strangers).items()])))


def read(data, rows, place=0):
    out = np.full((rows, len(INTEGERS)), -77, np.int64)
    return read_headers(np.frombuffer(data, np.uint8), place, out, TABLE, ENDS), out


@given(st.data(), anything, st.binary(max_size=5))
def test_values_are_those_of_the_library(data, shape, before):
    headers = data.draw(st.lists(header(shape), min_size=1, max_size=4))
    packed = b"".join(map(msgpack.packb, headers))
    end, out = read(before + packed + b"\xc1 what follows", len(headers), len(before))
    assert end == len(before) + len(packed)
    assert out.tolist() == [[each[name] for name in INTEGERS] for each in headers]


@given(st.data(), anything)
def test_what_is_cut_anywhere_is_refused(data, shape):
    packed = msgpack.packb(data.draw(header(shape)))
    cut = data.draw(st.integers(0, len(packed) - 1))
    assert read(packed[:cut], 1)[0] == -1


GOOD = dict.fromkeys(INTEGERS, 1) | {"shape": [2, 3]}


@pytest.mark.parametrize(
    "other",
    [
        {name: value for name, value in GOOD.items() if name != "row"},
        GOOD | {"shape": [2, 4]},
        GOOD | {"row": 1.0},
        GOOD | {"row": "1"},
        GOOD | {"row": True},
        GOOD | {"row": 2**64 - 1},
        GOOD | {7: 1},
        [1, 2],
        5,
    ],
)
def test_others_are_left_to_the_library(other):
    assert read(msgpack.packb(GOOD) + msgpack.packb(GOOD), 2)[0] > 0
    assert read(msgpack.packb(GOOD) + msgpack.packb(other), 2)[0] == -1


def test_a_name_that_comes_twice_is_left_to_the_library():
    packed = bytearray(msgpack.packb(GOOD))
    assert packed[0] == 0x84
    packed[0] = 0x85
    assert read(bytes(packed) + msgpack.packb("row") + msgpack.packb(2), 1)[0] == -1


@given(st.binary(max_size=60))
def test_any_bytes_end_in_an_answer(junk):
    assert -1 <= read(junk, 2)[0] <= len(junk)


@pytest.mark.parametrize("count", [0, 15, 16, 300, 70_000])
@pytest.mark.parametrize("of", [lambda n: [0] * n, lambda n: {str(k): 0 for k in range(n)}, bytes])
def test_long_values_are_passed_over(of, count):
    packed = msgpack.packb({"x": of(count)} | GOOD)
    end, out = read(packed, 1)
    assert end == len(packed)
    assert out.tolist() == [[1, 1, 1]]
