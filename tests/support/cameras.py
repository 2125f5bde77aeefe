"""A camera that a test works by hand: it sends a scan as far as it is told to."""

import threading
from contextlib import contextmanager

from recon.live.kinds import open_sender
from recon.live.replay import play
from tests.support.waiting import wait_until


@contextmanager
def camera(events, address, kind="accos"):
    """Gives `far(rows)`; what has not been sent in the end never comes."""
    far, over = [0], threading.Event()

    def wait_for(frames):
        wait_until(lambda: far[0] > frames or over.is_set())

    def send():
        sender = open_sender(kind, address, False, over.is_set)
        wait_for(0)
        for _, frames in play(events, sender, stop=over.is_set):
            wait_for(frames)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield lambda rows: far.__setitem__(0, rows * events.scan_shape[1])
    finally:
        over.set()
        thread.join()
