"""Readers of others: registered or brought by a package, and what is said when they fail."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

import recon
from app.engine.catalogue import Catalogue
from recon import readers
from recon.errors import Cancelled, Changed, ScanUnknown, UnreadableFile
from recon.io import is_scan
from recon.simulate.demo import simulate_nanotube
from tests.support.paths import ROOT

GUIDE = (ROOT / "assets/guide/python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch):
    """No reader outlives its test."""
    monkeypatch.setattr(readers, "_registered", [])
    readers._installed.cache_clear()
    yield
    readers._installed.cache_clear()


@pytest.fixture
def toy(tmp_path):
    """A file of the guide's format, and its frames: most of 0, some of more than low counts."""
    frames = np.random.default_rng(5).integers(0, 3, (4, 5, 6, 7)).astype("<u2")
    path = tmp_path / "mine.toy"
    shape = np.array(frames.shape, "<u4")
    path.write_bytes(b"TOY1" + shape.tobytes() + frames.tobytes())
    return path, frames


def reader(read, matches=lambda path: path.suffix == ".toy", **more):
    """A registered reader."""
    return recon.register_reader(SimpleNamespace(NAME="Toy", matches=matches, read=read, **more))


def test_the_guides_tour_runs_from_top_to_bottom(toy, tmp_path, monkeypatch):
    _, frames = toy
    events = simulate_nanotube(scan_shape=(64, 64), frame_shape=(64, 64), dose=4e3)
    recon.write_events(tmp_path / "scan.h5", events)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    names = {"__name__": "guide"}
    for block in BLOCKS:
        exec(compile(block, "python.md", "exec"), names)
    assert names["phase"].shape == names["dpc"].shape == names["dark"].shape == (64, 64)
    # Electrons that the toy's frames count, whichever way they are kept.
    np.testing.assert_array_equal(recon.pacbed(names["scan"]), frames.sum((0, 1)))
    assert names["scan"].metadata["energy"] == 200e3
    assert names["scan"].source.format.startswith("Toy detector")


def test_the_guides_reader_has_at_most_15_lines():
    (block,) = (block for block in BLOCKS if "register_reader" in block)
    assert len([line for line in block.splitlines() if line.strip()]) <= 15


