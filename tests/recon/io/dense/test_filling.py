"""Frames in files of records against what their headers say: MRC, TVIPS, `.blo`, EMPAD."""

import numpy as np
import pytest

from recon.errors import Changed, ScanUnknown, UnreadableFile
from recon.io import open_frames, open_scan
from recon.io.dense import tvips as reader
from recon.io.dense.filling import Selected
from recon.io.dense.records import Records
from tests.support.dense_files import DATA, blo_file, empad_file, tvips

FRAMES = DATA.reshape(6, 5, 7).astype("<u2")
"""2 × 3 positions, 5 × 7 pixels."""


def whole(frames):
    return frames.read(0, frames.positions).reshape(*frames.scan_shape, *frames.frame_shape)


def asks(path, *shapes):
    with pytest.raises(UnreadableFile) as refusal:
        open_frames(path)
    assert isinstance(refusal.value.__cause__, ScanUnknown)
    assert refusal.value.__cause__.shapes[: len(shapes)] == shapes
    return str(refusal.value)


# MRC


def mrc(path, frames=FRAMES, mode=6, sections=None, order="<", extra=b"", imod=None):
    header = np.zeros(256, f"{order}u4")
    header[:4] = [
        frames.shape[2],
        frames.shape[1],
        len(frames) if sections is None else sections,
        mode,
    ]
    header[23] = len(extra)
    content = bytearray(header.tobytes())
    content[208:214] = b"MAP " + (b"\x44\x44" if order == "<" else b"\x11\x11")
    if imod is not None:
        content[152:156] = b"IMOD"
        content[156:160] = int(imod).to_bytes(4, "little")
    path.write_bytes(bytes(content) + extra + frames.tobytes())
    return path


def movie(folder, frames=FRAMES, **info):
    said = {
        "Scan - Enable": "Enable",
        "Scan - Type": "Raster",
        "Scan - Size X": 3,
        "Scan - Size Y": 2,
        "Specimen Pixel Size X (nanometers)": 0.02,
        "Specimen Pixel Size Y (nanometers)": 0.03,
        "Instrument Accelerating Voltage (V)": 300000,
        "Instrument Project Camera Length (centimeters)": 12.5,
    } | info
    text = "\n".join(f"{key} = {value}" for key, value in said.items())
    (folder / "20240101_00007_info.txt").write_text(text)
    return mrc(folder / "20240101_00007_movie.mrc", frames)


def test_direct_electrons_scan_and_its_step_are_those_of_the_text_beside(tmp_path):
    frames = open_frames(movie(tmp_path))
    np.testing.assert_array_equal(whole(frames), DATA)
    notes = frames.metadata
    assert notes["scan_sampling"] == pytest.approx((0.3, 0.2))
    assert (notes["energy"], notes["camera_length"]) == pytest.approx((300e3, 0.125))
    assert frames.source.notes == ()


def test_what_direct_electrons_software_did_not_know_is_not_said(tmp_path):
    unknown = {f"Specimen Pixel Size {axis} (nanometers)": -1 for axis in "XY"}
    frames = open_frames(movie(tmp_path, **unknown, **{"Instrument Accelerating Voltage (V)": -1}))
    assert set(frames.metadata) == {"camera_length", "origins"}
    path = movie(tmp_path, **{"Scan - Enable": "Disable"})
    asks(path, (2, 3), (3, 2))


def test_direct_electrons_region_of_the_scan_counts_where_it_is_on(tmp_path):
    region = {"Scan - ROI Enable": "Enable", "Scan - ROI Size X": 3, "Scan - ROI Size Y": 2}
    path = movie(tmp_path, **region, **{"Scan - Size X": 100, "Scan - Size Y": 100})
    np.testing.assert_array_equal(whole(open_frames(path)), DATA)


def test_a_scan_that_is_not_row_by_row_is_put_where_it_belongs(tmp_path):
    path = movie(tmp_path, **{"Scan - Type": "Serpentine"})
    with pytest.raises(UnreadableFile, match="its scan is Serpentine, not row by row"):
        open_frames(path)
    beside = tmp_path / "20240101_00007_scan_coordinates.csv"
    beside.write_text("0,0\n1,0\n2,0\n2,1\n1,1\n0,1\n")  # x, y
    expected = DATA.copy()
    expected[1] = DATA[1, ::-1]
    np.testing.assert_array_equal(whole(open_frames(path)), expected)
    beside.write_text("0,0\n1,0\n2,0\n2,1\n2,1\n0,1\n")
    frames = open_frames(path)
    assert not frames.read(4, 5).any()
    twice, empty = frames.source.notes
    assert twice.startswith("1 frames at positions that were visited before are left out")
    assert empty.startswith("1 positions have no frame")


