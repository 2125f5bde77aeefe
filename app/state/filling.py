"""Whose a change of the state is, where it is no hand's."""

from contextlib import contextmanager

FOUND = "found"
"""By the pipeline, in the scan or its file."""
FOLLOWS = "follows"
"""From what a hand has just changed."""
CAME = "came"
"""With the microscope's next scan, which shows by itself."""
RESTORED = "restored"
"""Set as it was once, all of it: nothing follows."""


class Filling:
    """A state that others than the user change as well."""

    filling = ""
    """Whose the change under way is; empty for a hand's."""

    @contextmanager
    def fill(self, whose: str):
        """Mark changes as `FOUND`, `FOLLOWS`, `CAME` or `RESTORED`."""
        before, self.filling = self.filling, whose
        try:
            yield
        finally:
            self.filling = before
