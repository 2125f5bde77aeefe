"""What was found in many scans, side by side: a row for each, and all of them as CSV."""

import csv
from collections.abc import Iterable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from recon.batch.many import Done
from recon.io.files.atomic import replacing

COLUMNS = {
    "scan": "",
    "state": "",
    "rows": "",
    "columns": "",
    "electrons": "",
    "dose": "e/Å²",
    "energy": "keV",
    "semiangle": "mrad",
    "step_y": "Å",
    "step_x": "Å",
    "rotation": "°",
    "rotation_error": "°",
    "transposed": "",
    "defocus": "nm",
    "defocus_error": "nm",
    "astigmatism": "nm",
    "flatness": "%",
    "resolution": "Å",
    "device": "",
    "seconds": "s",
    "warnings": "",
    "results": "",
}
"""Column -> its unit."""

WARNED = "faulty_pixels", "undersampling", "current"
CRITERION = "1/7"
"""Of the ring correlation, for the column `resolution`."""


def row(done: Done) -> dict[str, Any]:
    """The line of a scan: a value for each of COLUMNS, None where it is not known.

    Defocus is −C10, its error the standard error of the fit; the flatness is that of the phases
    after the fit; the resolution that of the Fourier ring correlation, where it was asked for.
    """
    line = dict.fromkeys(COLUMNS) | {
        "scan": done.scan.name,
        "state": done.state,
        "warnings": done.sentence,
    }
    if not done.parameters:
        return line
    known = done.parameters
    calibration, aberrations = known["calibration"], known["aberrations"]
    step_y, step_x = calibration["scan_sampling"]
    rows, columns = known["scan_shape"]
    fit, orientation = known["fit"] or {}, known["orientation"]
    c10_error = (fit.get("errors") or {}).get("C10")
    flatness = fit.get("flatness_after")
    return line | {
        "rows": rows,
        "columns": columns,
        "electrons": known["electrons"],
        "dose": known["electrons"] / (rows * columns * step_y * step_x),
        "energy": calibration["energy"] / 1e3,
        "semiangle": calibration["semiangle_cutoff"],
        "step_y": step_y,
        "step_x": step_x,
        "rotation": calibration["rotation_deg"],
        "rotation_error": orientation["rotation_error"],
        "transposed": calibration["transpose"],
        "defocus": -aberrations["C10"] / 10 + 0.0,
        "defocus_error": None if c10_error is None else c10_error / 10,
        "astigmatism": (aberrations["C12a"] ** 2 + aberrations["C12b"] ** 2) ** 0.5 / 10,
        "flatness": None if flatness is None else 100 * flatness,
        "resolution": (known.get("resolution") or {}).get(CRITERION),
        "device": known["device"]["used"],
        "seconds": known["batch"]["seconds"],
        "warnings": " ".join(_warnings(known)),
        "results": done.results.name,
    }


def _warnings(known: Mapping[str, Any]) -> Iterable[str]:
    yield from known["file"]["notes"]
    yield from known["contradictions"]
    for name in WARNED:
        if sentence := (known.get(name) or {}).get("statement"):
            yield sentence
    fit = known["fit"] or {}
    yield from fit.get("remarks") or ()
    if fit and not fit.get("errors"):
        yield fit["statement"]


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as CSV (UTF-8, a header with units), as spreadsheets and pandas read it.

    Raises
    ------
    OSError
        With one sentence for the user if the file cannot be written.
    """
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(f"{name} [{unit}]" if unit else name for name, unit in COLUMNS.items())
    for line in rows:
        writer.writerow(_plain(line[name]) for name in COLUMNS)
    content = text.getvalue().encode()
    with replacing(path, len(content)) as file:
        file.write(content)


def _plain(value):
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@"}:
        return f"'{value}"  # a spreadsheet would take it for a formula
    return f"{value:.6g}" if isinstance(value, float) else value
