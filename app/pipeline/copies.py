"""Copies of what is saved in a page, in the server's own folder of results.

Whoever saves, and however many do at the same moment, no copy takes the place of another, and
none is seen under its name before it is whole.
"""

import os
import re
import secrets
import shutil
from datetime import datetime
from itertools import count
from pathlib import Path


def keep(made: Path, folder: Path, stem: str, user: str | None = None) -> Path:
    """Keep a copy of the file `made` in `folder`; return where it lies.

    It is called `stem`, then who saved it, when, and from the second of a moment on a number.

    Raises
    ------
    OSError
        If it cannot be kept; nothing is left of it then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = [_plain(stem), _plain(user or ""), f"{datetime.now():%Y%m%d-%H%M%S}"]
    name = "_".join(filter(None, parts))
    draft = folder / f".{secrets.token_hex(8)}.part"
    try:
        shutil.copyfile(made, draft)
        for number in count(1):
            copy = folder / f"{name}{f'_{number}' if number > 1 else ''}{made.suffix}"
            try:
                _name(draft, copy)
            except FileExistsError:
                continue
            return copy
    finally:
        draft.unlink(missing_ok=True)


def _name(draft: Path, copy: Path) -> None:
    """Give the file `draft` the name `copy`; `FileExistsError` where another has it."""
    try:
        os.link(draft, copy)  # unlike a renaming it never takes the place of another's
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: take the name first, then fill it
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        try:
            os.replace(draft, copy)
        except OSError:
            copy.unlink()
            raise


def _plain(text: str) -> str:
    """The same in characters that every file system takes, and none that leads elsewhere."""
    plain = re.sub(r"[^\w.-]+", "-", text).strip("-.")
    return plain.encode()[:90].decode(errors="ignore")  # names of files end at 255 bytes
