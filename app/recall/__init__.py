"""Steps back and forth, moments to compare with, presets."""
