"""All that was set at one moment, and what differs between two, in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import param

from app.engine.catalogue import DEMO
from app.state.experiment import Experiment
from app.state.origin import found_again
from app.words import measured

Key = tuple[str, str]
"""(part, parameter), such as ("aberrations", "defocus")."""

SILENT = frozenset(
    [
        ("display", name)
        for name in ("theme", "view", "polar", "slot_main", "slot_left", "slot_right")
    ]
    + [("fit", name) for name in ("orders", "rotation", "specimen", "on_opening", "locked")]
)
"""Where one looks, not what one does: never a step to be undone, never part of a preset."""

DATASET: Key = ("scan", "dataset")


@dataclass
class Moment:
    """The values of all parameters, and where those of the calibration came from."""

    values: dict[Key, object]
    sources: dict[str, str] = field(default_factory=dict)
    left: bool = False
    """Whether the step between it and another one is that a hand chose another scan."""

    @classmethod
    def of(cls, experiment: Experiment, sources: Mapping[str, str]):
        """What is set now."""
        values = {}
        for part, state in experiment.parts().items():
            for name in state.param:
                if name != "name":
                    value = getattr(state, name)
                    values[part, name] = list(value) if isinstance(value, list) else value
        return cls(values, dict(sources))

    @property
    def found(self) -> set[Key]:
        """What is found in the scan rather than set."""
        scan = self.values["scan", "fit_disc"], self.values["scan", "auto_orientation"]
        return {("scan", name) for name in found_again(*scan)}


@dataclass(frozen=True)
class Difference:
    """One parameter of two moments."""

    key: Key
    before: object
    after: object

    @property
    def words(self) -> str:
        """Such as "defocus 12 → 15 nm"."""
        parameter = Experiment.param[self.key[0]].class_.param[self.key[1]]
        label, unit = _label(self.key, parameter)
        if isinstance(parameter, param.List):
            return label
        if isinstance(parameter, param.Boolean):
            return f"{label}: {'on' if self.after else 'off'}"
        before, after = (_value(self.key, value, unit) for value in (self.before, self.after))
        if before[1] == after[1] or not before[1]:
            return f"{label} {before[0]} → {' '.join(after)}".rstrip()
        return f"{label} {' '.join(before)} → {' '.join(after)}".rstrip()


def label_of(key: Key) -> str:
    """What a parameter is called in the middle of a sentence."""
    return _label(key, Experiment.param[key[0]].class_.param[key[1]])[0]


def differences(before: Moment, after: Moment) -> list[Difference]:
    """What was set differently, in the order of the page; what is found anew does not count."""
    passed_over = SILENT | after.found
    return [
        Difference(key, before.values[key], value)
        for key, value in after.values.items()
        if key not in passed_over and before.values[key] != value
    ]


def in_words(found: list[Difference], most: int = 3) -> str:
    """The first of some differences, and how many more there are.

    Of another scan only its name is told: everything else came with it.
    """
    for each in found:
        if each.key == DATASET:
            return each.words
    aberrations = {each.key[0] for each in found} == {"aberrations"}
    lead = f"{len(found)} aberrations: " if aberrations and len(found) > most else ""
    words = ", ".join(each.words for each in found[:most])
    rest = len(found) - most
    return f"{lead}{words}{'' if rest <= 0 else ' …' if lead else f' and {rest} more'}"


def _label(key: Key, parameter) -> tuple[str, str]:
    label, unit = parameter.label, ""
    if label.endswith(")") and " (" in label:
        label, unit = label[:-1].rsplit(" (", 1)
    if key[0] == "aberrations":
        return key[1], unit
    if key[0] == "dpc" and not label.startswith("DPC"):
        label = f"DPC {label[0].lower()}{label[1:]}"
    proper = len(label) > 1 and not label[1].islower()  # "G tiles", "DPC …"
    return label if proper else label[0].lower() + label[1:], unit


def _value(key: Key, value, unit: str) -> tuple[str, str]:
    """A value and its unit; what is no number has none."""
    if value is None:
        return "–", ""
    if key == DATASET:
        return "demonstration" if value == DEMO else str(value).rsplit("/", 1)[-1], ""
    if isinstance(value, float | int):
        return measured(value, unit=unit)
    return str(value), ""
