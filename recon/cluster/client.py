"""Dask's client, closed wherever it found no scheduler, too."""

import asyncio
from threading import Event, Thread

from distributed import Client
from tornado.ioloop import IOLoop

ENDING_S = 10.0
"""Time in which an event loop that was told to end does."""


class EventLoop:
    """Runs in a thread of its own until it is told to end.

    Attributes
    ----------
    loop : tornado.ioloop.IOLoop
    """

    def __init__(self):
        started = Event()
        self._thread = Thread(
            target=asyncio.run, args=[self._run(started)], name="livestem-cluster", daemon=True
        )
        self._thread.start()
        started.wait()

    async def _run(self, started: Event) -> None:
        self.loop, self._ended = IOLoop.current(), asyncio.Event()
        started.set()
        await self._ended.wait()

    def end(self) -> None:
        """End the loop and what still runs in it, once or again."""
        if self._thread.is_alive():
            self.loop.add_callback(self._ended.set)
            self._thread.join(ENDING_S)


class ClosedClient(Client):
    """A client of the scheduler at an address, or of a cluster of this machine.

    One of Dask's own that is refused is never closed. The garbage collector does it, whenever it
    comes by: among the first lines of another client, both wait for the same lock for ever. Its
    event loop goes on for as long as the process.

    Parameters
    ----------
    where : str or distributed.LocalCluster
    **how
        As of `distributed.Client`; raises what that does.
    """

    def __init__(self, where, **how):
        self._own = EventLoop() if isinstance(where, str) else None
        try:
            super().__init__(where, loop=self._own and self._own.loop, **how)
        except BaseException:
            self._end()
            raise

    def start(self, **how) -> None:
        """Connect, or be closed."""
        try:
            super().start(**how)
        except BaseException:
            self.close()
            raise

    def close(self, *how, **more) -> None:
        """Let the scheduler go; arguments as of `distributed.Client.close`."""
        super().close(*how, **more)
        self._end()

    def _end(self):
        if self._own:
            self._own.end()
