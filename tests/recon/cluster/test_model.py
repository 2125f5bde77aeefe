"""The model of a cluster's speed, on cases done by hand."""

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


def test_rates_give_back_what_they_were_taken_from():
    rates = rates_of(WORK, 0.1, 0.3, 1.3, 0.2, 2.0)
    assert vars(rates) == pytest.approx(vars(RATES))
    with pytest.raises(ValueError, match="take longer than all of it"):
        rates_of(WORK, 0.1, 0.3, 0.4, 0.2, 2.0)
