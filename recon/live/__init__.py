"""Scans while they are made: rows come from a microscope, and what is shown grows with them."""
