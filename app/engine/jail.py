"""Whether a path, and all that opening it would open, lies inside a folder.

A path is inside if it is so after every link was followed. Some scan files name others: HDF5 has
links, virtual and external datasets that point into other files (even such as are no HDF5 at all),
a description in TOML lists the files beside it. Opened on a server, each would show its author
whatever the server's user can read. So they may name nothing but what lies beside them.

What this cannot see: a hard link is the file itself, wherever else it has a name; and whoever may
write into the folder can put a link in a file's place between the look and the opening. Both need
the rights to write there, and a server that can read what they are after: give it its own user.
"""

import stat
import tomllib
from pathlib import Path, PurePosixPath

from app.words import clip
from recon.errors import UnreadableFile

LONGEST_TOML = 1 << 22
"""[bytes] of a description; what is longer is cut, and then refused by every reader of TOML."""

SIDE_FILES = frozenset({".xml", ".raw", ".hdr", ".mib"})
"""Endings of files that are opened with another: descriptions, and what they describe."""


class Outside(ValueError):
    """Something is not inside the folder; the message is for the user and names no path."""


def resolve_inside(base: Path, name: str) -> Path:
    """The ordinary file that the relative `name` stands for in `base`, links followed.

    Parameters
    ----------
    base : Path
        Without links, as `Path.resolve` gives it.
    name : str
        With forward slashes; no part may be hidden, `..`, or end the text early.

    Raises
    ------
    Outside
        If there is no such file inside.
    """
    parts = PurePosixPath(name).parts
    if (
        not parts
        or str(PurePosixPath(name)) != name
        or "\0" in name
        or "\\" in name
        or name.startswith("/")
        or any(part.startswith(".") for part in parts)
    ):
        raise Outside("no name of a file")
    try:
        path = base.joinpath(*parts).resolve(strict=True)
        status = path.stat()
    except (OSError, ValueError, RuntimeError):  # absent, unreadable, too long, a loop of links
        raise Outside("no such file") from None
    # A comparison of parts, not of text: /data/rootX is not inside /data/root.
    if not path.is_relative_to(base):
        raise Outside("not inside the folder")
    # A pipe would be waited for, and a device read, without end.
    if not stat.S_ISREG(status.st_mode):
        raise Outside("no ordinary file")
    return path


def check_contents(path: Path, base: Path) -> None:
    """Refuse a file that would have one outside of `base` opened with it.

    Raises
    ------
    Outside
        In one sentence, with the file's name.
    """
    # By content, as readers tell formats: a name says nothing.
    _check_toml(path, base)
    _check_hdf5(path)
    _check_beside(path, base)


def _check_toml(path: Path, base: Path) -> None:
    try:
        with open(path, "rb") as file:
            described = tomllib.loads(file.read(LONGEST_TOML).decode())
    except (OSError, ValueError, RecursionError):
        return  # the reader says what is wrong with it, and opens nothing
    for text in _texts(described):
        # A word without a dot or slash may well be a type of number; a file it can be all the same.
        if not _is_place(path.parent, text):
            continue
        beside = PurePosixPath(text).name == text
        try:
            if not beside:
                raise Outside(text)
            resolve_inside(base, (path.parent / text).relative_to(base).as_posix())
        except Outside:
            raise Outside(
                f"{path.name} names “{clip(text)}”, which is no file beside it: "
                "a server opens nothing else."
            ) from None


def _is_place(folder: Path, text: str) -> bool:
    """Whether a reader could open anything by this text."""
    if "\0" in text:
        return False
    try:
        return (folder / text).is_symlink() or (folder / text).exists()
    except OSError:
        return False


def _check_beside(path: Path, base: Path) -> None:
    """Refuse a scan of two files, EMPAD's or Merlin's, with a link out of the folder beside it."""
    try:
        with open(path, "rb") as file:
            described = file.read(256).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
        if not described and path.suffix.lower() not in SIDE_FILES:
            return
        beside = [other for other in path.parent.iterdir() if other.is_symlink()]
    except OSError:
        return
    for other in beside:
        # A description in XML may name any of them.
        opened = described or other.suffix.lower() in SIDE_FILES
        if opened and not other.resolve().is_relative_to(base):
            raise Outside(
                f"{path.name} lies beside {other.name}, a link out of the folder that would be "
                "opened with it: put the file itself there, or take the link away."
            )


def _texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _check_hdf5(path: Path) -> None:
    import h5py

    from recon.io.files.hdf5_walk import visit

    if not h5py.is_hdf5(path):
        return
    found = []

    def look_at_link(name, link):
        if link.type != h5py.h5l.TYPE_SOFT:
            found.append(name)
            return True
        return None

    def look_at_object(name, item):
        if isinstance(item, h5py.Dataset) and (
            item.external or (item.is_virtual and _sources(item) - {"."})
        ):
            found.append(name)
            return True
        return None

    try:
        with h5py.File(path, "r") as file:
            visit(file, look_at_object, look_at_link)
    except UnreadableFile as error:
        raise Outside(f"{path.name} cannot be looked through: {error}.") from error
    except Exception as error:  # h5py reports damage under any name
        raise Outside(f"{path.name} is damaged: it cannot be looked through.") from error
    if found:
        name = clip(found[0].encode("utf-8", "replace").decode())
        raise Outside(
            f"{path.name} keeps “{name}” in another file: "
            "a server opens nothing but the file itself. Copy its contents into one file."
        )


def _sources(dataset) -> set[str]:
    return {source.file_name for source in dataset.virtual_sources()}
