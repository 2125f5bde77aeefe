"""Whether a file is still what it was when it was opened."""

import os
import stat
from pathlib import Path

from recon.errors import Cancelled, Changed


def stamp(path) -> tuple[int, int, int] | None:
    """What changes with a file's contents: inode, time of the last change [ns], size.

    Of a folder the inode alone; None where there is neither.
    """
    try:
        found = os.stat(path)
    except OSError:
        return None
    if stat.S_ISDIR(found.st_mode):
        return found.st_ino, 0, 0
    return found.st_ino, found.st_mtime_ns, found.st_size


def check(path, known, of=None, cause: Exception | None = None) -> None:
    """Raise `Changed` if a file is no longer what it was.

    Parameters
    ----------
    path : path-like
    known : what `stamp` gave for it
    of : str, optional
        Name of the file that a user opened, if it is another one.
    cause : Exception, optional
        What the change has led to.
    """
    found = stamp(path)
    if found == known:
        return
    name = Path(path).name
    which = "the file" if of in (None, name) else f"its file {name}"
    what = "was removed" if found is None else "changed"
    raise Changed(
        f"{of or name}: {which} {what} while it was open; open it again once it is complete."
    ) from cause


class Unchanged:
    """As a context: what is done within it raises `Changed` if a file was changed meanwhile.

    Whatever else was raised then is likely to be a consequence, and is replaced. It may be entered
    again and again, and by several threads: the files must stay as they were at the beginning.

    Parameters
    ----------
    *paths : path-like
        The first one gives the name in the sentence.
    """

    def __init__(self, *paths):
        self.name = Path(paths[0]).name
        self._stamps = {path: stamp(path) for path in paths}

    def also(self, paths) -> "Unchanged":
        """Itself, for further files too, as they are now."""
        self._stamps |= {path: stamp(path) for path in paths}
        return self

    def __enter__(self):
        self._check(None)
        return self

    def __exit__(self, kind, error, trace):
        if kind is None or (issubclass(kind, Exception) and not issubclass(kind, Cancelled)):
            self._check(error)

    def _check(self, error):
        for path, known in self._stamps.items():
            check(path, known, self.name, error)