def test_a_package_brings_its_reader(toy, tmp_path, monkeypatch):
    path, _ = toy
    place = tmp_path / "site"
    place.mkdir()
    (place / "toy_detector.py").write_text(
        "import numpy as np\n"
        "NAME, SUFFIXES = 'Packed toy', ('.TOY',)\n"
        "def matches(path):\n    return path.read_bytes()[:4] == b'TOY1'\n"
        "def read(path):\n    return np.ones((2, 3, 4, 5), 'u1')\n"
    )
    made = place / "toy_detector-1.dist-info"
    made.mkdir()
    (made / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-detector\nVersion: 1\n")
    (made / "entry_points.txt").write_text(f"[{readers.GROUP}]\ntoy = toy_detector\n")
    monkeypatch.syspath_prepend(place)
    scan = recon.open_scan(path)
    assert scan.scan_shape == (2, 3)
    assert recon.pacbed(scan).sum() == 2 * 3 * 4 * 5
    assert scan.source.format.startswith("Packed toy")
    assert is_scan(path)
    # The page lists it.
    assert [entry.id for entry in Catalogue(tmp_path).entries() if entry.id != "demo"] == [
        "mine.toy"
    ]


def test_a_package_that_cannot_be_loaded_is_named_and_hinders_nobody(tmp_path, monkeypatch):
    place = tmp_path / "site"
    made = place / "broken_detector-1.dist-info"
    made.mkdir(parents=True)
    (made / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-detector\nVersion: 1\n")
    (made / "entry_points.txt").write_text(f"[{readers.GROUP}]\nbad = no_such_module_there\n")
    monkeypatch.syspath_prepend(place)
    np.save(tmp_path / "frames.npy", np.ones((2, 3, 4, 5), np.uint8))
    scan = recon.open_scan(tmp_path / "frames.npy")
    assert recon.pacbed(scan).sum() == 120
    assert any("'bad' of the package broken-detector" in note for note in scan.source.notes)
    (tmp_path / "other.xyz").write_bytes(b"nothing known")
    with pytest.raises(UnreadableFile, match=r"no known format .* broken-detector could not be"):
        recon.open_scan(tmp_path / "other.xyz")


def test_what_a_reader_raises_is_a_sentence_that_names_it(toy):
    def read(path):
        raise KeyError("n_frames")

    reader(read)
    with pytest.raises(UnreadableFile) as refusal:
        recon.open_scan(toy[0])
    assert str(refusal.value) == "mine.toy: the reader Toy failed (KeyError: 'n_frames')."


def test_a_reader_that_gives_no_scan_is_named(toy):
    reader(lambda path: None)
    with pytest.raises(UnreadableFile, match=r"reader Toy failed .* gave a NoneType, neither"):
        recon.open_scan(toy[0])


def test_what_fails_when_frames_are_read_names_the_reader(toy):
    class Torn:
        shape, dtype = (200, 200, 64, 64), np.dtype(np.float32)

        def __getitem__(self, index):
            raise EOFError("the tape has ended")

    reader(lambda path: Torn())
    with pytest.raises(UnreadableFile, match=r"reader Toy failed \(EOFError: the tape has ended"):
        recon.pacbed(recon.open_scan(toy[0]))


def test_a_reader_that_fails_to_look_does_not_hinder_another(tmp_path):
    def matches(path):
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")

    reader(lambda path: None, matches)
    np.save(tmp_path / "frames.npy", np.ones((2, 3, 4, 5), np.uint8))
    scan = recon.open_scan(tmp_path / "frames.npy")
    assert recon.pacbed(scan).sum() == 120
    assert any("reader Toy failed when it looked at frames.npy" in n for n in scan.source.notes)


def test_frames_in_a_row_are_asked_about_and_taken_as_told(toy):
    reader(lambda path: np.ones((12, 4, 5), np.uint8))
    with pytest.raises(ScanUnknown) as question:
        recon.open_scan(toy[0])
    assert (3, 4) in question.value.shapes
    assert str(question.value).startswith("mine.toy: ")
    assert recon.open_scan(toy[0], scan_shape=(3, 4)).scan_shape == (3, 4)


def test_electrons_come_as_they_are_and_fill_the_shape_that_is_asked_for(toy):
    given = recon.from_frames([[0], [1, 2], [], [3]], (2, 2), (2, 2))
    reader(lambda path: given)
    scan = recon.open_scan(toy[0])
    np.testing.assert_array_equal(scan.pixels, [0, 1, 2, 3])
    assert (scan.source.name, scan.source.format) == ("mine.toy", "Toy")
    assert recon.open_scan(toy[0], scan_shape=(1, 4)).scan_shape == (1, 4)
    with pytest.raises(UnreadableFile, match=r"4 frames do not fill a scan of 3 × 3"):
        recon.open_scan(toy[0], scan_shape=(3, 3))


def test_electrons_beside_the_detector_are_refused(toy):
    reader(lambda path: recon.from_frames([[0, 7]], (1, 1), (2, 2)))
    with pytest.raises(UnreadableFile, match=r"mine\.toy: .*"):
        recon.open_scan(toy[0])


def test_a_reader_is_told_only_what_it_names(toy):
    told = {}

    def read(path, gain=1):
        told["gain"] = gain
        return np.ones((2, 3, 4, 5), np.uint8)

    reader(read, OPTIONS={"gain": "counts of one electron"})
    recon.open_scan(toy[0], gain=2, dataset=None)
    assert told == {"gain": 2}
    with pytest.raises(UnreadableFile, match=r"Toy knows no option dataset \(its options: gain\)"):
        recon.open_scan(toy[0], dataset="/a")


def test_a_reader_can_be_stopped_and_a_file_that_changes_is_missed(toy):
    def stopped(path):
        raise Cancelled

    reader(stopped)
    with pytest.raises(Cancelled):
        recon.open_scan(toy[0])
    reader(lambda path: np.full((2, 3, 4, 5), 1000, np.uint16))
    scan = recon.open_scan(toy[0])
    toy[0].write_bytes(b"TOY1 anew")
    with pytest.raises(Changed, match=r"mine\.toy: the file changed while it was open"):
        recon.pacbed(scan)


def test_what_is_no_reader_is_refused_and_one_of_the_same_name_replaced():
    with pytest.raises(ValueError, match="numpy is no reader: it has no NAME and no matches"):
        recon.register_reader(np)
    first, second = (SimpleNamespace(NAME="Toy", matches=None, read=None) for _ in range(2))
    recon.register_reader(first)
    recon.register_reader(second)
    assert readers.foreign_readers()[0] == (second,)
