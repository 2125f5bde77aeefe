"""Settings kept under a name, in a file for each user.

A preset holds entries as an address has them (`app.state.link`). Whatever else writes the file at
the same time, other sessions or another process, no preset is lost and no half of a file is read.
"""

import json
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from threading import Lock

from app.words import why
from recon.locks import lock

KINDS = {"aberrations": "Aberrations only", "settings": "All but the scan"}
"""What a preset can hold."""

MOST = 100
"""Presets of one user."""
LONGEST = 60
"""Characters of a name."""
LARGEST = 1 << 20
"""Bytes of a file that is read."""

_one_at_a_time = Lock()


class PresetError(ValueError):
    """What cannot be done with presets, in one sentence."""


@dataclass(frozen=True)
class Preset:
    """What was set.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    query : dict of str to str
        Entries as an address has them.
    """

    kind: str
    query: dict[str, str] = field(default_factory=dict)


class Presets:
    """The presets of one user.

    Parameters
    ----------
    folder : Path or None
        Where the files of all users lie; None where none are kept.
    user : str or None
        None for everyone, where nobody has to log in.

    Notes
    -----
    Every method raises `PresetError` where it cannot do what it should.
    """

    def __init__(self, folder: Path | None, user: str | None = None):
        self._path = None if folder is None else folder / f"{_file_name(user)}.json"
        if folder is not None:
            _shut(folder)

    def all(self) -> dict[str, Preset]:
        """By name, in alphabetical order."""
        if self._path is None:
            return {}
        found = self._read()
        return dict(sorted(found.items(), key=lambda item: item[0].casefold()))

    def save(self, name: str, preset: Preset, overwrite: bool = False) -> str:
        """Keep `preset`; return its name as it is kept, without spaces around it."""
        name = checked_name(name)
        with self._changing() as presets:
            if name in presets and not overwrite:
                raise PresetError(f"There is a preset “{name}” already.")
            if name not in presets and len(presets) >= MOST:
                raise PresetError(f"There are {MOST} presets, which is the most: delete one first.")
            presets[name] = preset
        return name

    def delete(self, name: str) -> None:
        """Keep it no longer; one that is gone already is no failure."""
        with self._changing() as presets:
            presets.pop(name, None)

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Preset]]:
        """What is kept, to be changed; written when the block ends."""
        if self._path is None:
            raise PresetError("This server keeps no presets.")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            locked = self._path.with_suffix(".lock")
            with _one_at_a_time, open(locked, "a", opener=_own) as file:
                lock(file, wait=True)  # let go of when the file is closed
                presets = self._read()
                yield presets
                self._write(presets)
        except OSError as error:
            raise PresetError(f"The server cannot keep presets: {why(error)}.") from error

    def _read(self) -> dict[str, Preset]:
        try:
            with open(self._path, encoding="utf-8") as file:
                text = file.read(LARGEST + 1)
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeError) as error:
            raise PresetError(self._damaged(why(error))) from error
        if len(text) > LARGEST:
            raise PresetError(self._damaged(f"it is larger than {LARGEST >> 20} MB"))
        try:
            return {name: _preset(entry) for name, entry in json.loads(text)["presets"].items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise PresetError(self._damaged("it is damaged")) from error

    def _damaged(self, why: str) -> str:
        where = f"{self._path.parent.name}/{self._path.name}"
        return (
            f"The presets cannot be read: {why}. The file is {where} in the server's cache folder; "
            "move it away to begin anew."
        )

    def _write(self, presets: dict[str, Preset]) -> None:
        draft = self._path.with_name(f".{self._path.name}-{secrets.token_hex(8)}")
        content = {"presets": {name: asdict(preset) for name, preset in presets.items()}}
        try:
            with open(draft, "x", encoding="utf-8", opener=_own) as file:
                json.dump(content, file, ensure_ascii=False, indent=1)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, self._path)
        finally:
            draft.unlink(missing_ok=True)


def checked_name(name: str) -> str:
    """A preset's name, its spaces made single ones.

    Raises
    ------
    PresetError
        If it is empty, too long, or cannot be printed.
    """
    name = " ".join(str(name).split())
    if not name:
        raise PresetError("Give the preset a name.")
    if len(name) > LONGEST:
        raise PresetError(f"The name has {len(name)} characters; {LONGEST} are the most.")
    if not name.isprintable():
        raise PresetError("The name holds characters that cannot be printed.")
    return name


def _shut(folder: Path) -> None:
    """Keep other users of the machine out of a folder that an earlier version left open."""
    with suppress(OSError):  # not there yet, or not ours; what is written is ours alone
        if stat.S_IMODE(folder.stat().st_mode) & 0o077:
            folder.chmod(0o700)


def _own(path, flags) -> int:
    """Open a file that only its owner can read."""
    return os.open(path, flags, 0o600)


def _preset(entry) -> Preset:
    kind, query = entry["kind"], entry["query"]
    whole = kind in KINDS and all(
        isinstance(key, str) and isinstance(text, str) for key, text in query.items()
    )
    if not whole:
        raise ValueError
    return Preset(kind, dict(query))


def _file_name(user: str | None) -> str:
    """A file's name that no two users share, whatever they are called."""
    if user is None:
        return "everyone"
    readable = re.sub(r"[^A-Za-z0-9]+", "-", user).strip("-")[:24]
    return f"{readable}-{sha256(user.encode()).hexdigest()[:16]}"
