"""Which files of a folder are offered as scans."""

import pytest

from recon.io import WRITERS
from recon.listing import DEPTH, SUFFIXES, readable, scans_below


def made(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_files_that_end_as_scans_do_are_found_folder_by_folder(tmp_path):
    made(tmp_path, "b.npz", "a.H5", "notes.txt", ".hidden.h5", "day/c.tpx3", ".trash/d.h5")
    found = [path.relative_to(tmp_path).as_posix() for path in scans_below(tmp_path)]
    assert found == ["a.H5", "b.npz", "day/c.tpx3"]


def test_folders_are_looked_through_so_deep_and_no_deeper(tmp_path):
    inside = [*("deep" for _ in range(DEPTH - 1))]
    made(tmp_path, "/".join([*inside, "a.h5"]), "/".join([*inside, "deep", "b.h5"]))
    assert [path.name for path in scans_below(tmp_path)] == ["a.h5"]


@pytest.mark.parametrize(("name", "may"), [("a.h5", True), ("a.MIB", True), ("a.txt", False)])
def test_the_end_of_the_name_tells(tmp_path, name, may):
    assert readable(tmp_path / name) is may


def test_what_livestem_writes_is_offered():
    assert {suffix for writer in WRITERS for suffix in writer.SUFFIXES} <= SUFFIXES
