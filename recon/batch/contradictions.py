"""Values in use that are not what the file says."""

from collections.abc import Mapping
from typing import Any

from recon.batch.settings import Geometry
from recon.optics import Aberrations

NAMES = {
    "beam energy": "keV",
    "semi-angle": "mrad",
    "scan step along y": "Å",
    "scan step along x": "Å",
    "scan rotation": "°",
}
"""What may contradict the file, in words, and its unit."""

AGREEMENT = 0.01
"""Of a value, by which it may differ from the file's without a word."""

ROTATION_DEG = 0.5
"""Less than a rotation is ever known to."""


def contradictions(
    geometry: Geometry, metadata: Mapping[str, Any], aberrations: Aberrations | None = None
) -> list[str]:
    """One sentence for each value in use that is not what the file says.

    Parameters
    ----------
    geometry : Geometry
        What was entered; what is None there, and a rotation that was found, contradicts nothing.
    metadata : mapping
        As `recon.io.metadata` gives it.
    aberrations : Aberrations, optional
        Those in use, where they were not found in the data.
    """
    rotation = None if geometry.auto_orientation else geometry.rotation_deg
    mine = geometry.energy, geometry.semiangle_cutoff, *geometry.scan_sampling, rotation
    theirs = (
        metadata.get("energy"),
        metadata.get("semiangle_cutoff"),
        *(metadata.get("scan_sampling") or (None, None)),
        metadata.get("rotation_deg"),
    )
    sentences = []
    for (words, unit), used, said in zip(NAMES.items(), mine, theirs, strict=True):
        if None in (used, said):
            continue
        if unit == "°":
            # Any turn is the same as one within half a turn.
            said = said if abs(said) <= 180 else (said + 180) % 360 - 180
            differs = abs((used - said + 180) % 360 - 180) > ROTATION_DEG
        else:
            differs = abs(used - said) > AGREEMENT * abs(said)
        if differs:
            scale = 1e-3 if unit == "keV" else 1.0
            sentences.append(
                f"The {words} is {scale * used:.5g} {unit}, but the file says "
                f"{scale * said:.5g} {unit}."
            )
    if aberrations is not None:
        sentences += _of_aberrations(aberrations, metadata.get("aberrations") or {})
    return sentences


def _of_aberrations(used: Aberrations, said: Mapping[str, float]) -> list[str]:
    differing = {
        name: value
        for name, value in said.items()
        if abs(getattr(used, name) - value) > AGREEMENT * abs(value)
    }
    if not differing:
        return []
    mine = ", ".join(f"{name} = {getattr(used, name):.5g}" for name in differing)
    theirs = ", ".join(f"{name} = {value:.5g}" for name, value in differing.items())
    return [f"The aberrations in use are {mine} Å, but the file says {theirs} Å."]
