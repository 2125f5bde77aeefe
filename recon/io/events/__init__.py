"""Files of electron events, a module a format."""
