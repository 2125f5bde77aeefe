"""Marks for functions that make a result only where something shows it.

    @with_phase
    def obf(context: Context) -> LabelledImage: ...

    @at_rest("Correlating two halves of the electrons", key)
    def frc(context: Context) -> Chart: ...

Whatever carries one makes the result of its own name, a parameter of `Drawing` or of `Resting`;
`app.pipeline.makers` names the modules that hold such functions, and `app.state.contrasts` says
how a slot shows the result.
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
        `make(context)` gives the result, on a worker's thread.
    """

    title: str
    key: Callable[[Request], object]
    make: Make


EXTRAS: dict[str, Extra] = {}
"""What is made at rest, by result."""

WITH_PHASE: dict[str, Make] = {}
"""What a redraw makes besides the phase, by result."""


def at_rest(title: str, key: Callable[[Request], object]) -> Callable[[Make], Make]:
    """Have the function make a result at rest; the arguments are those of `Extra`."""

    def mark(make: Make) -> Make:
        EXTRAS[make.__name__] = Extra(title, key, make)
        return make

    return mark


def with_phase(make: Make) -> Make:
    """Have the function make a result in a redraw, with the phase."""
    WITH_PHASE[make.__name__] = make
    return make


def phase_key(request: Request) -> tuple:
    """What a phase, and all that is made like it, depends on besides G."""
    return request.aberrations, request.specimen, request.sideband, request.band_limit
