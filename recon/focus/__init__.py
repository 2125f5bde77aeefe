"""Aberrations fitted to G, and how flat its tiles are."""
