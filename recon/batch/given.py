"""What is given by hand or by the file, each with where it came from."""

from typing import Any

from recon.batch.choices import Choices
from recon.batch.geometry import Found
from recon.batch.settings import AUTO, Geometry
from recon.batch.sources import COMMAND, DEFAULT, ESTIMATE, FILE, Sources
from recon.optics import Aberrations


def given_geometry(sources: Sources, choices: Choices) -> Geometry:
    """What is given, by hand or by the file.

    Raises
    ------
    ValueError
        If beam or scan step are missing.
    """
    beam = _beam(sources, choices)
    # Whoever says how the axes lie means the angle, too.
    told = sources.metadata.get("rotation_deg") is not None or choices.transpose is not None
    auto = choices.rotation_deg == AUTO or (choices.rotation_deg is None and not told)
    turn = {}
    if not auto:
        turn = {
            "rotation_deg": float(sources.pick("rotation_deg", choices.rotation_deg, 0.0)),
            "transpose": bool(sources.pick("transpose", choices.transpose, False)),
        }
    return Geometry(
        **beam,
        auto_orientation=auto,
        **turn,
        fit_disc=choices.centre is None,
        centre=choices.centre,
        radius=choices.radius,
    )


def settle_sources(sources: Sources, geometry: Geometry, found: Found) -> None:
    """Where disc and orientation came from."""
    disc = COMMAND if not geometry.fit_disc else ESTIMATE if found.fitted else FILE
    sources.origin.update(centre=disc, radius=disc)
    if geometry.auto_orientation:
        turn = ESTIMATE if found.oriented else DEFAULT
        sources.origin.update(rotation_deg=turn, transpose=turn)


def _beam(sources: Sources, choices: Choices) -> dict[str, Any]:
    """Energy, semi-angle and scan step; one sentence names all that are missing."""
    values = {
        name: sources.pick(name, getattr(choices, name))
        for name in ("energy", "semiangle_cutoff", "scan_sampling")
    }
    options = {
        "energy": "beam energy (--energy-kev)",
        "semiangle_cutoff": "convergence semi-angle (--semiangle-mrad)",
        "scan_sampling": "scan step (--scan-step-angstrom)",
    }
    missing = [text for name, text in options.items() if values[name] is None]
    if missing:
        raise ValueError(
            f"The {' and the '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: "
            "the file does not say, so give it on the command line."
        )
    return values


def given_aberrations(sources: Sources, choices: Choices) -> Aberrations:
    """Coefficients given; zero else, see `Choices`."""
    sources.origin.update(dict.fromkeys(choices.aberrations, COMMAND))
    return Aberrations(**choices.aberrations)
