"""The centre-of-mass field integrated to a phase."""
