"""From what is set to a preset and back."""

from app.recall.history import History
from app.recall.moment import SILENT, Key
from app.recall.presets import KINDS, Preset, PresetError, Presets
from app.state import link
from app.state.experiment import Experiment

OF_THE_SCAN = frozenset(
    ("scan", name)
    for name in (
        "dataset",
        "keep_flyback",
        "scan_rows",
        "scan_columns",
        "dwell_us",
        "trigger",
        "array",
        "scan_step_y",
        "scan_step_x",
        "fit_disc",
        "centre_y",
        "centre_x",
        "radius",
        "crop_top",
        "crop_bottom",
        "crop_left",
        "crop_right",
    )
) | {
    ("detector", "detector_top"),
    ("detector", "detector_bottom"),
    ("detector", "detector_left"),
    ("detector", "detector_right"),
    ("treatment", "shear"),
    ("display", "frequencies"),
}
"""What belongs to one scan and would be wrong for the next."""


def held(kind: str) -> dict[str, Key]:
    """What a preset of a kind holds, by its key in an address."""
    passed_over = SILENT | OF_THE_SCAN
    return {
        key: where
        for key, where in link.parameters().items()
        if where not in passed_over and kind in (where[0], "settings")
    }


def taken(experiment: Experiment, kind: str) -> Preset:
    """A preset of what is set now."""
    if kind not in KINDS:
        raise PresetError(f"A preset holds {' or '.join(KINDS)}, not “{kind}”.")
    keys = held(kind)
    query = {key: text for key, text in link.to_query(experiment).items() if key in keys}
    return Preset(kind, query)


def values_of(experiment: Experiment, preset: Preset) -> tuple[dict[Key, object], list[str]]:
    """What a preset sets, and a sentence for each of its entries that cannot be used.

    What it does not name gets its default, but for what has none, such as an unknown beam energy.
    """
    keys = held(preset.kind)
    found, sentences = link.read(experiment, preset.query, "preset", keys)
    values = {}
    for part, name in keys.values():
        state = experiment.parts()[part]
        default = link.default(state, name)
        # An entry that could not be used leaves what is set as it is, like one that is unknown.
        if default is not None:
            values[part, name] = default
    refused = {keys[key] for key in preset.query if key in keys} - found.keys()
    return {key: v for key, v in (values | found).items() if key not in refused}, sentences


class Presetting:
    """What the menu of presets does.

    Parameters
    ----------
    experiment : Experiment
    history : History
        Loading a preset is one of its steps.
    presets : Presets
    menu : app.views.tools.PresetMenu
    notice : callable
        `notice(sentence)` tells what could not be taken over.
    """

    def __init__(self, experiment: Experiment, history: History, presets: Presets, menu, notice):
        self.experiment, self.history, self.presets = experiment, history, presets
        self.menu, self._notice = menu, notice

    def list(self) -> None:
        """Show what is kept now."""
        self._do(lambda: None)

    def save(self, name: str, kind: str, overwrite: bool) -> None:
        """Keep what is set."""

        def save():
            kept = self.presets.save(name, taken(self.experiment, kind), overwrite)
            return f"“{kept}” is saved."

        self._do(save)

    def load(self, name: str) -> None:
        """Set what was kept."""

        def load():
            preset = self.presets.all().get(name)
            if preset is None:
                raise PresetError(f"The preset “{name}” no longer exists.")
            values, sentences = values_of(self.experiment, preset)
            for sentence in sentences:
                self._notice(sentence)
            if self.history.set(values, f"preset “{name}”"):
                return f"“{name}” is loaded."
            return f"Already set as in “{name}”."

        self._do(load)

    def delete(self, name: str) -> None:
        """Keep it no longer."""

        def delete():
            self.presets.delete(name)
            return f"“{name}” is deleted."

        self._do(delete)

    def _do(self, action) -> None:
        """Run `action()`, and show what it says and what is kept afterwards."""
        refused = False
        try:
            said = action() or ""
        except PresetError as error:
            said, refused = str(error), True
        try:
            items = [[name, preset.kind] for name, preset in self.presets.all().items()]
        except PresetError as error:
            items, said, refused = [], str(error), True
        self.menu.answer(items, said, refused)
