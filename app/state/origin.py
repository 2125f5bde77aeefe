"""Where each calibration value comes from: the file, a link, a hand, a fit."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from app.state.scan import ScanState

FILE, LINK, ENTERED = "file", "link", "entered"


CARRIED = "the scan before"


FIT, ESTIMATED, UNKNOWN = "fit", "estimated from the data", "unknown"


ORIENTATION = ("rotation_deg", "transpose")


DISC = ("centre_y", "centre_x", "radius")


def from_metadata(metadata: Mapping[str, Any]) -> dict[str, float | bool]:
    """`ScanState`'s calibration values as far as a file's metadata has them, in its units."""
    known: dict[str, Any] = {}
    if (energy := metadata.get("energy")) is not None:
        known["energy_kev"] = energy / 1e3
    if (angle := metadata.get("semiangle_cutoff")) is not None:
        known["semiangle_mrad"] = angle
    if (sampling := metadata.get("scan_sampling")) is not None:
        known["scan_step_y"], known["scan_step_x"] = sampling
    if (centre := metadata.get("centre")) is not None:
        known["centre_y"], known["centre_x"] = centre
    if (radius := metadata.get("radius")) is not None:
        known["radius"] = radius
    if (rotation := metadata.get("rotation_deg")) is not None:
        # Any turn is the same as one within half a turn, which the control can show.
        rotation = float(rotation)
        known["rotation_deg"] = rotation if abs(rotation) <= 180 else (rotation + 180) % 360 - 180
        known["transpose"] = bool(metadata.get("transpose", False))
    return {
        name: value if name == "transpose" else float(value)
        for name, value in known.items()
        if name == "transpose" or _usable(name, value)
    }


def fill(scan: ScanState, metadata: Mapping[str, Any], sources: Mapping[str, str]) -> dict:
    """Fill `scan` for a newly opened file; return where each calibration value comes from.

    Values of a link stay, then those of the file count; what was entered by hand for the scan
    before stays where the file says nothing, and what the file before said does not. Where the
    orientation is unknown it is to be found from the data.
    """
    known = from_metadata(metadata)
    pinned = set(scan.pinned)
    if pinned.intersection(ORIENTATION):
        pinned.update(ORIENTATION)
    values, found = {}, {}
    for name in scan.CALIBRATION:
        if name in pinned:
            found[name] = sources.get(name, LINK)
        elif name in known:
            values[name], found[name] = known[name], FILE
        elif sources.get(name, UNKNOWN) not in (FILE, FIT, ESTIMATED, UNKNOWN):
            found[name] = sources[name]  # entered, of a link, of a lattice
        else:
            values[name], found[name] = scan.param[name].default, UNKNOWN
    if "auto_orientation" not in pinned:
        values["auto_orientation"] = found["rotation_deg"] == UNKNOWN
    scan.param.update(**values)
    scan.pinned, scan.settled = frozenset(), True
    return found


def carried(
    scan: ScanState, metadata: Mapping[str, Any], sources: Mapping[str, str]
) -> tuple[dict, dict]:
    """What changes of the calibration with the next scan of the same microscope.

    What the scan itself says counts. A rotation that was found in the one before stands: it
    belongs to the microscope.

    Returns
    -------
    values : dict
        Those that change, by their names in `scan`.
    sources : dict
        Where each calibration value comes from.
    """
    known, found = from_metadata(metadata), dict(sources)
    found |= dict.fromkeys(known, FILE)
    if scan.auto_orientation and found.get("rotation_deg") == ESTIMATED:
        found |= dict.fromkeys(ORIENTATION, CARRIED)
        known["auto_orientation"] = False
    elif "rotation_deg" in known:
        known["auto_orientation"] = False
    return known, found


def found_again(fit_disc: bool, auto_orientation: bool) -> tuple[str, ...]:
    """Calibration values that are found in the scan rather than set."""
    return (DISC if fit_disc else ()) + (ORIENTATION if auto_orientation else ())


def pins(scan: ScanState) -> frozenset[str]:
    """What a scan's file must not overwrite when `scan` was restored from an earlier moment."""
    found = found_again(scan.fit_disc, scan.auto_orientation)
    return frozenset({*scan.CALIBRATION, "auto_orientation"}.difference(found))


def _usable(name, value) -> bool:
    bounds = ScanState.param[name].bounds
    try:
        value = float(value)
    except (TypeError, ValueError):
        return False
    return isfinite(value) and bounds[0] <= value <= bounds[1]
