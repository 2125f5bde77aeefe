"""The scans a server offers: names that stand for files, never paths.

A page or a link can only name an entry; what is opened lies truly inside the data folder (after
links are followed) or is a file that was uploaded to this process.
"""

import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp
from threading import Lock

DEMO = "demo"

UPLOAD = "upload"

DEPTH, MOST = 4, 500
"""How deep folders are looked through, and how many scans are listed."""


@dataclass(frozen=True)
class Entry:
    """A scan on offer."""

    id: str
    title: str
    nbytes: int | None
    """Size of the file; None for the demonstration."""


class Catalogue:
    """Scans by name.

    Parameters
    ----------
    root : Path, optional
        Folder with scans, looked through four levels deep, or one file.
    """

    def __init__(self, root: Path | None = None):
        self._root = None if root is None else Path(root).resolve(strict=True)
        self._uploads: Path | None = None
        self._lock = Lock()

    @property
    def default(self) -> str:
        """What a page opens without being asked: the one file of the server, or the demo."""
        return self._root.name if self._root is not None and self._root.is_file() else DEMO

    def entries(self) -> tuple[Entry, ...]:
        """The demonstration and the scans of the folder, by name; uploads are not listed."""
        files = []
        if self._root is not None and self._root.is_file():
            files = [(self._root.name, self._root)]
        elif self._root is not None:
            files = self._walk()
        found = [Entry(DEMO, "Demonstration scan", None)]
        for name, path in files:
            try:
                found.append(Entry(name, name, path.stat().st_size))
            except OSError:  # gone meanwhile
                continue
        return tuple(found)

    def path(self, name: str) -> Path:
        """The file that `name` stands for.

        Raises
        ------
        ValueError
            If it stands for none, or for one outside the folder.
        """
        refusal = ValueError(f"“{_clip(name)}” is not among the scans that this server offers.")
        parts = PurePosixPath(name).parts
        if not parts or "\0" in name or "\\" in name or name.startswith("/") or ".." in parts:
            raise refusal
        if parts[0] == UPLOAD and self._uploads is not None:
            base, below = self._uploads, parts[1:]
        elif self._root is None:
            raise refusal
        elif self._root.is_file():
            if name != self._root.name:
                raise refusal
            return self._root
        else:
            base, below = self._root, parts
        try:
            path = base.joinpath(*below).resolve(strict=True)
        except (OSError, ValueError, RuntimeError):
            raise refusal from None
        # A comparison of parts, not of text: /data/rootX is not inside /data/root.
        if not path.is_relative_to(base) or not path.is_file() or not readable(path):
            raise refusal
        return path

    def title(self, name: str) -> str:
        """Short name for the head of the page."""
        return "demonstration" if name == DEMO else PurePosixPath(name).stem

    def stamp(self, name: str):
        """What changes when the file behind `name` is another one; keys what was read from it."""
        if name == DEMO:
            return DEMO
        path = self.path(name)
        found = path.stat()
        return str(path), found.st_mtime_ns, found.st_size

    def add_upload(self, filename: str, content: bytes) -> str:
        """Keep an uploaded file until the process ends; its name cannot be guessed.

        Raises
        ------
        ValueError
            If no reader takes files of this suffix.
        """
        short = PurePosixPath(filename.replace("\\", "/")).name
        if not short or short.startswith(".") or not readable(Path(short)):
            known = ", ".join(sorted(suffixes()))
            raise ValueError(f"“{_clip(short)}” is not a scan: choose a file that ends in {known}.")
        with self._lock:
            if self._uploads is None:
                self._uploads = Path(mkdtemp(prefix="livestem-")).resolve()
        token = secrets.token_urlsafe(12)
        folder = self._uploads / token
        folder.mkdir()
        (folder / short).write_bytes(content)
        return f"{UPLOAD}/{token}/{short}"

    def close(self) -> None:
        """Delete what was uploaded."""
        with self._lock:
            folder, self._uploads = self._uploads, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _walk(self) -> list[tuple[str, Path]]:
        found = []
        for folder, below, names in os.walk(self._root, followlinks=False):
            here = Path(folder)
            depth = len(here.relative_to(self._root).parts)
            below[:] = sorted(n for n in below if not n.startswith(".") and depth + 1 < DEPTH)
            for short in sorted(names):
                path = here / short
                if short.startswith(".") or not readable(path):
                    continue
                name = path.relative_to(self._root).as_posix()
                try:
                    found.append((name, self.path(name)))
                except ValueError:  # a link that leads out of the folder, or to nothing
                    continue
                if len(found) >= MOST:
                    return found
        return found


def suffixes() -> frozenset[str]:
    """Endings of the files that some reader takes, in lower case with their dot."""
    from recon.io import READERS

    return frozenset(suffix.lower() for reader in READERS for suffix in reader.SUFFIXES)


def readable(path: Path) -> bool:
    """Whether the name ends as a scan's does."""
    return path.suffix.lower() in suffixes()


def _clip(text: str, length: int = 60) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
