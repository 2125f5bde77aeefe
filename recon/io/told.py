"""What a reader is told beyond the scan's shape, and what none of them reads."""

from pathlib import Path

from recon.errors import UnreadableFile

MATLAB = b"MATLAB 5.0 MAT-file"
"""How files of MATLAB's versions 5 to 7 begin."""


def refuse_matlab(path: Path) -> None:
    """Refuse a file of MATLAB that is no HDF5, by its name."""
    if path.is_file():
        with open(path, "rb") as file:
            if file.read(len(MATLAB)) == MATLAB:
                raise UnreadableFile(
                    "it is a MATLAB file of version 5, which is not read: save the array with "
                    "-v7.3, its axes (kx, ky, x, y)"
                )


def checked(options, reader) -> dict:
    """The options that were given, all of them known to the reader.

    Parameters
    ----------
    options : mapping of str to value
        Those that are None count as not given.
    reader : module
        Its OPTIONS are known, if it has any.

    Raises
    ------
    UnreadableFile
        If the reader does not know one of them.
    """
    known = getattr(reader, "OPTIONS", {})
    given = {name: value for name, value in options.items() if value is not None}
    if unknown := sorted(set(given) - set(known)):
        names = ", ".join(known) or "none"
        raise UnreadableFile(
            f"{reader.NAME} knows no option {', '.join(unknown)} (its options: {names})"
        )
    return given
