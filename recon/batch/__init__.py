"""The recipe from a scan to all its results, in steps."""
