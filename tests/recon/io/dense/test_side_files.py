"""A `.dm4` beside a scan gives what the scan does not say; contradictions are told, not trusted."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon.errors import UnreadableFile
from recon.io import open_events, open_frames, open_scan, write_events
from recon.io.dense.digitalmicrograph import images
from recon.io.dense.side_files import side_file, with_side_file
from tests.support.dm_files import MICROSCOPE, image, write_dm
from tests.support.scans import write_4dcamera

HAADF = np.arange(30, dtype="<f4").reshape(5, 6)


def scan(path, **metadata):
    """A scan of 5 × 6 positions, the last column of which is flyback."""
    return write_4dcamera(path, [[n] for n in range(30)], (5, 6), flyback=True, **metadata)


def beside(path, shape=(5, 6), scale=(0.02, 0.03), version=4, **tags):
    return write_dm(
        path, image(np.zeros(shape, "<f4"), scale, **(MICROSCOPE | tags)), version=version
    )


@pytest.mark.parametrize(
    ("events", "dm"),
    [
        ("data_scan0000000012_electrons.h5", "scan12.dm4"),
        ("data_scan12_th4_electrons.h5", "scan12.dm4"),
        ("virus.h5", "virus.dm3"),
        ("virus.h5", "scan.dm4"),
    ],
)
def test_what_the_microscope_recorded_is_taken_with_where_it_stands(tmp_path, events, dm):
    path = scan(tmp_path / events)
    beside(tmp_path / dm, version=3 if dm.endswith("3") else 4)
    found = open_scan(path)
    metadata = found.metadata
    assert metadata["energy"] == 80e3
    assert metadata["camera_length"] == pytest.approx(0.135)
    assert metadata["dwell_time"] == pytest.approx(12e-6)
    assert metadata["scan_rotation_deg"] == 90.0
    assert metadata["scan_sampling"] == pytest.approx((0.2, 0.3))  # nm, y before x
    assert "rotation_deg" not in metadata  # the detector's is another matter
    assert metadata["origins"]["energy"] == f"{dm}: Microscope Info.Voltage"
    assert metadata["origins"]["scan_sampling"] == f"{dm}: scale of the image"
    assert found.source.notes == ()
    assert found.scan_shape == (5, 5)


def test_the_file_of_the_same_number_comes_before_that_of_any_scan(tmp_path):
    path = scan(tmp_path / "data_scan12.h5")
    for name in ("scan.dm4", "scan12.dm4", "scan1.dm4", "scan120.dm4"):
        beside(tmp_path / name)
    assert side_file(path).name == "scan12.dm4"
    assert side_file(tmp_path / "scan12.dm4") is None
    assert side_file(tmp_path) is None


def test_another_shape_than_the_scans_is_told_and_gives_no_step(tmp_path):
    path = scan(tmp_path / "a.h5")
    beside(tmp_path / "a.dm4", shape=(10, 12))
    found = open_events(path)
    (note,) = found.source.notes
    assert note.startswith("a.dm4 shows 10 × 12 positions, the scan has 5 × 5")
    assert "scan_sampling" not in found.metadata
    assert found.metadata["energy"] == 80e3


def test_what_the_scans_own_file_says_counts_and_the_difference_is_told(tmp_path):
    path = scan(tmp_path / "a.h5", energy=300e3, scan_sampling=(0.2, 0.3))
    beside(tmp_path / "a.dm4", scale=(0.02, 0.0302))
    found = open_events(path)
    assert (found.metadata["energy"], found.metadata["scan_sampling"]) == (300e3, (0.2, 0.3))
    (note,) = found.source.notes
    assert note == (
        "a.dm4 states a beam energy of 80 keV, the scan's own file 300 keV, which is taken."
    )
    beside(tmp_path / "a.dm4", scale=(0.02, 0.04))
    assert "a scan step of 0.2 × 0.4 Å" in " ".join(open_events(path).source.notes)


def test_frames_have_their_side_file_too(tmp_path):
    np.save(tmp_path / "a.npy", np.full((5, 6, 7, 8), 0.5, np.float32))
    beside(tmp_path / "a.dm4")
    found = open_scan(tmp_path / "a.npy")
    assert found.metadata["scan_sampling"] == pytest.approx((0.2, 0.3))
    reference = open_frames(tmp_path / "a.npy", reference=True)
    assert reference.metadata == {}


def test_conversion_keeps_the_values_and_says_nothing_of_where_they_stood(tmp_path):
    from recon.io import losses

    path = scan(tmp_path / "a.h5")
    beside(tmp_path / "a.dm4")
    found = open_events(path)
    assert losses("out.npz", found) == ()
    write_events(tmp_path / "out.npz", found)
    kept = open_events(tmp_path / "out.npz").metadata
    assert kept == {name: value for name, value in found.metadata.items() if name != "origins"}


def test_an_image_without_tags_or_with_odd_ones_gives_what_it_has(tmp_path):
    path = scan(tmp_path / "a.h5")
    odd = {"Microscope Info": {"Voltage": "many", "STEM Camera Length": -1.0}, "DigiScan": 3}
    write_dm(tmp_path / "a.dm4", image(HAADF, (0.02, 0.03), units="px", **odd))
    found = open_events(path)
    assert found.metadata == {}
    assert found.source.notes == ()


def test_a_side_file_that_cannot_be_read_is_a_doubt_and_no_error(tmp_path):
    path = scan(tmp_path / "a.h5")
    (tmp_path / "a.dm4").write_bytes(b"no image" * 10)
    (note,) = open_events(path).source.notes
    assert note == "a.dm4 beside the scan was not used: it is no DigitalMicrograph file."
    write_dm(tmp_path / "a.dm4")
    assert "it holds no image" in open_events(path).source.notes[0]


def test_a_link_is_not_followed(tmp_path):
    path = scan(tmp_path / "a.h5")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "a.dm4").symlink_to(beside(tmp_path / "elsewhere" / "a.dm4"))
    assert open_events(path).metadata == {}


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_damage_to_a_side_file_never_hurts_the_scan(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("dm")
    path = scan(folder / "a.h5")
    whole = open_events(path)
    content = bytearray(beside(folder / "a.dm4").read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    for _ in range(data.draw(st.integers(1, 4))):
        if content:
            place = data.draw(st.integers(0, len(content) - 1))
            content[place] ^= 1 << data.draw(st.integers(0, 7))
    (folder / "a.dm4").write_bytes(content)
    found = with_side_file(whole, path)
    assert found.pixels is whole.pixels
    assert all(isinstance(note, str) and "\n" not in note for note in found.source.notes)


def test_tags_without_end_are_not_read_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr("recon.io.dense.digitalmicrograph.LARGEST_TAGS", 1 << 14)
    write_dm(tmp_path / "a.dm4", {"Long": np.zeros(1 << 15, "u1")})
    with pytest.raises(UnreadableFile, match="its tags have no end"):
        images(tmp_path / "a.dm4")


@pytest.mark.parametrize("version", [3, 4])
def test_frames_of_a_dm_file_are_read_with_what_its_tags_say(tmp_path, version):
    data = np.random.default_rng(0).poisson(0.5, (3, 4, 6, 5)).astype("<u2")
    units = ("nm", "nm", "1/nm", "1/nm")
    tags = image(data, (0.02, 0.03, 0.1, 0.1), units, **MICROSCOPE)
    path = write_dm(tmp_path / f"a.dm{version}", tags, version=version)
    frames = open_frames(path)
    np.testing.assert_array_equal(frames.read(0, 12), data.reshape(12, 6, 5))
    assert frames.scan_shape == (3, 4)
    assert frames.metadata["scan_sampling"] == pytest.approx((0.2, 0.3))
    assert frames.metadata["energy"] == 80e3
    assert frames.metadata["origins"]["energy"] == "tags: Microscope Info.Voltage"


def test_a_scan_shape_that_contradicts_the_file_is_pointed_out(tmp_path):
    path = write_4dcamera(tmp_path / "a.h5", [[n] for n in range(30)], (5, 6))
    sentence = "The file states a scan of 5 × 6 positions; it was asked for as 3 × 10"
    events = open_events(path, keep_flyback=True)
    write_events(tmp_path / "a.npz", events)
    write_events(tmp_path / "a.toml", events)
    np.save(tmp_path / "a.npy", np.full((5, 6, 7, 8), 0.5, np.float32))
    for name in ("a.h5", "a.npz", "a.toml", "a.npy"):
        (note,) = open_scan(tmp_path / name, scan_shape=(3, 10)).source.notes
        assert note.startswith(sentence)
        assert open_scan(tmp_path / name, scan_shape=(5, 6)).source.notes == ()


def test_metadata_of_a_scan_without_side_file_stay_as_they_are(tmp_path):
    events = open_events(scan(tmp_path / "a.h5", energy=80e3))
    assert with_side_file(events, tmp_path / "a.h5") is events
    assert replace(events).metadata == {"energy": 80e3}
