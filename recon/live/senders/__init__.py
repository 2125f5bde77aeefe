"""Those who send as cameras do, a module for each kind."""
