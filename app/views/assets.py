"""Texts of scripts and style sheets."""

from functools import cache

from app.asset_folder import FOLDER


@cache
def asset(name: str) -> str:
    """Text of a file in `assets`."""
    return (FOLDER / name).read_text(encoding="utf-8")
