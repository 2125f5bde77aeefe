"""Where scans come from, a module for each kind of camera."""
