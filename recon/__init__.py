"""Reconstruction from 4D-STEM electron events: arrays in, arrays out.

No widget, no plot, no global state. Conventions: arrays are (row, column) = (y, x), y down;
lengths in Å, spatial frequencies in 1/Å, energies in eV, semi-angles and deflections in mrad,
phases in rad, angles of rotation in degrees where the name says so.
"""
