"""Compiled loops for the CPU that have no twin on a GPU."""
