"""Words that all parts of the page share."""

import logging
import os

import numpy as np

from recon.device.backend import DeviceError


def labels(frequencies, scan_shape, sampling) -> tuple[str, ...]:
    """The period of each object frequency in words."""
    extent = np.array(scan_shape) * np.array(sampling)
    q = np.linalg.norm(np.asarray(frequencies).reshape(-1, 2) / extent, axis=1)
    return tuple(length(1 / value) if value else "DC" for value in q)


def length(angstrom: float) -> str:
    """A length in three digits, in Å, nm or µm."""
    for unit, scale in (("µm", 1e4), ("nm", 10.0)):
        if angstrom >= 10 * scale:
            return f"{angstrom / scale:.3g} {unit}"
    return f"{angstrom:.3g} Å"


def clip(text, longest: int = 60) -> str:
    """A text that others gave, cut off where it is too long to be shown."""
    text = str(text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def why(error: Exception) -> str:
    """What kept a file of text from being read or written, in a few words."""
    return (getattr(error, "strerror", None) or "it is not text").lower()


def sentence(error: BaseException) -> str:
    """An error in one sentence for the user; what nobody expected goes to the log too."""
    if isinstance(error, MemoryError):
        return "There is not enough memory for this: crop or bin the scan, or take fewer pixels."
    if isinstance(error, ValueError | DeviceError) and str(error):
        return str(error)
    if isinstance(error, OSError):
        name = os.path.basename(str(error.filename or ""))
        why = error.strerror or str(error).rstrip(".")
        return f"{why}{f': {name}' if name else ''}."
    logging.getLogger(__name__).error("Unexpected failure", exc_info=error)
    return f"This failed unexpectedly ({type(error).__name__}: {error}); the log has the details."
