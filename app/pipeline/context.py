"""The snapshot that a function works on which makes one result."""

from dataclasses import dataclass, field
from typing import Any

from app.pipeline.meter import Meter
from app.pipeline.prepared import Prepared, usable_sideband
from app.state.request import Request


def _untold() -> Meter:
    return Meter(lambda progress: None)


@dataclass(frozen=True, eq=False)
class Context:
    """What a job works on, all of it a snapshot."""

    engine: Any
    prepared: Prepared
    request: Request
    """As far as it can be met with what is prepared."""
    meter: Meter = field(default_factory=_untold)

    @property
    def g(self):
        """G on its sidebands, taken through the request's specimen.

        Raises
        ------
        ValueError
            While the calibration has gaps.
        """
        if self.prepared.sidebands is None:
            raise ValueError(
                f"There is no phase yet. Enter first: {', '.join(self.prepared.found.missing)}."
            )
        return self.prepared.g_of(self.request)

    @property
    def sideband(self) -> str:
        """The sidebands to sum, as far as G holds them."""
        return usable_sideband(self.g, self.request.sideband)
