"""A port for a server of a test."""

import random
import socket

BELOW_THE_SYSTEMS = range(12_000, 32_000)
"""Ports that no system gives by itself, to a connection or to who asks for any."""


def free_port():
    """A port that stays free until somebody who is told of it takes it."""
    while True:
        port = random.SystemRandom().choice(BELOW_THE_SYSTEMS)  # alike in no two processes
        with socket.socket() as found:
            if found.connect_ex(("127.0.0.1", port)):
                return port
