"""Loops over arrays, compiled by Numba; imported only by the algorithms above them."""