@pytest.mark.parametrize("kept", [6 * 70 - 1, 5 * 70, 3 * 70 + 12])
def test_a_movie_that_was_stopped_keeps_its_whole_rows(kept, tmp_path):
    path = movie(tmp_path)
    path.write_bytes(path.read_bytes()[: 1024 + kept])
    frames = open_frames(path)
    np.testing.assert_array_equal(whole(frames), DATA[:1])
    assert f"holds {kept // 70} frames, 20240101_00007_info.txt speaks of 2 × 3" in str(
        frames.source.notes
    )
    assert ("ends within a frame" in str(frames.source.notes)) == bool(kept % 70)


@pytest.mark.parametrize("sections", [0, 1, 6, 1000])
def test_the_sections_of_a_header_are_not_believed(sections, tmp_path):
    frames = open_frames(mrc(tmp_path / "a.mrc", sections=sections), scan_shape=(2, 3))
    np.testing.assert_array_equal(whole(frames), DATA)
    assert bool(frames.source.notes) == (sections in (1, 1000))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("mode", "kind"), [(1, "i2"), (2, "f4"), (6, "u2"), (12, "f2")])
def test_mrc_of_either_byte_order_and_with_a_longer_header(order, mode, kind, tmp_path):
    data = FRAMES.astype(f"{order}{kind}")
    path = mrc(tmp_path / "a.mrc", data, mode, order=order, extra=b"x" * 160)
    np.testing.assert_array_equal(whole(open_frames(path, scan_shape=(2, 3))), DATA)


@pytest.mark.parametrize(("imod", "kind"), [(None, "i1"), (1, "i1"), (0, "u1")])
def test_bytes_have_a_sign_as_the_standard_or_imod_says(imod, kind, tmp_path):
    data = np.full((6, 5, 7), 200, "u1")
    frames = open_frames(mrc(tmp_path / "a.mrc", data, 0, imod=imod), scan_shape=(2, 3))
    np.testing.assert_array_equal(frames.read(0, 6), data.view(kind))


def test_pixels_that_are_no_numbers_of_ours_are_refused(tmp_path):
    with pytest.raises(UnreadableFile, match="MRC's mode 4, which is not read"):
        open_frames(mrc(tmp_path / "a.mrc", mode=4))


# TVIPS


def numbered(folder, positions, voltage=200):
    """A recording whose frames bear these numbers of positions; frame n is all n."""
    header = np.zeros(64, "<u4")
    header[:13] = [256, 2, 7, 5, 16, 0, 0, 1, 1, 15500, voltage, 100, 60]
    path = folder / "scan_000.tvips"
    content = header.tobytes()
    for frame, position in enumerate(positions):
        before = np.zeros(15, "<u4")
        before[12] = position
        content += before.tobytes() + np.full((5, 7), frame, "<u2").tobytes()
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("positions", "taken", "left", "empty"),
    [
        ([0, 0, 1, 2, 3, 4, 5, 6, 0, 0], [2, 3, 4, 5, 6, 7], 4, 0),
        ([0, 0, 0, 1, 2, 3, 4, 5, 6], [3, 4, 5, 6, 7, 8], 3, 0),
        ([1, 1, 1, 2, 3, 4, 5, 6, 6, 6], [2, 3, 4, 5, 6, 7], 4, 0),
        ([0, 1, 2, 2, 4, 5, 6], [1, 2, 3, 4, 5, 6], 1, 0),  # the number came late
        ([0, 1, 2, 2, 3, 4, 5, 6], [1, 2, 4, 5, 6, 7], 2, 0),
        ([0, 1, 2, 4, 5, 6], [1, 2, None, 3, 4, 5], 1, 1),
    ],
)
def test_frames_before_and_after_the_scan_are_left_out_and_told(
    positions, taken, left, empty, tmp_path
):
    path = numbered(tmp_path, positions)
    asks(path, (2, 3), (3, 2))
    frames = open_frames(path, scan_shape=(2, 3))
    assert frames.read(0, 6)[:, 0, 0].tolist() == [n or 0 for n in taken]
    notes = str(frames.source.notes)
    assert f"of {len(positions)}, by the positions in their headers: {left} frames" in notes
    assert ("1 position of the scan has no frame" in notes) == bool(empty)


