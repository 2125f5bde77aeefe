"""Integers of any number of bytes, against Python's own."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recon.kernels.decode.integers import big_endian, little_endian


@given(st.binary(max_size=8), st.binary(max_size=3))
def test_they_are_pythons_and_negative_where_they_exceed_64_bits(value, before):
    raw = np.frombuffer(before + value + b"\xff", np.uint8)
    for read, order in ((little_endian, "little"), (big_endian, "big")):
        expected = int.from_bytes(value, order, signed=len(value) == 8)
        assert read(raw, len(before), len(value)) == expected
