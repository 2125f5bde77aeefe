"""A scan that is replayed to a receiver, both as a user starts them."""

import threading

import pytest

from app.cli import main
from tests.support.ports import free_port
from tests.support.waiting import PATIENCE_S


def played(path, out, kind, *more, receive=(), listen=False):
    """Exit codes of `replay` and of `receive`; who listens is the sender, or the receiver."""
    port, codes = free_port(), []
    end = ("--connect" if listen else "--bind", f"tcp://127.0.0.1:{port}")
    command = ["replay", path, "--as", kind, "--dwell-us", "0", *end, *more]

    def play():
        codes.append(main([str(a) for a in command]))

    player = threading.Thread(target=play, daemon=True)
    player.start()
    there = f"{kind}:tcp://{'listen@' if listen else ''}127.0.0.1:{port}"
    code = main(["receive", there, "-o", str(out), *map(str, receive)])
    # Who plays waits for ever for somebody who listens, and nobody may be left who does.
    player.join(10 if code else PATIENCE_S)
    if not codes:
        pytest.fail(f"receive has ended with {code}, and replay waits for who takes its scan")
    return codes[0], code
