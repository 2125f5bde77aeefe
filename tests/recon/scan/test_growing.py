import numpy as np
import pytest

from recon.scan.growing import SHARE, Growing


@pytest.mark.parametrize("sizes", [[], [0], [3, 0, 5], [70_000, 1, 200_000], [1] * 1000])
def test_a_list_is_its_parts_one_behind_the_other(sizes):
    random = np.random.default_rng(0)
    parts = [random.integers(0, 2**32, size, np.uint32) for size in sizes]
    growing = Growing(np.uint32)
    for part in parts:
        growing.append(part)
    expected = np.concatenate([np.empty(0, np.uint32), *parts])
    np.testing.assert_array_equal(growing.taken(), expected)


def test_no_more_than_a_part_of_it_is_room_to_grow():
    growing = Growing(np.uint8)
    for _ in range(100):
        growing.append(np.zeros(10_000, np.uint8))
        assert growing._array.nbytes <= max(1 << 16, growing._size * (1 + 1 / SHARE))
    assert growing.taken().nbytes == 1_000_000
