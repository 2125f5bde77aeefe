"""A scan in memory: electron events or dense frames, and their encodings."""
