"""What the pages of a room are shown of its one pipeline."""

from collections.abc import Iterator

import param

from app.pipeline.jobs import Answer
from app.pipeline.stage import Stage

RELAYED = {
    "opening": ("question",),
    "watching": ("microscope", "following"),
    "preparing": ("scan", "pacbed", "device", "dataset"),
    "drawing": ("phase", "tiles", "spectrum", "status", "device"),
    "deriving": ("virtual", "faults", "current", "com", "dpc"),
    "resting": (),
}
"""Of the pipeline's stages, besides what their tables declare."""


class Relayed:
    """The results that are shown, by stage.

    Attributes
    ----------
    fitted : Answer
        The fit of all members.
    sources : dict of str to Parameterized
        The stages, and `fitted`.
    """

    def __init__(self, pipeline):
        self.fitted = Answer()
        self.sources: dict[str, param.Parameterized] = {n: getattr(pipeline, n) for n in RELAYED}
        self.sources["fitted"] = self.fitted

    def names(self) -> dict[str, list[str]]:
        """Names of the results, by stage."""
        found = {group: list(names) for group, names in RELAYED.items()}
        found["fitted"] = ["result", "under_way"]
        for group in ("drawing", "resting"):
            stage: Stage = self.sources[group]
            more = set(stage.results()) - {*found[group], "also"}
            found[group] += sorted(more)
        return found

    def there(self) -> Iterator[tuple[str, str]]:
        """(stage, result) of all that there is by now."""
        for group, names in self.names().items():
            for name in names:
                if getattr(self.sources[group], name) is not None:
                    yield group, name
