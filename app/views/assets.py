"""Scripts and style sheets that lie beside the packages."""

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "assets"


@cache
def asset(name: str) -> str:
    """Text of a file in `assets`."""
    return (FOLDER / name).read_text(encoding="utf-8")
