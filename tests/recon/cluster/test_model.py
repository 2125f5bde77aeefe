"""The model of a cluster's speed, on cases done by hand."""

from dataclasses import replace

import pytest

from recon.cluster.model import Rates, Work, building_s, rates_of, redraw_s

WORK = Work(entries=800, positions=100, planes=4, spectrum=400)
RATES = Rates(entries=1000, ask=0.1, link=2000, inverse=500, transforms=200)


def test_a_redraw_shares_its_sums_and_nothing_else():
    assert redraw_s(WORK, 1, RATES) == pytest.approx(0.1 + 0.8 + 0.2 + 0.2)
    assert redraw_s(WORK, 8, RATES) == pytest.approx(0.1 + 0.1 + 0.2 + 0.2)


def test_one_worker_exchanges_nothing_and_many_all_but_their_own():
    assert building_s(WORK, 1, RATES) == pytest.approx(2.0)
    # 500 bytes a plane, of which half stays: 1000 over two links at once.
    assert building_s(WORK, 2, RATES) == pytest.approx(1.0 + 1000 / (2 * 2000))


def test_workers_that_share_cores_do_no_more_at_a_time():
    assert redraw_s(WORK, 4, RATES, at_once=2) == redraw_s(WORK, 2, RATES)
    assert redraw_s(WORK, 1, RATES, at_once=2) == redraw_s(WORK, 1, RATES)
    # Three quarters of 2000 bytes go over the cores of two.
    assert building_s(WORK, 4, RATES, at_once=2) == pytest.approx(1.0 + 1500 / (2 * 2000))


def test_the_scheduler_hands_out_one_task_after_the_other():
    batched, slow = replace(WORK, batch=2), replace(RATES, task=0.01)
    # Two batches; of each: three counts, a transform, its sums, three parts and three packings.
    more = building_s(batched, 3, slow) - building_s(batched, 3, RATES)
    assert more == pytest.approx(2 * 11 * 0.01)


def test_rates_give_back_what_they_were_taken_from():
    rates = rates_of(WORK, 0.1, 0.3, 1.3, 0.2, 2.0)
    assert vars(rates) == pytest.approx(vars(RATES))
    slow = replace(RATES, task=0.01)
    building = building_s(WORK, 1, slow)
    assert vars(rates_of(WORK, 0.1, 0.3, 1.3, 0.2, building, 0.01)) == pytest.approx(vars(slow))
    with pytest.raises(ValueError, match="take longer than all of it"):
        rates_of(WORK, 0.1, 0.3, 0.4, 0.2, 2.0)
