"""The server's secrets: made once, kept beside the cache, so that sessions outlive a restart.

They sign sessions' names and login cookies, and encrypt what an OAuth provider tells. Whoever
knows them can pass for anyone, so the file is its owner's alone.
"""

import base64
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

FILE = "server-keys.json"


@dataclass(frozen=True)
class Keys:
    """Three secrets, each of 256 bits."""

    session: str
    cookie: str
    oauth: str
    """In URL-safe base64, as Fernet wants it."""

    def __repr__(self):
        return "Keys(…)"  # never into a log


def new_keys() -> Keys:
    """Secrets from the system's source of randomness."""
    fernet = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return Keys(secrets.token_hex(32), secrets.token_hex(32), fernet)


def kept_keys(folder: Path, warn: Callable[[str], None] = lambda sentence: None) -> Keys:
    """The secrets kept in `folder`, made there by the first who asks.

    Where they cannot be kept, or where others could have read them, `warn` is told in a sentence
    and the secrets are new ones.
    """
    path = folder / FILE
    try:
        known = read_keys(folder)
        if known is None:
            folder.mkdir(parents=True, exist_ok=True)
            known = _put(path, warn)
    except OSError as error:
        warn(
            f"The server's keys cannot be kept in {folder} ({error.strerror}): "
            "everybody has to reload the page, and to log in again, when the server restarts."
        )
        return new_keys()
    return known


def read_keys(folder: Path) -> Keys | None:
    """The secrets in `folder`; None where there are none that only their owner could read.

    Raises
    ------
    OSError
        If the file is there, but not for this user.
    """
    try:
        descriptor = os.open(folder / FILE, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return None
    with open(descriptor, encoding="utf-8") as file:
        status = os.fstat(descriptor)
        if os.name == "posix" and (status.st_mode & 0o077 or status.st_uid != os.geteuid()):
            return None
        try:
            values = json.load(file)
            known = Keys(**{field.name: values[field.name] for field in fields(Keys)})
        except (ValueError, KeyError, TypeError):  # cut short, or of another version
            return None
    whole = all(isinstance(value, str) and len(value) >= 44 for value in asdict(known).values())
    return known if whole else None


def _put(path: Path, warn) -> Keys:
    """New secrets, written to `path` unless another process was first."""
    keys = new_keys()
    draft = path.with_name(f".{FILE}-{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(keys), file)
        try:
            os.link(draft, path)  # unlike a renaming it never takes the place of another's
        except FileExistsError:
            known = read_keys(path.parent)
            if known is not None:
                return known
            warn(f"{path} was damaged, or others could read it: the server has new keys.")
            os.replace(draft, path)
        return keys
    finally:
        draft.unlink(missing_ok=True)
