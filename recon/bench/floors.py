"""The least that each stage has to move through a device's memory: what its time is held against.

Each number is a floor, not an account: what could stay in a cache or be recomputed is left out,
each input is read once and each output is written once. A time over `floor_ms` of these bytes
says how far a stage is from what the memory allows.
"""

COUNT = 1
"""Bytes of a count: frames of the reference work hold fewer than 256 electrons."""


def floor_ms(moved: float, bytes_per_second: float) -> float:
    """Time to move so many bytes [ms]."""
    return 1e3 * moved / bytes_per_second


def events_bytes(electrons: int, positions: int) -> int:
    """One pass over the events in compact form: four bytes an electron, eight a position."""
    return 4 * electrons + 8 * (positions + 1)


def binning_bytes(electrons: int, positions: int, planes: int) -> int:
    """Events read once, the counts of so many planes written once."""
    return events_bytes(electrons, positions) + COUNT * planes * positions


def centre_of_mass_bytes(electrons: int, positions: int) -> int:
    """Events read once, a field of two components written once."""
    return events_bytes(electrons, positions) + 8 * positions


def redraw_bytes(entries: int, entry_bytes: int, scan) -> int:
    """Entries read once; the spectrum written and read, the image written once."""
    rows, columns = scan
    return entry_bytes * entries + 2 * 8 * rows * (columns // 2 + 1) + 4 * rows * columns


def build_bytes(electrons: int, scan, planes: int, entries: int, entry_bytes: int) -> int:
    """Events once; counts and transform of each plane written and read; entries written once."""
    rows, columns = scan
    plane = 2 * COUNT * rows * columns + 2 * 8 * rows * (columns // 2 + 1)
    return events_bytes(electrons, rows * columns) + planes * plane + entry_bytes * entries


def dpc_bytes(scan, grid) -> int:
    """One iteration of `recon.dpc.integrate.integrate_com` on a padded `grid` (Py, Px).

    The residual's two components are read, transformed along x for the scan's rows and along y
    for the grid's, and combined to one spectrum; its inverse is written for the scan's rows and
    read twice, to measure the step and to take it; residual and phase are read and written.
    """
    rows, columns = scan
    height, half = grid[0], grid[1] // 2 + 1
    spectra = 8 * half * (2 * 2 * rows + 2 * 2 * height + 2 * height + 2 * rows)
    update = 3 * 4 * rows * grid[1]
    return 8 * rows * columns + spectra + update + 2 * (8 + 4) * rows * columns
