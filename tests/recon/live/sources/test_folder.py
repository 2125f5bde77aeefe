"""Scans that appear in a folder."""

import shutil

import numpy as np
import pytest

from recon.io import write_events
from recon.live.source import Began, Block, Ended, LiveError
from recon.live.sources import folder
from recon.live.sources.folder import Folder
from tests.support.strategies import dense
from tests.support.streams import ended, heard, scans_of, sentences, some_scan


@pytest.fixture
def watched(tmp_path):
    made = tmp_path / "scans"
    made.mkdir()
    write_events(made / "old.npz", some_scan(seed=9))
    return made


@pytest.fixture
def source(watched):
    made = Folder(watched, quiet=0.5)
    yield made
    made.close()


def test_scans_that_appear_are_given_and_those_before_are_not(source, watched):
    scans = [some_scan(seed=n) for n in range(3)]
    write_events(watched / "a.h5", scans[0])
    write_events(watched / "b.toml", scans[1])
    (watched / "within").mkdir()
    write_events(watched / "within" / "c.npz", scans[2])
    found = scans_of(heard(source, ended(3)))
    sums = {end.notes[0]: counts for _, counts, end in found}
    for name, scan in zip(("a.h5", "b.toml", "c.npz"), scans, strict=True):
        np.testing.assert_array_equal(sums[f"Taken from {name}."], dense(scan))
    assert source.poll(1.0) == []


def test_a_file_that_is_copied_slowly_is_waited_for(source, watched, tmp_path):
    scan = some_scan((30, 20))
    write_events(tmp_path / "a.npz", scan)
    data = (tmp_path / "a.npz").read_bytes()
    with open(watched / "a.npz", "wb", buffering=0) as file:
        for part in range(4):
            file.write(data[part * len(data) // 4 : (part + 1) * len(data) // 4])
            assert source.poll(0.2) == []
    ((_, counts, _),) = scans_of(heard(source, ended()))
    np.testing.assert_array_equal(counts, dense(scan))


def test_a_scan_is_given_in_pieces_and_to_its_end_when_closed(source, watched, monkeypatch):
    monkeypatch.setattr(folder, "PIECE", 50)
    scan = some_scan()
    write_events(watched / "a.npz", scan)
    messages = heard(source, lambda m: sum(isinstance(b, Block) for b in m) == 1)
    assert isinstance(messages[0], Began)
    messages += source.close()
    assert sum(isinstance(m, Block) for m in messages) > 2
    ((_, counts, end),) = scans_of(messages)
    np.testing.assert_array_equal(counts, dense(scan))
    assert isinstance(end, Ended)


def test_what_is_no_scan_is_passed_over_and_what_is_damaged_is_told(source, watched, tmp_path):
    (watched / "notes.txt").write_text("C10 was -12 nm")
    (watched / "a.unfinished.toml").write_text("[params]\nfiletype = 'raw_csr'")
    write_events(tmp_path / "a.toml", some_scan())
    shutil.copy(tmp_path / "a.toml", watched)
    messages = heard(source, lambda m: sentences(m))
    messages += source.poll(1.0)
    assert len(messages) == 1
    assert sentences(messages)[0].startswith("a.toml: its file a.indptr.raw: No such file")


def test_frames_that_are_no_events_are_told(source, watched):
    np.save(watched / "a.npy", np.full((2, 2, 4, 4), 0.5))
    messages = heard(source, sentences)
    assert sentences(messages) == ["a.npy holds frames that are no events; it is left out."]


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(LiveError, match="There is no folder"):
        Folder(tmp_path / "none")


def test_without_its_library_it_says_what_to_install(watched, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "watchfiles", None)
    with pytest.raises(LiveError, match=r"needs watchfiles.*livestem\[live\]"):
        Folder(watched)
