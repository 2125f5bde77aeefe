"""From what the user sets to what the page shows; the latest value wins.

    state -> request -> [slow]    reading, disc, orientation, G
                     -> [quick]   phase (draft while values change, exact at rest), tiles
                     -> [derived] COM, virtual images, DPC

One watcher takes a snapshot of the state and submits it; threads of the `ComputeService` work, and
results go back through `post` to the session's own thread. Nothing here draws or needs a page.
"""

import logging
from collections import deque
from collections.abc import Callable
from itertools import count
from threading import Lock
from time import monotonic

from app import opening
from app.meter import Meter
from app.request import Request
from app.results import Status
from app.service import DERIVED, QUICK, SLOW, ComputeService
from app.state import Experiment
from recon.errors import Cancelled

Callback = Callable[[str, object], None]

_sessions = count()


class Pipeline:
    """What one session computes and shows.

    Parameters
    ----------
    experiment : Experiment
        The session's state. The pipeline reads it, and fills in what a file or a fit says.
    engine : Engine
        The stages, shared by all sessions.
    service : ComputeService
        The threads, shared by all sessions.
    post : callable
        `post(function)` runs `function()` soon, on the session's thread; safe from any thread.
    settle : float
        Seconds without a change after which the exact phase follows the drafts.
    window : int
        Published frames that may be unacknowledged, once the page acknowledges frames at all.
    patience : float
        Seconds after which an acknowledgement that never came is given up.

    Notes
    -----
    Use: `subscribe` the views, then `start`; `close` when the session ends. All methods but
    `acknowledge` and `export` belong on the session's thread.
    """

    def __init__(
        self,
        experiment: Experiment,
        engine,
        service: ComputeService,
        post: Callable[[Callable[[], None]], None],
        *,
        settle: float = 0.15,
        window: int = 2,
        patience: float = 1.0,
    ):
        self.experiment, self.engine, self.service = experiment, engine, service
        self._post, self._settle, self._window, self._patience = post, settle, window, patience
        self._session = f"session {next(_sessions)}"
        self._callbacks: list[Callback] = []
        self._latest: dict[str, object] = {}
        self._watchers: list = []
        self._lock = Lock()
        self._closed = False

    # ---- for the page ----

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Have `callback(topic, value)` called on the session's thread for every result.

        Topics and their classes are listed in `app.results`. What has been published already is
        given at once. Returns a function that ends the subscription.
        """

    def start(self) -> None:
        """Watch the state and open its dataset."""

    def acknowledge(self) -> None:
        """Say that the last phase image has been painted; safe from any thread.

        From the first acknowledgement on at most `window` frames are under way.
        """

    def cancel(self) -> None:
        """Stop the long work under way; what is shown stays."""

    def retry(self) -> None:
        """Do again what was cancelled or failed (the dataset may have the same name)."""

    def latest(self, topic: str):
        """The value published last under `topic`, or None."""

    def export(self, kind: str):
        """What is set now as a file to save: "tiff" or "hdf5", computed exactly.

        Returns an `app.export.Export(filename, data, media_type)`. Takes up to some seconds;
        safe from any thread.

        Raises
        ------
        ValueError
            While there is nothing to save, in one sentence.
        """

    def close(self) -> None:
        """End the session: nothing is published any more, its work stops."""
