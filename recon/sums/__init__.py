"""Sums of electrons: detectors, PACBED, centre of mass."""
