"""Waiting in tests: for a condition, and for as long as a busy machine may take.

What holds costs no time, however long the limit; only what never comes waits for it.
"""

from time import monotonic, sleep

PATIENCE_S = 600.0
"""Beyond which something will never come; a fresh clone compiles its kernels within it."""


def wait_until(condition, timeout=PATIENCE_S):
    """Return as soon as `condition()` is true, and what it gave; fail after `timeout` seconds."""
    deadline = monotonic() + timeout
    while not (result := condition()):
        assert monotonic() < deadline, "waited in vain"
        sleep(0.002)
    return result
