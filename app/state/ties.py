"""What follows changes of the state, tied in one place and untied at once."""

from collections.abc import Callable

import param


class Ties:
    """Calls that follow changes of parameters, until they are untied.

    Whoever has some unties them as it closes: a state outlives what shows it, and would keep it
    in memory.
    """

    def __init__(self):
        self._watchers: list[tuple[param.Parameterized, object]] = []

    def tie(self, state: param.Parameterized, follow: Callable, *names: str) -> "Ties":
        """Call `follow(*events)` when parameters change, once for those that change together.

        Parameters
        ----------
        state : Parameterized
        follow : callable
            Takes `param`'s events, on the thread that changes the state.
        names : str
            Parameters of `state`.
        """
        self._watchers.append((state, state.param.watch(follow, list(names))))
        return self

    def tie_whole(self, state: param.Parameterized, follow: Callable) -> "Ties":
        """The same for all parameters of `state`."""
        return self.tie(state, follow, *(name for name in state.param if name != "name"))

    def untie(self) -> None:
        """End all of it."""
        for state, watcher in self._watchers:
            state.param.unwatch(watcher)
        self._watchers.clear()

    def __bool__(self) -> bool:
        """Whether anything is tied."""
        return bool(self._watchers)
