"""Sums of electrons: detectors, PACBED, centre of mass, of a scan of either kind."""

from recon.sums.either import annuli, centre_of_mass, intensity, pacbed, presets
from recon.sums.pattern import pattern_of

__all__ = ["annuli", "centre_of_mass", "intensity", "pacbed", "pattern_of", "presets"]
