"""Scans whose frames come in order over a line, with a word before and after them.

The line may be cut, and the sender may be silent for too long: the scan is then over with what
came. What makes no sense ends it too, with a sentence; the line is then taken up again.
"""

from collections.abc import Callable
from dataclasses import replace
from time import monotonic

import numpy as np

from recon.live.source import Began, Message, Told
from recon.live.whole_rows import Rows
from recon.live.wire.words import Decoder, Over

PATIENCE_S = 10.0


class InOrder:
    """Receives scans: see `recon.live.source.LiveSource`.

    Parameters
    ----------
    line
        `recon.live.line.Line`, or what can be read as one.
    decoder : callable
        Makes a decoder, for each line anew.
    patience : float
        Seconds without news after which a scan was stopped.
    """

    def __init__(self, line, decoder: Callable[[], Decoder], patience: float = PATIENCE_S):
        self._line, self._make, self._patience = line, decoder, patience
        self._decoder, self._heard = decoder(), monotonic()
        self._rows: Rows | None = None
        self._began: Began | None = None
        self._number, self._next, self._told = 0, 0, ""

    @property
    def endpoint(self) -> str:
        """The address, its port chosen."""
        return self._line.endpoint

    def poll(self, timeout: float) -> list[Message]:
        """See `LiveSource`."""
        data = self._line.read(timeout)
        if data:
            self._heard = monotonic()
            return self._understood(data)
        if data == b"":
            self._decoder = self._make()
            return self._end("The line was cut before the scan was over.")
        if self._rows is not None and monotonic() - self._heard > self._patience:
            why = "the scan was stopped, or the sender is gone"
            return self._end(f"Nothing came for {self._patience:g} s: {why}.")
        return []

    def close(self) -> list[Message]:
        """See `LiveSource`."""
        self._line.close()
        return self._end("The line was closed before the scan was over.")

    def _understood(self, data):
        messages = []
        try:
            for word in self._decoder.feed(data):
                messages += self._said(word)
        except ValueError as error:
            self._line.hang_up()
            left, self._decoder = self._decoder.left, self._make()
            why = f"The stream makes no sense ({error}); the line is taken up again."
            if why != self._told:
                messages.append(Told(why))
            self._told = why
            messages += self._end("The stream made no sense before it was over.")
            return messages + (self._understood(left) if left else [])
        return messages + (self._rows.take() if self._rows is not None else [])

    def _said(self, word):
        if isinstance(word, Began):
            messages = self._end("Another scan began before it was whole.")
            return [*messages, *self._begin(word)]
        if isinstance(word, Over):
            return self._end(word.why)
        # A camera that goes on after a whole scan scans again.
        messages = self._begin(self._began) if self._rows is None and self._began else []
        if self._rows is None:
            return [Told("Frames came before the beginning of a scan; they are left out.")]
        number = len(word.counts)
        places = word.positions
        if places is None:
            places = np.arange(self._next, self._next + number)
        self._next = int(places[-1]) + 1 if number else self._next
        self._rows.add(places, word.counts, word.pixels)
        return messages + (self._end() if self._rows.complete else [])

    def _begin(self, began):
        self._number += 1
        self._began = began
        self._rows, self._next = Rows(began.scan_shape, began.frame_shape), 0
        return [replace(began, number=self._number if began.number is None else began.number)]

    def _end(self, why=""):
        """The end of the scan that is under way, if there is one."""
        if self._rows is None:
            return []
        rows, self._rows = self._rows, None
        return rows.end(*([why] if why else []))
