"""Scans that come over a line, in tests."""

import numpy as np

from recon.live.source import Began, Block, Ended, Told
from recon.scan.events import ElectronEvents
from tests.support.strategies import dense
from tests.support.waiting import PATIENCE_S, monotonic


def some_scan(scan_shape=(6, 8), frame_shape=(16, 12), seed=0, brightest=9):
    """A scan with empty frames and repeated pixels."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, brightest, scan_shape[0] * scan_shape[1])
    pixels = rng.integers(0, frame_shape[0] * frame_shape[1], counts.sum(), dtype=np.uint32)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return ElectronEvents(pixels, offsets, scan_shape, frame_shape)


def heard(source, until, wait=0.05):
    """Messages of a source until the condition on them holds."""
    messages, deadline = [], monotonic() + PATIENCE_S
    while not until(messages):
        assert monotonic() < deadline, f"waited in vain after {messages}"
        messages += source.poll(wait)
    return messages


def ended(number=1):
    """A condition: so many scans have ended."""
    return lambda messages: sum(isinstance(m, Ended) for m in messages) >= number


def scans_of(messages):
    """(began, (Sy, Sx, Ky, Kx) counts, ended) of each scan; messages come in their order."""
    found = []
    for message in messages:
        if isinstance(message, Began):
            found.append(
                [message, np.zeros((*message.scan_shape, *message.frame_shape), int), None]
            )
        elif isinstance(message, Block):
            assert found[-1][2] is None
            rows = slice(message.first_row, message.first_row + message.events.scan_shape[0])
            found[-1][1][rows] += dense(message.events)
        elif isinstance(message, Ended):
            assert found[-1][2] is None
            found[-1][2] = message
    return found


def sentences(messages):
    return [message.sentence for message in messages if isinstance(message, Told)]
