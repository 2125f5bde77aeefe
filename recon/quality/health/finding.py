"""One finding of the health report, and the report."""

from dataclasses import dataclass, field
from math import isfinite

import numpy as np

VERDICTS = "ok", "look", "bad"


@dataclass(frozen=True, eq=False)
class Finding:
    """One thing looked at.

    Attributes
    ----------
    name : str
        Such as "hot pixels".
    values : dict of str to (number, unit)
        What was measured.
    verdict : str
        "ok", "look" (worth a look) or "bad" (spoils results).
    meaning, advice : str
        One sentence each: what it means, and what to do; `advice` is empty where all is well.
    picture : array, optional
        Where it was found, (Ky, Kx), (Sy, Sx), a curve or a field (2, Sy, Sx), on the host.
    """

    name: str
    values: dict[str, tuple[float, str]]
    verdict: str
    meaning: str
    advice: str = ""
    picture: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class HealthReport:
    """All findings of a scan.

    Attributes
    ----------
    findings : tuple of Finding
    hot, dead : (Ky, Kx) bool arrays
        Detector pixels at fault, for `recon.treatment.mask.without`.
    pattern : (Ky, Kx) array
        Sum of the frames, on the host.
    totals : (Sy, Sx) array
        What each frame holds.
    """

    findings: tuple[Finding, ...]
    hot: np.ndarray = field(repr=False)
    dead: np.ndarray = field(repr=False)
    pattern: np.ndarray = field(repr=False)
    totals: np.ndarray = field(repr=False)

    def __getitem__(self, name: str) -> Finding:
        """The finding of this name."""
        return next(finding for finding in self.findings if finding.name == name)

    @property
    def summary(self) -> str:
        """One line: no problems, or the number of findings."""
        number = sum(finding.verdict != "ok" for finding in self.findings)
        if not number:
            return "No problems found."
        return f"{number} finding{'s' if number > 1 else ''}."

    def numbers(self) -> dict:
        """Everything but the pictures, for JSON; None for a number that the scan does not tell."""
        return {
            "summary": self.summary,
            "findings": [
                {
                    "name": f.name,
                    "verdict": f.verdict,
                    "values": {
                        k: {"value": v if isfinite(v) else None, "unit": u}
                        for k, (v, u) in f.values.items()
                    },
                    "meaning": f.meaning,
                    "advice": f.advice,
                }
                for f in self.findings
            ],
            "hot_pixels": np.argwhere(self.hot).tolist(),
            "dead_pixels": int(self.dead.sum()),
        }
