"""A scan that is replayed to a receiver, both as a user starts them."""

import threading

from app.cli import main
from tests.support.ports import free_port


def played(path, out, kind, *more, receive=(), listen=False):
    """Exit codes of `replay` and of `receive`; who listens is the sender, or the receiver."""
    port, codes = free_port(), []
    end = ("--connect" if listen else "--bind", f"tcp://127.0.0.1:{port}")
    command = ["replay", path, "--as", kind, "--dwell-us", "0", *end, *more]
    player = threading.Thread(target=lambda: codes.append(main([str(a) for a in command])))
    player.start()
    there = f"{kind}:tcp://{'listen@' if listen else ''}127.0.0.1:{port}"
    try:
        code = main(["receive", there, "-o", str(out), *map(str, receive)])
    finally:
        player.join()
    return codes[0], code
