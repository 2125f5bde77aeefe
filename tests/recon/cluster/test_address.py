"""What names a cluster, and what does not."""

import pytest

from recon.cluster.address import check_address, is_local


@pytest.mark.parametrize(
    "text", ["local", "local:3", "tcp://10.0.0.1:8786", "tls://a.b.org:8786", "tls://[::1]:8786"]
)
def test_addresses_are_taken_as_they_are(text):
    assert check_address(text) == text
    assert is_local(text) == text.startswith("local")


@pytest.mark.parametrize(
    "text", ["", "local:", "local:0", "local:x", "8786", "tcp://a", "http://a:1"]
)
def test_others_are_refused_with_the_ways_to_say_it(text):
    with pytest.raises(ValueError, match=r"local, local:N .* tls://name:8786, not"):
        check_address(text)