def test_whoever_asks_for_all_frames_gets_them(tmp_path):
    path = numbered(tmp_path, [0, 0, 1, 2, 3, 4, 5, 6])
    frames = open_frames(path, scan_shape=(2, 4))
    assert frames.read(0, 8)[:, 0, 0].tolist() == list(range(8))


@pytest.mark.parametrize("positions", [[0] * 6, [5, 9, 1, 7, 2, 3], [0, 0, 1, 4_000_000_000, 0, 0]])
def test_numbers_that_are_none_of_positions_leave_nothing_out(positions, tmp_path):
    frames = open_frames(numbered(tmp_path, positions), scan_shape=(2, 3))
    assert frames.read(0, 6)[:, 0, 0].tolist() == list(range(6))


def test_frames_before_the_scan_are_skipped_as_told_where_their_headers_say_nothing(tmp_path):
    path = numbered(tmp_path, [0] * 9)
    with pytest.raises(UnreadableFile, match=r"9 frames are more than the scan's 6.* skip_frames"):
        open_frames(path, scan_shape=(2, 3))
    for asked in ((2, 3), None):
        array = reader.read(path, asked, skip_frames=2)
        frames = array.frames((2, 3) if asked else (1, 7))
        expected = range(2, 8) if asked else range(2, 9)
        assert frames.read(0, frames.positions)[:, 0, 0].tolist() == list(expected)
        assert frames.source.notes[-1].startswith("2 frames before the scan and")
    for wrong in (-1, 9, 1.5, "two"):
        with pytest.raises(UnreadableFile, match="whole number from 0 to 8"):
            reader.read(path, (2, 3), skip_frames=wrong)


@pytest.mark.parametrize("voltage", [200, 200_000])
def test_the_voltage_is_in_kilovolts_unless_no_microscope_has_as_many(voltage, tmp_path):
    path = numbered(tmp_path, [0] * 6, voltage)
    assert open_frames(path, scan_shape=(2, 3)).metadata["energy"] == 200e3


def test_a_recording_goes_on_in_the_files_that_follow(tmp_path):
    path = tvips(tmp_path, DATA)
    content, size = path.read_bytes(), 60 + 70
    path.write_bytes(content[: 256 + 2 * size])
    (tmp_path / "scan_001.tvips").write_bytes(content[256 + 2 * size : 256 + 5 * size])
    (tmp_path / "scan_002.tvips").write_bytes(content[256 + 5 * size :])
    frames = open_frames(path, scan_shape=(2, 3))
    np.testing.assert_array_equal(whole(frames), DATA)
    np.testing.assert_array_equal(frames.read(1, 6), FRAMES[1:])
    with pytest.raises(UnreadableFile, match=r"choose scan_000\.tvips"):
        open_scan(tmp_path / "scan_001.tvips")


# Block files


def test_a_block_file_that_is_cut_off_keeps_its_whole_rows(tmp_path):
    data = np.arange(150, dtype=np.uint8).reshape(2, 3, 5, 5)
    path = blo_file(tmp_path, data)
    content = path.read_bytes()
    path.write_bytes(content[: 200 + 4 * 31 + 7])
    frames = open_frames(path)
    np.testing.assert_array_equal(whole(frames), data[:1])
    assert "4 frames, its header speaks of 2 × 3" in frames.source.notes[0]
    assert "ends within a frame (7 of 31 bytes)" in frames.source.notes[1]
    # Without its counts the frames are counted, and the shape is asked.
    header = bytearray(content)
    header[24:28] = bytes(4)
    path.write_bytes(header)
    asks(path, (2, 3), (3, 2))
    np.testing.assert_array_equal(whole(open_frames(path, scan_shape=(2, 3))), data)


def test_what_a_block_file_holds_beyond_its_scan_and_a_scan_that_runs_backwards_are_told(tmp_path):
    data = np.arange(150, dtype=np.uint8).reshape(2, 3, 5, 5)
    path = blo_file(tmp_path, data)
    content = bytearray(path.read_bytes())
    content[30:38] = np.float64(-0.1).tobytes()
    path.write_bytes(content + content[200 : 200 + 2 * 31] + b"end")
    frames = open_frames(path)
    np.testing.assert_array_equal(whole(frames), data)
    assert frames.metadata["scan_sampling"] == pytest.approx((2.0, 1.0))
    backwards, more = frames.source.notes
    assert "counts x of the scan downwards" in backwards
    assert "long enough for 2 frames more than its header speaks of: left out" in more


