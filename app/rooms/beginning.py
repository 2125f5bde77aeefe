"""What a room begins with."""

from dataclasses import dataclass

from app.recall.moment import DATASET, Moment
from app.state.display import DisplayState
from app.state.experiment import Experiment
from app.state.filling import RESTORED
from app.state.link import to_query
from app.state.origin import pins


def query_of(experiment: Experiment) -> dict[str, str]:
    """All that is set, as the entries of an address."""
    return to_query(experiment) | {"dataset": experiment.scan.dataset}


class Shown(DisplayState):
    """The room's display: of the pages' slots, all that any of them shows."""

    wanted: frozenset[str] = frozenset()  # no parameter, which would be a setting

    @property
    def results(self) -> tuple[str, ...]:
        """Names of the results that any of the slots shows."""
        return tuple(sorted(self.wanted)) or ("phase",)


@dataclass(frozen=True)
class Beginning:
    """What a room begins with: all that was set, where it came from, and the steps before it."""

    moment: Moment
    pinned: frozenset[str] = frozenset()
    past: tuple = ()
    future: tuple = ()
    also: frozenset[str] = frozenset()
    """Results that are wanted beside the slots."""
    following: bool = False
    """Whether the microscope's next scan shows by itself."""

    @classmethod
    def of(
        cls, experiment: Experiment, sources, history=None, also=frozenset(), following=False
    ) -> "Beginning":
        """What is set now; with the steps of a page's history."""
        scan = experiment.scan
        pinned = pins(scan) if scan.settled else scan.pinned
        steps = (tuple(history.past), tuple(history.future)) if history else ((), ())
        return cls(
            Moment.of(experiment, sources), frozenset(pinned), *steps, frozenset(also), following
        )

    def fill(self, experiment: Experiment) -> None:
        """Set a room's experiment so."""
        values = self.moment.values
        experiment.scan.param.dataset.default = values[DATASET]
        with experiment.fill(RESTORED):
            for part, state in experiment.parts().items():
                named = {n: v for (owner, n), v in values.items() if owner == part}
                copies = {n: list(v) if isinstance(v, list) else v for n, v in named.items()}
                state.param.update(**copies)
        experiment.scan.pinned = self.pinned
