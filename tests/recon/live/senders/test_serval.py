"""A scan sent as a Timepix3: what does not fit is a sentence."""

import pytest

from recon.live.addresses import address
from recon.live.senders.serval import ServalSender
from recon.live.source import LiveError
from tests.support.streams import some_scan


@pytest.fixture
def sender():
    made = ServalSender(address("tcp://listen@127.0.0.1:0"), lambda: True, 1e-7)
    yield made
    made.close()


def test_another_detector_is_refused(sender):
    with pytest.raises(LiveError, match="256 × 256 or 512 × 512 pixels, this scan 16 × 12"):
        sender.begin(some_scan(), 1)


def test_more_electrons_than_the_clock_can_tell_apart_are_refused(sender):
    with pytest.raises(LiveError, match=r"electrons at one position do not fit 1e-07 s"):
        sender.begin(some_scan((1, 1), (256, 256), brightest=200, seed=3), 1)


def test_it_ends_where_it_is_told_to(sender):
    sender.begin(some_scan((2, 2), (256, 256)), 1)
    assert sender.send(0, 4) is False
