"""Values to pixels: pure functions, no widget and no state."""
