"""Frames in any order, put together into rows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recon.live.source import Block, Ended, Late
from recon.live.whole_rows import Rows
from tests.support.strategies import dense, scans


def cut(events, order, sizes):
    """(positions, counts, pixels) of the scan's frames in an order, some at a time."""
    counts, first = np.diff(events.offsets), 0
    while first < len(order):
        some = np.array(order[first : first + next(sizes)], np.int64)
        parts = [events.pixels[events.offsets[p] : events.offsets[p + 1]] for p in some]
        yield some, counts[some], np.concatenate([*parts, np.empty(0, np.uint32)])
        first += some.size


def summed(messages, events):
    """(Sy, Sx, Ky, Kx) counts of all blocks, and how often each row was given as a block."""
    cube = np.zeros((*events.scan_shape, *events.frame_shape), np.int64)
    given_rows = np.zeros(events.scan_shape[0], int)
    for block in messages:
        if isinstance(block, Block):
            rows = slice(block.first_row, block.first_row + block.events.scan_shape[0])
            cube[rows] += dense(block.events)
            given_rows[rows] += not isinstance(block, Late)
    return cube, given_rows


@given(scans(), st.randoms(use_true_random=False), st.integers(0, 3))
def test_any_order_and_any_cutting_give_each_electron_once(events, random, late):
    order = list(range(events.positions))
    random.shuffle(order)
    again = order[: len(order) // 3]
    rows, messages = Rows(events.scan_shape, events.frame_shape, late=late), []
    for some in cut(events, order + again, iter(lambda: random.randint(1, 5), 0)):
        rows.add(*some)
        messages += rows.take()
    assert rows.complete
    messages += rows.end()
    cube, given_rows = summed(messages, events)
    np.testing.assert_array_equal(cube, dense(events))
    assert given_rows.tolist() == [1] * events.scan_shape[0]
    assert rows.twice == len(again)
    assert messages[-1].frames == events.positions
    assert messages[-1].lost == 0


@given(scans(), st.randoms(use_true_random=False))
def test_lost_frames_are_empty_and_counted(events, random):
    order = [p for p in range(events.positions) if random.random() < 0.7]
    random.shuffle(order)
    rows = Rows(events.scan_shape, events.frame_shape, late=1)
    messages = []
    for some in cut(events, order, iter(lambda: 3, 0)):
        rows.add(*some)
        messages += rows.take()
    messages += rows.end()
    wanted = dense(events).reshape(events.positions, *events.frame_shape)
    wanted[[p for p in range(events.positions) if p not in order]] = 0
    cube, given_rows = summed(messages, events)
    np.testing.assert_array_equal(cube.reshape(wanted.shape), wanted)
    assert given_rows.max(initial=0) <= 1
    lost = events.positions - len(order)
    assert messages[-1].lost == lost
    said = (f"{lost} of {events.positions} frames did not come: empty.",)
    assert messages[-1].notes == (said if lost else ())


def test_a_row_is_given_as_soon_as_it_is_whole():
    rows = Rows((3, 2), (4, 4))
    rows.add([0], [1], np.array([5], np.uint32))
    assert rows.take() == []
    rows.add([3, 1, 2], [0, 2, 1], np.array([7, 8, 9], np.uint32))
    (block,) = rows.take()
    assert (block.first_row, block.events.scan_shape) == (0, (2, 2))
    assert block.events.pixels.tolist() == [5, 7, 8, 9]
    assert block.events.offsets.tolist() == [0, 1, 3, 4, 4]


def test_what_lags_behind_is_given_and_added_to_later():
    rows = Rows((4, 2), (1, 9), late=3)
    rows.add([0, 2, 3, 4, 5], [1] * 5, np.arange(5, dtype=np.uint32))
    assert [block.first_row for block in rows.take()] == [1]
    rows.add([6, 7], [1, 1], np.array([5, 6], np.uint32))
    given_now = rows.take()
    assert [(type(b), b.first_row) for b in given_now] == [(Block, 0), (Block, 3)]
    rows.add([1], [2], np.array([7, 8], np.uint32))
    (late,) = rows.take()
    assert isinstance(late, Late)
    assert late.first_row == 0
    assert late.events.pixels.tolist() == [7, 8]
    assert late.events.offsets.tolist() == [0, 0, 2]
    assert rows.end() == [Ended(8, 0)]


def test_several_frames_of_a_position_are_summed_and_one_that_comes_again_is_not():
    rows = Rows((1, 2), (1, 9), frames_per_position=2)
    rows.add([0, 0, 1], [1, 1, 1], np.array([1, 2, 3], np.uint32), np.array([10, 11, 12]))
    assert rows.take() == []
    rows.add([0, 0], [1, 1], np.array([1, 2], np.uint32), np.array([10, 11]))
    assert (rows.twice, rows.lost) == (2, 1)
    rows.add([1], [1], np.array([4], np.uint32), np.array([13]))
    (block,) = rows.take()
    assert block.events.pixels.tolist() == [1, 2, 3, 4]
    assert block.events.offsets.tolist() == [0, 2, 4]


def test_a_second_frame_of_another_number_is_kept_and_told():
    rows = Rows((1, 2), (1, 9))
    rows.add([0], [1], np.array([1], np.uint32), np.array([5]))
    rows.add([0, 1], [1, 1], np.array([2, 3], np.uint32), np.array([6, 7]))
    block, end = *rows.take(), rows.end()[-1]
    assert block.events.pixels.tolist() == [1, 2, 3]
    assert end.notes == ("1 position had more frames than the others: summed.",)


def test_what_lies_outside_is_left_out_and_told():
    rows = Rows((1, 2), (2, 2))
    rows.add([-1, 0, 2], [1, 3, 1], np.array([0, 1, 4, 3, 0], np.uint32))
    block, end = rows.end()
    assert block.events.pixels.tolist() == [1, 3]
    assert end.notes == (
        "1 of 2 frames did not come: empty.",
        "2 frames lay outside the scan of 1 × 2 positions: left out.",
        "1 electron lay outside the detector of 2 × 2 pixels: left out.",
    )
