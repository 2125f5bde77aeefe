"""How a command behaves at a terminal."""

import signal
import threading

import pytest

from app.commands.console import stopping


def test_the_first_ctrl_c_asks_and_the_second_ends():
    before = signal.getsignal(signal.SIGINT)
    with stopping() as stop:
        assert not stop()
        signal.raise_signal(signal.SIGINT)
        assert stop()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is before


def test_in_a_thread_nothing_is_changed():
    found = []

    def run():
        with stopping() as stop:
            found.append(stop())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [False]
