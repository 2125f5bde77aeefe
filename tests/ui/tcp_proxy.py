"""A wire between a browser and a server that can be cut, or go dead without a word."""

import socket
import threading
from contextlib import contextmanager, suppress


class Wire:
    """Passes TCP connections on to `target`, a port of this machine.

    `drop` ends them all; `cut` does too, and refuses new ones; `hold` leaves them open, but nothing
    comes through; `mend` is the wire as it was. What was underway in a wire that is held is lost.
    """

    def __init__(self, target: int):
        self.target, self._state = target, "whole"
        self._lock, self._ends = threading.Lock(), set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        self._state = "cut"
        self.drop()

    def hold(self):
        self._state = "held"

    def mend(self):
        # A connection of which something was lost is none any more.
        if self._state == "held":
            self.drop()
        self._state = "whole"

    def close(self):
        self._listening.close()
        self.drop()

    def drop(self):
        with self._lock:
            ends, self._ends = self._ends, set()
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self):
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                try:
                    if self._state == "cut":
                        raise ConnectionRefusedError
                    far = socket.create_connection(("127.0.0.1", self.target))
                except OSError:
                    near.close()
                    continue
                with self._lock:
                    self._ends |= {near, far}
                for a, b in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=(a, b), daemon=True).start()

    def _pass(self, source, sink):
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if self._state != "held":
                    sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def wire(target: int):
    """A `Wire` to a port of this machine, for as long as the test takes."""
    made = Wire(target)
    try:
        yield made
    finally:
        made.close()
