"""Readers of others: a detector's own format, brought by a package or registered by a program.

A reader is a module, or any object, with

    NAME             what the format is called, in words
    matches(path)    whether a file is of this format, by its content; path is a `pathlib.Path`
    read(path)       the scan: an array, (array, metadata), `ElectronEvents` or `DenseFrames`
    SUFFIXES         optional: endings of its files, such as (".toy",), which the page then lists
    OPTIONS          optional: what `read` takes besides, name to one line of explanation

An array has the dimensions (y, x, ky, kx), or (frames, ky, kx); anything with `shape` and `dtype`
that is sliced as NumPy's arrays are will do, and is read in slabs. Metadata are those of
`recon.io.metadata`. A package names its reader as an entry point of the group `livestem.readers`.
"""

from functools import cache
from importlib.metadata import entry_points

from recon.errors import UnreadableFile

GROUP = "livestem.readers"
NEEDED = ("NAME", "matches", "read")

_registered: list = []


def register_reader(reader):
    """Have `recon.open_scan` ask a reader before its own ones.

    Parameters
    ----------
    reader : module or object
        With NAME, `matches(path)` and `read(path)`; SUFFIXES and OPTIONS if it likes: see the text
        of `recon.readers`. One of the same NAME that was registered before is replaced.

    Returns
    -------
    The reader, so that this can decorate a class whose methods are static.

    Raises
    ------
    ValueError
        If it lacks one of these.
    """
    if lacks := [name for name in NEEDED if not hasattr(reader, name)]:
        raise ValueError(
            f"{_called(reader)} is no reader: it has no {' and no '.join(lacks)}. "
            "A reader has NAME, matches(path) and read(path)."
        )
    _registered[:] = [one for one in _registered if one.NAME != reader.NAME]
    _registered.insert(0, reader)
    return reader


def foreign_readers() -> tuple[tuple, tuple[str, ...]]:
    """The readers of others, those registered last first; and sentences on what failed to load."""
    brought, failures = _installed()
    return (*_registered, *brought), failures


@cache
def _installed():
    """What installed packages bring, once a process."""
    found, failures = [], []
    for entry in entry_points(group=GROUP):
        try:
            reader = entry.load()
            if lacks := [name for name in NEEDED if not hasattr(reader, name)]:
                raise AttributeError(f"it has no {' and no '.join(lacks)}")
        except Exception as error:  # whatever a package of others raises
            package = entry.dist.name if entry.dist else entry.value
            failures.append(
                f"The reader {entry.name!r} of the package {package} could not be loaded "
                f"({type(error).__name__}: {error})."
            )
        else:
            found.append(reader)
    return tuple(found), tuple(failures)


def reader_of(path) -> tuple[object | None, tuple[str, ...]]:
    """The reader of others that takes a file, or None; and sentences on readers that failed."""
    readers, failures = foreign_readers()
    for reader in readers:
        try:
            if reader.matches(path):
                return reader, failures
        except Exception as error:  # whatever a reader of others raises
            what = f"({type(error).__name__}: {error})"
            failures += (f"The reader {reader.NAME} failed when it looked at {path.name} {what}.",)
    return None, failures


def suffixes() -> frozenset[str]:
    """Endings of the files of all these readers, in lower case with their dot."""
    readers, _ = foreign_readers()
    return frozenset(s.lower() for reader in readers for s in getattr(reader, "SUFFIXES", ()))


def said(reader, error: Exception) -> UnreadableFile:
    """What a reader of others raised, as an error that names the reader."""
    if isinstance(error, UnreadableFile):
        return error
    text = str(error) or "it says no more"
    return UnreadableFile(f"the reader {reader.NAME} failed ({type(error).__name__}: {text})")


def _called(reader) -> str:
    return getattr(reader, "NAME", None) or getattr(reader, "__name__", None) or repr(reader)
