"""A folder that is there in full or not at all."""

from io import BytesIO
from zipfile import ZipFile

import h5py
import numpy as np
import pytest

from recon.handover.folder import PROGRAMS, files, write_folder, zipped
from recon.scan.frames import of_array
from tests.support.handed_over import SHAPE, start

FRAME = (24, 27)


@pytest.fixture
def begun():
    return start(transpose=True, frame=FRAME, centre=(11.3, 13.8))


@pytest.mark.parametrize("kind", PROGRAMS)
def test_the_archive_holds_what_the_folder_holds(tmp_path, begun, kind):
    write_folder(tmp_path / "out", kind, begun)
    with ZipFile(BytesIO(zipped(kind, begun))) as archive:
        packed = {name.split("/")[1]: archive.read(name) for name in archive.namelist()}
    here = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert here.keys() == packed.keys() == files(kind, begun).keys()
    told = here["README.txt"].decode()
    assert PROGRAMS[kind] in told
    assert "33°" in told
    assert "axes swapped" in told
    assert "frames.h5 is not here" in told
    assert f"--to {kind}" in told


def test_frames_are_written_besides(tmp_path, begun):
    ones = np.ones((*SHAPE, *FRAME), np.float32)
    write_folder(tmp_path / "out", "quantem", begun, 2, of_array(ones))
    with h5py.File(tmp_path / "out/frames.h5") as file:
        assert (file["data"][()] == 4).all()
    assert "frames.h5, dataset data" in (tmp_path / "out/README.txt").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_with_files_stays_as_it_is(tmp_path, begun):
    (tmp_path / "mine.txt").write_text("here")
    with pytest.raises(OSError, match="is there already: name a new or an empty folder"):
        write_folder(tmp_path, "abtem", begun)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_nothing_half_written_stays(tmp_path, begun):
    with pytest.raises(ValueError, match="give the results of this scan"):
        write_folder(tmp_path / "out", "abtem", begun, 1, of_array(np.ones((2, 2, *FRAME))))
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_program_is_refused(begun):
    with pytest.raises(ValueError, match="handed over to ptyrad, quantem, py4dstem, abtem, not"):
        files("excel", begun)
