"""Addresses as a person types them."""

import pytest

from recon.live.addresses import Address, address
from recon.live.source import LiveError


@pytest.mark.parametrize(
    ("text", "host", "port", "listen"),
    [
        ("tcp://localhost:5000", "localhost", 5000, False),
        ("10.0.0.1:1", "10.0.0.1", 1, False),
        ("tcp://listen@0.0.0.0:5000", "0.0.0.0", 5000, True),
        (" tcp://listen@*:0 ", "*", 0, True),
        ("tcp://[::1]:5", "[::1]", 5, False),
    ],
)
def test_they_are_read(text, host, port, listen):
    assert address(text) == Address(host, port, listen)


def test_one_that_is_listened_at_in_any_case():
    made = address("tcp://127.0.0.1:0", listen=True)
    assert made == Address("127.0.0.1", 0, True)
    assert (str(made), made.url) == ("tcp://listen@127.0.0.1:0", "tcp://127.0.0.1:0")


@pytest.mark.parametrize(
    "text", ["", "localhost", "tcp://a:b", "udp://a:1", "tcp://a:65536", "a:0"]
)
def test_others_are_a_sentence(text):
    with pytest.raises(LiveError, match=r"is no address|names no port"):
        address(text)
