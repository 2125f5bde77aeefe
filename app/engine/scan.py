"""The electrons that are in use, as the stages hand them to each other."""

from dataclasses import dataclass

import numpy as np

from app.engine.treatment import Step
from app.state.request import Reading, Region, Treatment
from recon.live.growth import Growth
from recon.scan.kinds import ScanData

NOTHING = Treatment()


@dataclass(frozen=True, eq=False)
class Treated:
    """Electrons as they are used, and what was done to them."""

    events: ScanData
    steps: tuple[Step, ...]


@dataclass(frozen=True, eq=False)
class Scan:
    """The events in use, and the key under which everything made of them is remembered."""

    key: tuple
    events: ScanData
    whole: ScanData
    """The scan as read, before anything was done to it (the same object where nothing was)."""
    region: Region
    treatment: Treatment = NOTHING
    steps: tuple[Step, ...] = ()
    """What was done to the electrons."""
    kept: object = None
    """What the store finds again for as long as this scan is held."""
    reading: Reading | None = None
    """The file, where nothing was done to what it holds."""
    growth: Growth | None = None
    """Of a scan that is being made: what follows its rows, where it is used as it comes."""
    rows: np.ndarray | None = None
    """(Sy,) bool: rows in use that have come, while the scan is made; None for all of them."""

    @property
    def growing(self) -> bool:
        """Whether more rows are to come."""
        return self.rows is not None
