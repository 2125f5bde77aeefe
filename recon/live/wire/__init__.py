"""What goes over the line, to and fro, a module for each kind of camera."""
