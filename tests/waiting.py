"""Waiting for threads in tests."""

from time import monotonic, sleep


def wait_until(condition, timeout=60.0):
    """Return as soon as `condition()` is true; fail after `timeout` seconds."""
    deadline = monotonic() + timeout
    while not condition():
        assert monotonic() < deadline, "waited in vain"
        sleep(0.002)
