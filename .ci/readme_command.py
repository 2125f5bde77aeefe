"""Print the command that README.md gives to `run` livestem, or to `test` it.

The README marks each by a comment `<!-- command: run -->` above its block.
"""

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"


def command(name: str, text: str | None = None) -> str:
    """The block below the mark `name`."""
    text = README.read_text(encoding="utf-8") if text is None else text
    found = re.search(rf"<!-- command: {name} -->\s+```\w*\n(.+?)\n```", text, re.DOTALL)
    if not found:
        raise SystemExit(f"ci: README.md gives no command marked {name!r}")
    return found[1]


if __name__ == "__main__":
    print(command(sys.argv[1]))
