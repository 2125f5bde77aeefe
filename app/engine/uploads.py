"""Files that browsers send: on the disk from their first byte, within one budget for all pages.

They lie in a folder of this process in the folder for temporary files, which is locked as long as
the process lives, however it ends: so the next server knows which folders are nobody's, and removes
them.
"""

import os
import re
import secrets
import shutil
import stat
import tempfile
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path, PurePosixPath
from threading import RLock
from time import monotonic, time

from app.words import clip
from recon.locks import lock

PREFIX = "livestem-uploads-"
"""Of the folder of a process."""
EXPORTS = "livestem-export-"
"""Of the folder in which a file to be saved is made."""
EXPORT_S = 3600.0
"""Which takes less than so many seconds."""
LOCK = ".lock"
"""The file in it that its process has locked."""
ARRIVING = ".arriving"
"""Name of a file until it is complete; no scan has a hidden name."""
MOST = 1000
"""Complete files, however small."""
STALLED_S = 120.0
"""After which a file of which nothing more has come gives way to others."""


class Refused(ValueError):
    """A file is not taken; the message is for the user and names no path."""


class Uploads:
    """Files of browsers, no longer than the process lives.

    Parameters
    ----------
    limit : int
        Bytes that all of them may take, those that are still on their way included. The oldest
        complete ones go when there is no room for a new one; 0 takes none.
    """

    def __init__(self, limit: int):
        self.limit = limit
        self.folder: Path | None = None
        self._lock = RLock()
        self._locked = None
        self._complete: OrderedDict[str, int] = OrderedDict()
        self._arriving: dict[str, Upload] = {}

    def begin(self, short: str, size: int = 0) -> "Upload":
        """Take a file of this name (fit for any disk), whose browser says that it has `size` bytes.

        Raises
        ------
        Refused
            If it is too large, or cannot be kept.
        """
        if not self.limit:
            raise Refused("This server takes no files: ask its owner to put yours into its folder.")
        self._check_size(short, size)
        token = secrets.token_hex(12)
        try:
            with self._lock:
                self._make_folder()
                (self.folder / token).mkdir()
            file = open(self.folder / token / ARRIVING, "wb", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise _not_kept(short, error) from error
        upload = self._arriving[token] = Upload(self, token, short, file)
        return upload

    def claim(self, upload: "Upload", size: int) -> None:
        """Count `size` more bytes of a file, or refuse them; see `Upload.write`."""
        with self._lock:
            self._check_size(upload.name, upload.size + size)
            while (others := self._total()) + size > self.limit:
                if not self._drop_one(upload):
                    raise Refused(
                        f"“{clip(upload.name)}” was not taken: uploads of other pages fill "
                        f"{(others - upload.size) / 1e9:.3g} of this server's "
                        f"{self.limit / 1e9:.3g} GB. Try again later, or ask its owner to put "
                        "the file into its folder."
                    )
            upload.size += size

    def keep(self, upload: "Upload") -> None:
        """Count a file as complete from now on."""
        with self._lock:
            self._arriving.pop(upload.token, None)
            self._complete[upload.token] = upload.size
            while len(self._complete) > MOST:
                self.drop(next(iter(self._complete)))

    def drop(self, token: str) -> None:
        """Remove a file, complete or not."""
        with self._lock:
            arriving = self._arriving.pop(token, None)
            self._complete.pop(token, None)
            folder = self.folder
        if arriving is not None:
            arriving.file.close()
        if folder is not None:
            shutil.rmtree(folder / token, ignore_errors=True)

    def close(self) -> None:
        """Remove all files."""
        with self._lock:
            for token in [*self._arriving, *self._complete]:
                self.drop(token)
            folder, self.folder = self.folder, None
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(self._locked)

    def _total(self):
        return sum(self._complete.values()) + sum(u.size for u in self._arriving.values())

    def _drop_one(self, but):
        """Remove what has to give way to another file first; False if nothing has."""
        stalled = [
            token
            for token, other in self._arriving.items()
            if other is not but and monotonic() - other.heard > STALLED_S
        ]
        oldest = next(iter([*self._complete, *stalled]), None)
        if oldest is not None:
            self.drop(oldest)
        return oldest is not None

    def _check_size(self, short, size):
        if size > self.limit:
            raise Refused(
                f"“{clip(short)}” is larger than the {self.limit / 1e9:.3g} GB that this "
                "server takes: ask its owner to put the file into its folder."
            )

    def _make_folder(self):
        if self.folder is None:
            # Under another name until it is locked: none that is there without a lock is in use.
            made = Path(tempfile.mkdtemp(prefix=f".{PREFIX}")).resolve()
            self._locked = os.open(made / LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            lock(self._locked, wait=True)
            self.folder = made.rename(made.with_name(made.name[1:]))


class Upload:
    """A file on its way from a browser.

    Attributes
    ----------
    name : str
    size : int
        Bytes that have arrived.
    """

    def __init__(self, uploads: Uploads, token: str, name: str, file):
        self.token, self.name, self.file, self.size = token, name, file, 0
        self.heard = monotonic()
        self._uploads = uploads

    def write(self, piece: bytes) -> None:
        """Append a piece.

        Raises
        ------
        Refused
            If it has no room; then the file is removed.
        """
        self.heard = monotonic()
        try:
            self._uploads.claim(self, len(piece))
            rest = memoryview(piece)
            while rest:
                rest = rest[self.file.write(rest) :]
        except Refused:
            self.drop()
            raise
        except (OSError, ValueError) as error:  # the disk is full, or it had to give way
            self.drop()
            raise _not_kept(self.name, error) from error

    def finish(self) -> str:
        """Keep it while there is room, under a name that cannot be guessed: "token/name".

        Raises
        ------
        Refused
            If it cannot be kept.
        """
        try:
            self.file.close()
            path = Path(self.file.name)
            path.rename(path.with_name(self.name))
        except OSError as error:
            self.drop()
            raise _not_kept(self.name, error) from error
        self._uploads.keep(self)
        return f"{self.token}/{self.name}"

    def drop(self) -> None:
        """Remove it."""
        self._uploads.drop(self.token)


def remove_leftovers() -> None:
    """Remove what this user's processes left that were killed: uploads, and half-made exports."""
    there = Path(tempfile.gettempdir())
    for folder in [*there.glob(f"{PREFIX}*"), *there.glob(f"{EXPORTS}*")]:
        with suppress(OSError):
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode):
                continue
            if os.name == "posix" and found.st_uid != os.getuid():
                continue
            if folder.name.startswith(PREFIX):
                _remove_unlocked(folder)
            elif time() - found.st_mtime > EXPORT_S:
                shutil.rmtree(folder)


def _remove_unlocked(folder):
    descriptor = os.open(folder / LOCK, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    try:
        if lock(descriptor):
            shutil.rmtree(folder)
    finally:
        os.close(descriptor)


def short_name(filename: str) -> str:
    """The last part of a file's name from a browser, fit for any disk."""
    name = PurePosixPath(filename.replace("\\", "/")).name
    name = re.sub(r"[^\w .()+,=@-]", "_", name).lstrip(". ")
    stem, suffix = Path(name).stem, Path(name).suffix
    return f"{stem.encode()[:150].decode(errors='ignore')}{suffix}" if len(suffix) < 10 else name


def _not_kept(short, error):
    why = getattr(error, "strerror", None) or "nothing of it came for a while"
    return Refused(f"“{clip(short)}” could not be kept: {why}.")
