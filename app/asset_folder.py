"""Where scripts, style sheets and pages lie: in the package, or beside it in a checkout."""

from pathlib import Path

_IN_PACKAGE = Path(__file__).resolve().with_name("assets")
_BESIDE = _IN_PACKAGE.parents[1] / "assets"

# Where links are not kept, as on Windows, the one in the package is no folder.
FOLDER = _IN_PACKAGE if _IN_PACKAGE.is_dir() else _BESIDE
