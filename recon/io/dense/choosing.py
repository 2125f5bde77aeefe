"""Which of the arrays in a file is the scan."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import prod

import numpy as np

from recon.errors import ArrayUnknown, UnreadableFile
from recon.scan.frames import KINDS

OPTIONS = {"dataset": "which array is the scan, where there are several (/path/in/the/file)"}
"""Of the readers that choose."""
MOST_NAMED = 4
COUNTS = {2: "two", 5: "five", 6: "six", 7: "seven"}


@dataclass(frozen=True)
class Found:
    """An array in a file."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def size(self) -> int:
        """Its numbers."""
        return prod(self.shape)

    @property
    def words(self) -> str:
        """Its shape and type."""
        return f"{' × '.join(map(str, self.shape)) or 'a single value'}, {self.dtype}"

    @property
    def why_not(self) -> str:
        """Why it holds no frames, in words; empty where it may."""
        if self.dtype.kind == "c":
            return "complex numbers, and frames are intensities"
        if self.dtype.kind not in KINDS:
            return "nothing that frames could be of"
        if len(self.shape) in (3, 4):
            return ""
        number = COUNTS.get(len(self.shape), str(len(self.shape)))
        return f"{number} dimensions, and frames have three or four"


def chosen(
    arrays: Iterable[Found], asked, what: str, besides: Callable[[], list[str]] = list
) -> tuple[str, tuple[str, ...]]:
    """Name of the array that is the scan, and notes on others that could be.

    Parameters
    ----------
    arrays : iterable of Found
    asked : str or None
        Name of one of them; the largest that can hold frames, if not given.
    what : str
        Holds them, such as "HDF5 file".
    besides : callable
        Gives what there is but arrays, in words, where no array is found.

    Raises
    ------
    ArrayUnknown
        If several are equally large.
    UnreadableFile
        If none can hold frames, or not the one asked for.
    """
    arrays = list(arrays)
    frames = [array for array in arrays if not array.why_not]
    if asked is not None:
        asked = "/" + str(asked).strip("/")
        found = next((array for array in arrays if array.name == asked), None)
        if found is None:
            raise UnreadableFile(
                f"there is no array {asked} in the {what}{_holds(arrays, besides)}"
            )
        if found.why_not:
            raise UnreadableFile(f"{asked} holds no frames ({found.words}: {found.why_not})")
        return asked, ()
    if not frames:
        raise UnreadableFile(
            f"the {what} has no array of three or four dimensions for frames"
            f"{_holds(arrays, besides)}"
        )
    largest = max(array.size for array in frames)
    likely = [array for array in frames if array.size == largest]
    if len(likely) > 1:
        names = ", ".join(array.name for array in likely[:MOST_NAMED])
        raise ArrayUnknown(
            f"{len(likely)} arrays in the {what} are equally large ({names}"
            f"{', …' if len(likely) > MOST_NAMED else ''}): which is the scan? On the command line "
            f"it is chosen with --option dataset={likely[0].name}",
            [(array.name, array.words) for array in likely],
        )
    others = [a for a in frames if len(a.shape) == 4 and a.size > 1 and a is not likely[0]]
    if not others:
        return likely[0].name, ()
    more = ", ".join(f"{array.name} ({array.words})" for array in others[:MOST_NAMED])
    return likely[0].name, (
        f"The largest array, {likely[0].name}, is taken for the scan; there is {more} as well "
        f"(--option dataset={others[0].name}).",
    )


def _holds(arrays, besides):
    """What there is instead, in words."""
    named = [
        f"{array.name} ({': '.join(filter(None, (array.words, array.why_not)))})"
        for array in arrays
        if len(array.shape) > 1
    ]
    found = named[:MOST_NAMED] + (["…"] if len(named) > MOST_NAMED else []) + besides()
    return f"; there is {', '.join(found)}" if found else ""
