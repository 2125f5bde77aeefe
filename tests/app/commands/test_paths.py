import os

import pytest

from app.commands import paths


@pytest.mark.parametrize("check", [paths.input_file, paths.scan_file])
def test_what_is_absent_is_named(check, tmp_path):
    with pytest.raises(ValueError, match=r"^There is no file .*absent\.h5\.$"):
        check(tmp_path / "absent.h5")


def test_a_folder_may_be_a_scan_but_no_other_input(tmp_path):
    assert paths.scan_file(tmp_path) == tmp_path
    for check in (paths.input_file, paths.output_file):
        with pytest.raises(ValueError, match="is a folder: name a file in it"):
            check(tmp_path)


def test_an_output_is_looked_at_before_any_work_and_leaves_nothing(tmp_path):
    source = tmp_path / "scan.npz"
    source.write_bytes(b"x")
    assert paths.output_file(tmp_path / "new.h5", source=source) == tmp_path / "new.h5"
    assert os.listdir(tmp_path) == ["scan.npz"]
    with pytest.raises(ValueError, match=r"There is no folder .*nowhere to write new\.h5 in"):
        paths.output_file(tmp_path / "nowhere/new.h5")
    with pytest.raises(ValueError, match="is a device"):
        paths.output_file(paths.Path(os.devnull))
    (tmp_path / "link.npz").symlink_to(source)
    with pytest.raises(ValueError, match="Input and output are the same file"):
        paths.output_file(tmp_path / "link.npz", source=source)


def test_a_report_is_html_and_not_the_results(tmp_path):
    source, results = tmp_path / "scan.npz", tmp_path / "r.html"
    with pytest.raises(ValueError, match=r"would be no report: give it a name in \.html or \.pdf"):
        paths.report_file(tmp_path / "r.txt", source, results)
    with pytest.raises(ValueError, match="Results and report are the same file"):
        paths.report_file(results, source, results)


def test_events_go_by_their_suffix(tmp_path):
    assert paths.events_file(tmp_path / "a.npz") == tmp_path / "a.npz"
    with pytest.raises(ValueError, match=r"no known format: give it a name in .*\.npz"):
        paths.events_file(tmp_path / "a.jpg")
