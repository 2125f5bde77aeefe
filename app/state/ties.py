"""What follows changes of the state and of results, tied in one place and untied at once."""

import logging
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

    def show(self, result: param.Parameter, draw: Callable, precedence: int = 0) -> "Ties":
        """Call `draw(value)` for what a result is, unless None, and for all that it comes to be.

        Parameters
        ----------
        result : Parameter
            A reference such as `stage.param.phase`.
        draw : callable
            Its failure is logged, and keeps nothing from the others.
        precedence : int
            Those of a higher one are called later, where several results change together.
        """
        value = getattr(result.owner, result.name)
        if value is not None:
            _call(draw, result.name, value)
        return self._follow(result, draw, precedence)

    def hear(self, said: param.Parameter, act: Callable) -> "Ties":
        """Call `act(value)` whenever something is said, be it the same as before."""
        return self._follow(said, act, again=True)

    def _follow(self, what, act, precedence=0, again=False) -> "Ties":
        def follow(event):
            # Param would compare too, at more cost than many a view has.
            if again or event.new != event.old:
                _call(act, event.name, event.new)

        how = {"onlychanged": False, "precedence": precedence}
        self._watchers.append((what.owner, what.owner.param.watch(follow, [what.name], **how)))
        return self

    def untie(self) -> None:
        """End all of it."""
        for state, watcher in self._watchers:
            state.param.unwatch(watcher)
        self._watchers.clear()

    def __bool__(self) -> bool:
        """Whether anything is tied."""
        return bool(self._watchers)


def _call(act, name, value) -> None:
    try:
        act(value)
    except Exception:
        logging.getLogger(__name__).exception("A view could not show %s.", name)