# EMPAD

NEWER = """<root name="a"><software_version>1.2.2</software_version><raw_file filename="{name}"/>
<exposure_time>1</exposure_time>
<scan_parameters mode="search"><scan_resolution_y>9</scan_resolution_y>
<scan_resolution_x>9</scan_resolution_x></scan_parameters>
<scan_parameters mode="acquire"><scan_resolution_y>{y}</scan_resolution_y>
<scan_resolution_x>{x}</scan_resolution_x></scan_parameters>
<iom_measurements><full_scan_field_of_view><scale_factor>0.72</scale_factor><x>2.16e-09</x>
<y>2.16e-09</y></full_scan_field_of_view><nominal_camera_length>0.369</nominal_camera_length>
<high_voltage>300000.0</high_voltage></iom_measurements></root>"""


@pytest.mark.parametrize(
    ("name", "y", "x"),
    [
        ("scan_x3_y2.raw", 2, 3),
        ("scan.raw", 2, 3),
        ("scan_x3_y2.raw", 128, 128),
        ("a_x4_y4.raw", 2, 3),
    ],
)
def test_newer_empad_software_says_the_scan_by_name_or_resolution(name, y, x, tmp_path):
    data = empad_file(tmp_path)
    (tmp_path / "raw.raw").rename(tmp_path / name)
    (tmp_path / "scan.xml").write_text(NEWER.format(name=name, y=y, x=x))
    frames = open_frames(tmp_path / name)
    np.testing.assert_array_equal(whole(frames), data)
    notes = frames.metadata
    assert (notes["energy"], notes["camera_length"]) == (300e3, 0.369)
    # 2.16 nm / 0.72 = 3 nm over the three columns.
    assert notes["scan_sampling"] == pytest.approx((10.0, 10.0))


def test_halves_of_a_scan_are_told_what_belongs_to_them(tmp_path):
    empad_file(tmp_path)
    (tmp_path / "scan.xml").unlink()
    with pytest.raises(UnreadableFile, match=r"EMPAD's frames \(6 of 130 × 128 float32\).*\.xml"):
        open_scan(tmp_path / "raw.raw")
    (tmp_path / "scan.hdr").write_text("HDR,\t\nFrames in Acquisition (Number):\t80\nEnd\t\n")
    with pytest.raises(UnreadableFile, match=r"choose the \.mib"):
        open_scan(tmp_path / "scan.hdr")
    (tmp_path / "scan.bin").write_bytes(b"no scan at all")
    with pytest.raises(UnreadableFile, match=r"no known format of .* or of frames") as refusal:
        open_scan(tmp_path / "scan.bin")
    for name in ("4D Camera", "Timepix3", "EMPAD", "Merlin", "NumPy", "DigitalMicrograph", "TVIPS"):
        assert name in str(refusal.value)


# Frames picked one by one


@pytest.mark.parametrize("index", [[-1, 0, 1, 2], [-1, -1, 0, 3], [5, -1, 0, -1], [2, 1, 0, -1]])
def test_a_place_without_a_frame_is_empty_and_takes_none_from_others(index):
    expected = np.stack([FRAMES[n] if n >= 0 else np.zeros((5, 7)) for n in index])
    picked = Selected(FRAMES, index)
    np.testing.assert_array_equal(picked[0:4], expected)
    np.testing.assert_array_equal(picked[1:3], expected[1:3])


# Records


def test_a_file_that_is_changed_or_shortened_meanwhile_is_told(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(FRAMES.tobytes())
    records = Records([(path, 0)], [("frame", "<u2", (5, 7))])
    np.testing.assert_array_equal(records[1:5], FRAMES[1:5])
    for change in (path.read_bytes() * 2, FRAMES[:2].tobytes()):
        path.write_bytes(change)
        with pytest.raises(Changed, match=r"^a\.bin: the file changed while it was open"):
            records[0:2]
    path.unlink()
    with pytest.raises(Changed, match=r"^a\.bin: the file was removed while it was open"):
        records[0:2]
