"""What results of a scan were made of, so that what is done and unchanged is not done again."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Any

from recon.io.files.unchanged import stamp

LENGTH = 16
"""Bytes of a checksum: two scans out of 10¹⁸ share one by chance."""

BLOCK = 1 << 22


def belongings(path: Path) -> list[Path]:
    """The file of a scan, and what lies beside it under its name: headers, side files, parts.

    A folder, as of Zarr, is all that is in it.
    """
    beside = (each for each in path.parent.iterdir() if each.name.startswith(f"{path.stem}."))
    found = []
    for each in sorted({path, *beside}):
        inside = each.rglob("*") if each.is_dir() else (each,)
        found += sorted(file for file in inside if file.is_file())
    return found


def stamps(path: Path) -> dict[str, list[int]]:
    """Time of the last change [ns] and size of all that belongs to a scan, by name."""
    return {
        each.relative_to(path.parent).as_posix(): list(stamp(each) or ())[1:]
        for each in belongings(path)
    }


def contents(path: Path, stop: Event | None = None) -> str:
    """A checksum of the bytes of all that belongs to a scan, as hexadecimal digits (BLAKE2b).

    Parameters
    ----------
    path : Path
    stop : Event, optional
        Ends it early once it is set; what it then gives is no checksum of anything.

    Raises
    ------
    OSError
        If a file cannot be read.
    """
    whole = hashlib.blake2b(digest_size=LENGTH)
    for each in belongings(path):
        whole.update(each.relative_to(path.parent).as_posix().encode())
        whole.update(each.stat().st_size.to_bytes(8))
        with each.open("rb") as file:
            while (part := file.read(BLOCK)) and not (stop and stop.is_set()):
                whole.update(part)
    return whole.hexdigest()


def key(settings: Mapping[str, Any]) -> str:
    """A checksum of all settings, as hexadecimal digits: of `repr` for what JSON does not know."""
    text = json.dumps(settings, sort_keys=True, default=repr)
    return hashlib.blake2b(text.encode(), digest_size=LENGTH).hexdigest()


def is_unchanged(path: Path, record: Mapping[str, Any] | None, settings: str) -> bool:
    """Whether a scan and the settings are still those of `record`.

    Files that were not touched are not read again; those that were are, as a copy is the same scan.

    Parameters
    ----------
    path : Path
        The scan.
    record : mapping or None
        With `settings`, `stamps` and `contents`, as they were.
    settings : str
        The `key` of today's.
    """
    if not record or record.get("settings") != settings:
        return False
    return record.get("stamps") == stamps(path) or record.get("contents") == contents(path)
