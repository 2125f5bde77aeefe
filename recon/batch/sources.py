"""Values of a reconstruction, each with where it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

COMMAND, FILE, DEFAULT, ESTIMATE = "command line", "file", "default", "estimated from the data"
FIT = "fit"
PAGE = "page"
"""By hand, by a link or by a fit in the page, which does not keep them apart."""


@dataclass
class Sources:
    """Values as they are settled, each with where it came from."""

    metadata: Mapping[str, Any]
    origin: dict[str, str] = field(default_factory=dict)

    def pick(self, name: str, chosen, default=None):
        """The value chosen, else the file's, else the default."""
        for value, origin in (
            (chosen, COMMAND),
            (self.metadata.get(name), FILE),
            (default, DEFAULT),
        ):
            if value is not None:
                self.origin[name] = origin
                return value
        return None
