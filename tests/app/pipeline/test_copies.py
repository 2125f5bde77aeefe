"""Copies of what was saved: none takes another's place, and none is half of one."""

import errno
import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.pipeline import copies
from app.pipeline.copies import keep


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "made.h5"
    path.write_bytes(b"x" * 100_000)
    return path


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_all_who_save_in_one_second_have_a_copy_of_their_own(tmp_path, monkeypatch, links):
    if not links:

        def none(draft, copy):
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(copies.os, "link", none)
    folder = tmp_path / "results"
    sources = []
    for number in range(40):
        sources.append(tmp_path / f"{number}.h5")
        sources[-1].write_bytes(bytes([number]) * 1000)
    with ThreadPoolExecutor(16) as pool:
        kept = list(pool.map(lambda path: keep(path, folder, "scan_results", "anna"), sources))
    assert sorted(kept) == sorted(folder.iterdir())
    assert len(set(kept)) == 40
    for source, copy in zip(sources, kept, strict=True):
        assert copy.read_bytes() == source.read_bytes()


def test_a_copy_tells_who_saved_what_and_when(tmp_path, made):
    folder = tmp_path / "results"
    name = keep(made, folder, "scan_results", "Anna Müller@lab").name
    assert re.fullmatch(r"scan_results_Anna-Müller-lab_\d{8}-\d{6}\.h5", name)
    assert re.fullmatch(r"scan_results_\d{8}-\d{6}\.h5", keep(made, folder, "scan_results").name)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a/b", "..", "x" * 500, "薄膜" * 99, "é\0\n", ""]
)
def test_no_name_leads_out_of_the_folder(tmp_path, made, name):
    folder = tmp_path / "results"
    assert keep(made, folder, name, name).parent == folder
    assert len(list(folder.iterdir())) == 1


def test_a_copy_that_cannot_be_made_leaves_nothing(tmp_path, made, monkeypatch):
    def full(source, draft):
        draft.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(copies.shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space"):
        keep(made, tmp_path / "results", "scan")
    assert list((tmp_path / "results").iterdir()) == []
