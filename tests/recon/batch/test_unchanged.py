"""What results were made of: files beside the scan, whole contents, every setting."""

from threading import Event

from recon.batch.choices import Choices
from recon.batch.unchanged import belongings, contents, is_unchanged, key, stamps


def test_headers_and_parts_belong_to_a_scan_and_its_neighbours_do_not(tmp_path):
    for name in ("a.mib", "a.hdr", "ab.mib", "b.mib"):
        (tmp_path / name).write_bytes(b"x")
    assert [path.name for path in belongings(tmp_path / "a.mib")] == ["a.hdr", "a.mib"]


def test_all_files_of_a_folder_belong_to_it(tmp_path):
    inside = tmp_path / "a.zarr" / "c" / "0"
    inside.mkdir(parents=True)
    (inside / "0").write_bytes(b"x")
    assert list(stamps(tmp_path / "a.zarr")) == ["a.zarr/c/0/0"]


def test_each_byte_and_name_counts(tmp_path):
    path = tmp_path / "a.h5"
    seen = set()
    for content, beside in ((b"ab", b""), (b"a", b"b"), (b"", b"ab"), (b"ba", b"")):
        path.write_bytes(content)
        (tmp_path / "a.xml").write_bytes(beside)
        seen.add(contents(path))
    (tmp_path / "a.xml").rename(tmp_path / "a.hdr")
    seen.add(contents(path))
    assert len(seen) == 5


def test_a_checksum_that_was_stopped_is_no_scans(tmp_path):
    path = tmp_path / "a.h5"
    path.write_bytes(b"x")
    stop = Event()
    stop.set()
    assert contents(path, stop) != contents(path)


def test_each_setting_counts():
    keys = {
        key({"choices": choices})
        for choices in ({}, {"fit": True}, {"fit": None}, {"region": Choices().region})
    }
    assert len(keys) == 4
    assert key({"a": 1, "b": 2}) == key({"b": 2, "a": 1})


def test_without_a_record_everything_is_new(tmp_path):
    path = tmp_path / "a.h5"
    path.write_bytes(b"x")
    record = {"settings": "s", "stamps": stamps(path), "contents": contents(path)}
    assert is_unchanged(path, record, "s")
    assert not is_unchanged(path, record, "other")
    assert not is_unchanged(path, None, "s")
    path.write_bytes(b"y")
    assert not is_unchanged(path, record, "s")
