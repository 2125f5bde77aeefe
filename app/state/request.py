"""The frozen snapshot that a computation works from, cut where the stages are cut.

Each part is hashable and keys the results that depend on it, so that moving the defocus cannot
make anything stale but the images made with it. Units are `recon`'s.
"""

from dataclasses import dataclass, field
from typing import Any

from recon.batch.choices import DEFAULTS
from recon.batch.settings import Annulus, Dpc, Geometry, Region, Treatment
from recon.optics import Aberrations
from recon.specimen import THIN, Specimen


@dataclass(frozen=True)
class Reading:
    """Which scan, as it comes from the file."""

    dataset: str
    keep_flyback: str = "auto"
    """"auto", "keep" or "drop"."""
    scan_shape: tuple[int, int] | None = None
    """(rows, columns) of positions, for a file that does not say, or not rightly."""
    dwell_time: float | None = None
    """Time at each position [s], for a recording that knows no positions."""
    trigger: str | None = None
    """Edge that begins a line of such a recording."""
    array: str | None = None
    """Name of an array in a file of several."""

    def options(self) -> dict[str, Any]:
        """What the reader of the file is to be told."""
        told = {"dwell_time": self.dwell_time, "trigger": self.trigger, "dataset": self.array}
        keep = {"auto": None, "keep": True, "drop": False}[self.keep_flyback]
        told = {name: value for name, value in told.items() if value is not None}
        return {"keep_flyback": keep, "scan_shape": self.scan_shape} | told


@dataclass(frozen=True)
class Noise:
    """What is done about noise in what is shown, and never in what is saved."""

    wiener: bool = False
    """Whether the phase is weighted by what each frequency tells."""
    method: str = "total variation"
    """Of denoising, one of `recon.quality.denoise.METHODS`."""
    strength: float = 1.0
    """Of denoising, in units of the counting noise."""
    upsample: int = 1
    """Pixels of the tilt-corrected bright field to a scan step."""


@dataclass(frozen=True)
class TileChoice:
    """How many G tiles, and which; empty `frequencies` are the strongest."""

    count: int = 9
    frequencies: tuple[tuple[int, int], ...] = ()

    def within(self, scan_shape: tuple[int, int]) -> list[tuple[int, int]]:
        """Those (row, column) from DC that a scan has, and that are not DC."""
        last_row, last_column = (size // 2 for size in scan_shape)
        return [
            (row, column)
            for row, column in self.frequencies[: self.count]
            if abs(row) <= last_row and abs(column) <= last_column and (row, column) != (0, 0)
        ]


@dataclass(frozen=True)
class Request:
    """Everything that decides what is computed."""

    reading: Reading
    region: Region = field(default_factory=Region)
    treatment: Treatment = field(default_factory=Treatment)
    geometry: Geometry = field(default_factory=Geometry)
    bright_field_pixels: int = DEFAULTS.pixels_across
    aberrations: Aberrations = field(default_factory=Aberrations)
    specimen: Specimen = THIN
    sideband: str = DEFAULTS.sideband
    band_limit: float = DEFAULTS.band_limit
    """Share of 2 k0 up to which frequencies are shown."""
    annulus: Annulus = field(default_factory=Annulus)
    dpc: Dpc = field(default_factory=Dpc)
    tiles: TileChoice = TileChoice()
    noise: Noise = Noise()
