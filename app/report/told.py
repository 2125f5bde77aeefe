"""What `livestem reconstruct` says of what it has done."""

from collections.abc import Iterator, Mapping
from typing import Any

FOUND = "faulty_pixels", "undersampling", "current", "disc", "orientation"


def sentences(parameters: Mapping[str, Any]) -> Iterator[str]:
    """Sentences for the terminal from the `parameters` of a reconstruction."""
    yield parameters["statement"]
    yield from parameters["treatment"]["done"]
    yield from parameters["file"]["notes"]
    yield from parameters["contradictions"]
    from_file = [name for name, source in parameters["sources"].items() if source == "file"]
    if from_file:
        yield f"Taken from the file: {', '.join(from_file)}."
    for name in (*FOUND, "fit", "film", "wiener", "resolution", "device"):
        if statement := (parameters.get(name) or {}).get("statement"):
            yield statement
    fit = parameters["fit"] or {}
    if "semiangle" in fit:
        yield fit["semiangle"]["statement"]
    if "specimen" in fit:
        yield fit["specimen"]["statement"]
    if errors := fit.get("errors"):
        yield _fitted(parameters["aberrations"], errors)


def _fitted(values, errors) -> str:
    """Fitted coefficients with their standard errors, in a sentence."""
    # What `--help` would wait for.
    from app.words import spoken

    each = [f"{name} = {spoken(values[name], error, 'Å')}" for name, error in errors.items()]
    return f"Fitted: {', '.join(each)}."
