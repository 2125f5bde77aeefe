"""Marks for functions that make a result only where something shows it.

    @with_phase("obf")
    def optimum_bright_field(context: Context) -> LabelledImage: ...

    @at_rest("frc", "Correlating two halves of the electrons", key)
    def correlated(context: Context) -> Chart: ...

Whatever carries one is made under its topic; `app.pipeline.makers` names the modules that hold
such functions, and `app.state.contrasts` says how a slot shows the result.
"""

from collections.abc import Callable
from dataclasses import dataclass

from app.pipeline.context import Context
from app.state.request import Request

Make = Callable[[Context], object]


@dataclass(frozen=True)
class Extra:
    """One result made at rest.

    Attributes
    ----------
    title : str
        What the status line says meanwhile.
    key : callable
        `key(request)`: what the result depends on besides what is prepared.
    make : callable
        `make(context)` gives what is told under the topic, on a worker's thread.
    needs_phase : bool
        Whether it needs G, and so a complete calibration.
    """

    title: str
    key: Callable[[Request], object]
    make: Make
    needs_phase: bool = True


EXTRAS: dict[str, Extra] = {}
"""What is made at rest, by topic."""

WITH_PHASE: dict[str, Make] = {}
"""What a redraw makes besides the phase, by topic."""


def at_rest(topic: str, title: str, key: Callable[[Request], object]) -> Callable[[Make], Make]:
    """Have the function make `topic` at rest; the arguments are those of `Extra`."""

    def mark(make: Make) -> Make:
        EXTRAS[topic] = Extra(title, key, make)
        return make

    return mark


def with_phase(topic: str) -> Callable[[Make], Make]:
    """Have the function make `topic` in a redraw, with the phase."""

    def mark(make: Make) -> Make:
        WITH_PHASE[topic] = make
        return make

    return mark


def phase_key(request: Request) -> tuple:
    """What a phase, and all that is made like it, depends on besides G."""
    return request.aberrations, request.sideband, request.band_limit
