"""Undo and redo: what was set, step by step.

A step is what happened until the hand rested: a slider's drag is one, and so is a fit that sets
twelve coefficients at once. What the pipeline fills in by itself (a disc, a rotation, what a file
says) belongs to the step that caused it. Another control begins another step.

The next scan of a microscope, which shows by itself, is no step: what was done to the one before
is taken back on the one that is shown.
"""

from collections.abc import Callable
from dataclasses import replace
from time import monotonic

from app.recall.moment import DATASET, SILENT, Key, Moment, differences, in_words
from app.state.experiment import Experiment
from app.state.filling import CAME, FOUND, RESTORED
from app.state.origin import ENTERED, pins
from app.state.ties import Ties

REST_S = 0.5
"""A hand that has not moved for so long rests."""

TOGETHER_S = 0.05
"""Changes that follow each other faster come from one action, whatever they change."""

MOST = 200
"""Steps that are remembered."""


class History:
    """The steps of one session.

    Parameters
    ----------
    experiment : Experiment
    pipeline : Pipeline
        Its `origin` says what is open, and `follow` computes what was restored.
    after : callable
        `after(milliseconds, action)` calls `action()` once, later.
    told : callable, optional
        Called when `undoable` or `redoable` may have changed.

    Notes
    -----
    Make it before the pipeline is started: it has to hear of a hand's change before the pipeline
    lets something follow from that.
    """

    def __init__(
        self,
        experiment: Experiment,
        pipeline,
        after: Callable[[int, Callable[[], None]], object],
        told: Callable[[], None] = lambda: None,
    ):
        self.experiment, self.pipeline = experiment, pipeline
        self._after, self._told = after, told
        self._past: list[tuple[str, Moment]] = []
        self._future: list[tuple[str, Moment]] = []
        self._present = self.now()
        self._touched: set[Key] = set()  # since the last step
        self._touched_at = 0.0
        self.hand = ""
        """Whose hand it is that changes something, where there are several."""
        self._touched_by = ""
        self._timer = None
        self._solid: tuple | None = None  # where to return if a scan cannot be opened again
        self._closed = False
        self._parts = {id(state): part for part, state in experiment.parts().items()}
        self._ties = Ties()
        for state in experiment.parts().values():
            self._ties.tie_whole(state, self._changed)

    # ---- for the page ----

    @property
    def undoable(self) -> str:
        """The step that would be undone, in words; empty where there is none."""
        return self._past[-1][0] if self._past else ""

    @property
    def redoable(self) -> str:
        """The step that would be redone, in words; empty where there is none."""
        return self._future[-1][0] if self._future else ""

    @property
    def past(self) -> list[tuple[str, Moment]]:
        """The steps that can be undone: what each did, and what was set before it."""
        return list(self._past)

    @property
    def future(self) -> list[tuple[str, Moment]]:
        """The same of the steps that can be redone."""
        return list(self._future)

    def take_over(self, past, future) -> None:
        """Begin with the steps of another history."""
        self._past, self._future = list(past)[-MOST:], list(future)

    def now(self) -> Moment:
        """What is set now."""
        return Moment.of(self.experiment, self.pipeline.origin[1])

    def undo(self) -> None:
        """Go back by a step."""
        unfinished = DATASET in self._touched and self._opening()
        self.settle()
        if not self._past:
            return
        *past, (name, moment) = self._past
        # A scan that was never opened has nothing to go forward to.
        onward = [] if unfinished else [(name, replace(self.now(), left=moment.left))]
        self._go(moment, past, [*self._future, *onward])

    def redo(self) -> None:
        """Take the step that was undone last."""
        self.settle()
        if self._future:
            *future, (name, moment) = self._future
            now = replace(self.now(), left=moment.left)
            self._go(moment, [*self._past, (name, now)], future)

    def go(self, moment: Moment, name: str) -> bool:
        """Set everything as it was at `moment`, as one step; whether anything changed."""
        self.settle()
        if not differences(self._present, moment):
            return False
        now = self.now()
        now.left = now.values[DATASET] != moment.values[DATASET]
        self._go(moment, [*self._past, (self._signed(name, self.hand), now)], [])
        return True

    def set(self, values: dict[Key, object], name: str) -> bool:
        """Set some parameters, as one step and without anything that follows from a hand's."""
        now = self.now()
        changed = [key for key, value in values.items() if value != now.values[key]]
        entered = {name: ENTERED for part, name in changed if part == "scan"}
        return self.go(Moment(now.values | values, now.sources | entered), name)

    def settle(self) -> None:
        """End the step under way."""
        self._settle(self.now())

    def close(self) -> None:
        """Remember no more."""
        self._closed = True
        self._ties.untie()
        self._past.clear()
        self._future.clear()

    # ---- what happens ----

    def _changed(self, *events) -> None:
        part, whose = self._parts[id(events[0].obj)], self.experiment.filling
        if whose == RESTORED:
            return
        new = {(part, event.name): event.new for event in events}
        if whose == FOUND and DATASET in new and self._return(new[DATASET]):
            return
        # Back to the scan before, where the next one cannot be read.
        back = whose == FOUND and DATASET in new and DATASET not in self._touched
        if whose == CAME or back:
            self._move_on(new, {(part, event.name): event.old for event in events})
            return
        if whose == FOUND or SILENT.issuperset(new):
            another = self._present.values[DATASET] != self.experiment.scan.dataset
            if not (self._touched and another):
                self._present.values.update(new)
            return
        old = {(part, event.name): event.old for event in events}
        self._touch(old)

    def _move_on(self, new: dict[Key, object], old: dict[Key, object]) -> None:
        """Have the steps of the scan that was shown lie on the one that is."""
        if DATASET in self._touched:
            before = self.now()
            before.values.update(old)
            self._settle(before)
        left, sources = self._present, self.pipeline.origin[1]

        def moved(moment):
            known = {key: left.values[key] for key in left.found & moment.found} | new
            origins = {n: sources[n] for part, n in known if part == "scan" and n in sources}
            return replace(moment, values=moment.values | known, sources=moment.sources | origins)

        def along(steps):
            kept = len(steps)
            while kept and not steps[kept - 1][1].left:
                kept -= 1
            return steps[:kept] + [(name, moved(moment)) for name, moment in steps[kept:]]

        self._past, self._future = along(self._past), along(self._future)
        self._present, self._solid = moved(left), None

    def _touch(self, old: dict[Key, object]) -> None:
        now, keys = monotonic(), set(old) - SILENT
        apart = now - self._touched_at > TOGETHER_S and not keys & self._touched
        apart = apart or self.hand != self._touched_by
        if self._touched and apart and not self._opening():
            before = self.now()
            before.values.update(old)
            self._settle(before)
        if not self._touched:
            self._present.sources = self.pipeline.origin[1]
            if not self._opening():
                self._solid = None
        self._touched |= keys
        self._touched_at, self._touched_by = now, self.hand
        self._wait(REST_S)

    def _wait(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = self._after(round(1e3 * seconds) + 1, self._rested)

    def _rested(self) -> None:
        self._timer = None
        if self._closed or not self._touched:
            return
        left = self._touched_at + REST_S - monotonic()
        if left > 0 or self._opening():
            self._wait(max(left, 0.1))
        else:
            self.settle()

    def _settle(self, now: Moment) -> None:
        if not self._touched:
            return
        self._touched = set()
        if changed := differences(self._present, now):
            self._present.left = any(each.key == DATASET for each in changed)
            self._past.append((self._signed(in_words(changed), self._touched_by), self._present))
            self._past = self._past[-MOST:]
            self._future.clear()
        self._present = now
        self._told()

    @staticmethod
    def _signed(name: str, hand: str) -> str:
        return f"{hand}: {name}" if hand else name

    def _opening(self) -> bool:
        """Whether the scan that is chosen is not open yet."""
        return self.pipeline.origin[0] != self.experiment.scan.dataset

    # ---- going somewhere ----

    def _go(self, moment: Moment, past, future) -> None:
        if not self._opening():
            self._solid = (self.now(), self._past, self._future)
        self._past, self._future = past[-MOST:], future
        self._restore(moment)
        self._told()

    def _restore(self, moment: Moment) -> None:
        now, scan = self.now(), self.experiment.scan
        kept = SILENT | (now.found & moment.found)  # what is found is shown until it is found anew
        if moment.values[DATASET] != now.values[DATASET]:
            kept -= {("display", "view")}
        with self.experiment.fill(RESTORED):
            for part, state in self.experiment.parts().items():
                values = {
                    key[1]: value
                    for key, value in moment.values.items()
                    if key[0] == part and key not in kept and value != now.values[key]
                }
                if values:
                    state.param.update(**values)
        scan.pinned = pins(scan) if self._opening() else frozenset()
        self.pipeline.opening.restore(moment.sources)
        self._present = Moment.of(self.experiment, moment.sources)

    def _return(self, dataset: str) -> bool:
        """Where a scan could not be opened again, go back to where that was asked for."""
        if self._solid is None or self._present.values[DATASET] == dataset:
            return False
        (present, self._past, self._future), self._solid = self._solid, None
        self._touched = set()
        self._restore(present)
        self._told()
        return True
