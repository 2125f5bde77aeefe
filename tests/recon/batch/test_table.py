"""The table of many scans: numbers by hand, and a file that spreadsheets read."""

import csv
from pathlib import Path

import pytest

from recon.batch.many import Done
from recon.batch.table import COLUMNS, row, write_csv
from tests.support.batched import PARAMETERS


def test_a_row_says_what_was_found_in_units_of_its_head():
    line = row(Done(Path("day/a.h5"), Path("out/a.h5"), "done", PARAMETERS))
    assert set(line) == set(COLUMNS)
    assert line["dose"] == pytest.approx(5000 / (200 * 0.125))  # e / Å²
    assert (line["defocus"], line["defocus_error"]) == pytest.approx((12.0, 0.2))  # nm, -C10
    assert line["astigmatism"] == pytest.approx(5.0)  # nm
    assert line["flatness"] == pytest.approx(53.0)  # %
    assert (line["rotation"], line["rotation_error"], line["transposed"]) == (-12.0, 0.5, True)
    assert (line["energy"], line["resolution"], line["seconds"]) == (80.0, 0.9, 1.5)
    assert line["warnings"] == "The last row is cut. 3 hot pixels."
    assert (line["scan"], line["results"]) == ("a.h5", "a.h5")


def test_what_is_not_known_stays_empty():
    line = row(Done(Path("a.h5"), Path("a.h5"), "failed", {}, "No disc."))
    assert line["warnings"] == "No disc."
    empty = [name for name, value in line.items() if value is None]
    assert set(empty) == set(COLUMNS) - {"scan", "state", "warnings"}
    unfitted = row(Done(Path("a.h5"), Path("a.h5"), "done", PARAMETERS | {"fit": None}))
    assert unfitted["flatness"] is unfitted["defocus_error"] is None


def test_a_fit_that_was_refused_warns():
    fit = {"flatness_after": 0.1, "statement": "Nothing was changed."}
    line = row(Done(Path("a.h5"), Path("a.h5"), "done", PARAMETERS | {"fit": fit}))
    assert line["warnings"].endswith("Nothing was changed.")


def test_the_file_is_read_back_whole(tmp_path):
    lines = [
        row(Done(Path('a, "b".h5'), Path("a.h5"), "done", PARAMETERS)),
        row(Done(Path("=1+1.h5"), Path("b.h5"), "failed", {}, "Two\nlines.")),
    ]
    write_csv(tmp_path / "table.csv", lines)
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert first["scan"] == 'a, "b".h5'
    assert float(first["defocus [nm]"]) == pytest.approx(12.0)
    assert second["warnings"] == "Two\nlines."
    assert second["electrons"] == ""
    assert second["scan"] == "'=1+1.h5"  # no formula
