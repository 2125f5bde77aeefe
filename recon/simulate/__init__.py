"""Simulated scans with a known truth, and the demonstration."""
