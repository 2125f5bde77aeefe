"""Compiled loops that decode what files hold."""
