"""Where the project lies, and what may lie beside it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
"""Real scans and format samples; tests that want them skip where they are absent."""
