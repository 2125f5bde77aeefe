"""Hann's window, and what it does to noise."""

HANN = 1 + 2 * (4 / 9 + 1 / 36)
"""Frequencies along an axis that a Hann window makes one independent number of."""
