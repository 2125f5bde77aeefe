"""Merlin's frames are counted, not believed; nothing is left out without a word."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from app.cli import app
from recon.errors import ScanUnknown, UnreadableFile
from recon.io import open_frames, open_scan
from recon.io.dense import filling, merlin
from recon.scan.events import ElectronEvents
from tests.support.merlin_files import hdr, mib

SCAN = np.arange(8 * 10 * 3 * 5).reshape(8, 10, 3, 5) % 4099
"""8 × 10 frames of 3 × 5 pixels, all different."""
FRAMES = SCAN.reshape(80, 3, 5)


def whole(frames):
    return frames.read(0, frames.positions).reshape(*frames.scan_shape, *frames.frame_shape)


def question(path, **options):
    """Scan shapes that a file is asked for."""
    with pytest.raises(UnreadableFile) as refusal:
        open_frames(path, **options)
    assert isinstance(refusal.value.__cause__, ScanUnknown)
    return str(refusal.value), refusal.value.__cause__.shapes


@pytest.mark.parametrize("code", ["U08", "U16", "U32"])
def test_frames_are_read_as_they_lie_rows_from_the_bottom(code, tmp_path):
    data = SCAN % 200
    path = mib(tmp_path / "scan.mib", data.reshape(FRAMES.shape), code=code, length=768)
    hdr(tmp_path / "scan.hdr", 80, 10)
    frames = open_frames(path)
    np.testing.assert_array_equal(whole(frames), data)
    np.testing.assert_array_equal(frames.read(17, 23), data.reshape(FRAMES.shape)[17:23])
    assert frames.metadata["dwell_time"] == 1e-3
    assert frames.source.notes == ()


@pytest.mark.parametrize(
    ("name", "more", "trigger", "extended"),
    [
        ("old.mib", (), 10, False),  # before the extension of the header
        ("umlaut.mib", ("bpc File:\tc:\\Users\\Müller\\a.bpc",), 10, True),
        ("CAPITALS.MIB", (), 10, True),
        ("sizes.mib", ("ScanX:\t10", "ScanY:\t8"), 1, True),
    ],
)
def test_sound_files_of_all_ages_open(name, more, trigger, extended, tmp_path):
    path = mib(tmp_path / name, FRAMES, extended=extended)
    hdr(path.with_suffix(".hdr"), 80, trigger, *more)
    frames = open_frames(path)
    np.testing.assert_array_equal(whole(frames), SCAN)
    assert frames.source.notes == ()


@pytest.mark.parametrize("trigger", [0, 1, 80])
def test_one_trigger_a_frame_or_for_all_tells_no_rows(trigger, tmp_path):
    path = mib(tmp_path / "scan.mib", FRAMES)
    hdr(tmp_path / "scan.hdr", 80, trigger)
    sentence, shapes = question(path)
    assert "80 frames and does not say" in sentence
    assert (8, 10) in shapes
    assert whole(open_frames(path, scan_shape=(8, 10))).shape == SCAN.shape


@pytest.mark.parametrize("trigger", [0, 1])
@pytest.mark.parametrize("pause", [0.9e-3, 30e-6])
def test_pauses_that_stand_out_after_every_row_tell_its_length(trigger, pause, tmp_path):
    # Frames of 0.9 ms whose times scatter by 0.4 µs.
    path = mib(tmp_path / "scan.mib", FRAMES, row=10, pause=pause, scatter=4e-7, seconds=9e-4)
    hdr(tmp_path / "scan.hdr", 80, trigger)
    frames = open_frames(path)
    np.testing.assert_array_equal(whole(frames), SCAN)
    assert "the pauses after every 10 frames" in frames.source.notes[0]


def test_times_without_clear_pauses_are_a_question_and_no_guess(tmp_path):
    for name, options in {
        "even": {"scatter": 4e-6},
        "weak": {"row": 10, "pause": 30e-6, "scatter": 4e-6},
        "once": {"row": 33},
    }.items():
        path = mib(tmp_path / f"{name}.mib", FRAMES[:60], **options)
        hdr(tmp_path / f"{name}.hdr", 0, 1)
        question(path)


def test_a_stopped_scan_keeps_its_whole_rows_and_says_so(tmp_path):
    path = mib(tmp_path / "scan.mib", FRAMES[:77])
    hdr(tmp_path / "scan.hdr", 80, 10)
    for asked in (None, (8, 10)):
        frames = open_frames(path, scan_shape=asked)
        np.testing.assert_array_equal(whole(frames), SCAN[:7])
        (note,) = frames.source.notes
        assert "77 frames, scan.hdr speaks of 8 × 10 positions (80): 7 whole rows are taken" in note
        assert "7 frames of an unfinished row are left out" in note
    path.write_bytes(path.read_bytes()[:-11])
    frames = open_frames(path)
    np.testing.assert_array_equal(whole(frames), SCAN[:7])
    assert "76 frames" in frames.source.notes[0]
    assert "ends within a frame (403 of 414 bytes): it is left out" in frames.source.notes[1]


def test_what_is_left_out_of_low_counts_is_told_too(tmp_path):
    path = mib(tmp_path / "scan.mib", (FRAMES[:77] == 0).astype(int))
    hdr(tmp_path / "scan.hdr", 80, 10)
    events = open_scan(path)
    assert isinstance(events, ElectronEvents)
    assert "7 frames of an unfinished row" in events.source.notes[0]
    told = CliRunner().invoke(app, ["info", str(path)])
    assert json.loads(told.stdout)["notes"] == list(events.source.notes)


def test_one_frame_more_in_each_row_is_asked_and_never_sheared(tmp_path):
    longer = np.concatenate([SCAN, SCAN[:, :1]], axis=1)
    path = mib(tmp_path / "scan.mib", longer.reshape(88, 3, 5))
    hdr(tmp_path / "scan.hdr", 80, 10)
    sentence, shapes = question(path)
    assert "88 frames, scan.hdr speaks of 8 × 10 positions (80): is it 8 × 11" in sentence
    assert shapes[0] == (8, 11)
    np.testing.assert_array_equal(whole(open_frames(path, scan_shape=(8, 11))), longer)
    insisted = open_frames(path, scan_shape=(8, 10))
    assert "the last 8 are left out. They also fill 8 × 11" in insisted.source.notes[0]


def test_a_frame_beyond_the_last_is_left_out_with_a_word(tmp_path):
    path = mib(tmp_path / "scan.mib", [*FRAMES, FRAMES[0]])
    hdr(tmp_path / "scan.hdr", 80, 10)
    frames = open_frames(path)
    np.testing.assert_array_equal(whole(frames), SCAN)
    assert "the last one is left out" in frames.source.notes[0]


def test_frames_that_were_lost_on_the_way_are_told_by_their_numbers(tmp_path):
    path = mib(tmp_path / "scan.mib", FRAMES[:40])
    more = mib(tmp_path / "more", FRAMES[42:], first=43)
    path.write_bytes(path.read_bytes() + more.read_bytes())
    with pytest.raises(UnreadableFile, match="78 frames"):
        open_frames(path)
    hdr(tmp_path / "scan.hdr", 80, 10)
    frames = open_frames(path)
    expected = FRAMES.copy()
    expected[40:42] = 0
    np.testing.assert_array_equal(whole(frames), expected.reshape(SCAN.shape))
    assert "numbered 1 to 80, there are 78: 2 were lost, and nothing" in frames.source.notes[0]
    # Where the frames fill the scan, what lies between was never meant to be kept.
    assert "lost" not in str(open_frames(path, scan_shape=(6, 13)).source.notes)


@pytest.mark.parametrize("files", [False, True])
def test_a_scan_whose_first_frame_was_lost_is_not_sheared(files, tmp_path):
    """The last frame bears the number of the last position."""
    path = tmp_path / "scan_2.mib"
    if files:
        for number, frame in enumerate(FRAMES[1:], 2):
            mib(tmp_path / f"scan_{number}.mib", [frame], first=number)
    else:
        mib(path, FRAMES[1:], first=2)
    hdr(tmp_path / "scan.hdr", 80, 10)
    expected = FRAMES.copy()
    expected[0] = 0
    frames = open_frames(path)
    np.testing.assert_array_equal(whole(frames), expected.reshape(SCAN.shape))
    told = "1 frame of it has no file" if files else "numbered 2 to 80, there are 79: 1 was lost"
    assert told in str(frames.source.notes)


@pytest.mark.parametrize("numbered", [True, False])
def test_a_scan_of_one_file_a_frame_is_opened_by_any_of_them(numbered, tmp_path):
    for number, frame in enumerate(FRAMES, 1):
        mib(tmp_path / f"scan_{number}.mib", [frame], first=number if numbered else 1)
    hdr(tmp_path / "scan.hdr", 80, 10)
    for opened in (1, 10, 80):
        frames = open_frames(tmp_path / f"scan_{opened}.mib")
        np.testing.assert_array_equal(whole(frames), SCAN)
        assert "80 files, one a frame" in frames.source.notes[0]
    listed = sorted(entry.name for entry in tmp_path.iterdir())
    assert merlin.without_followers(tmp_path, listed) == ["scan.hdr", "scan_1.mib"]
    (tmp_path / "scan_34.mib").unlink()
    frames = open_frames(tmp_path / "scan_1.mib")
    expected = FRAMES.copy()
    expected[33] = 0
    np.testing.assert_array_equal(whole(frames), expected.reshape(SCAN.shape))
    assert "1 frame of it has no file" in frames.source.notes[1]


def test_files_whose_frames_are_numbered_on_are_one_scan_and_others_are_not(tmp_path):
    for number, start in enumerate((0, 30, 60)):
        mib(tmp_path / f"a{number}.mib", FRAMES[start : start + 30], first=start + 1)
        mib(tmp_path / f"b{number}.mib", FRAMES[:30])
    # Others of such a name are none of them.
    (tmp_path / "a3.mib").write_bytes(b"MQ1,damaged")
    mib(tmp_path / "a4.mib", FRAMES[:1], code="U08", first=81)
    frames = open_frames(tmp_path / "a1.mib", scan_shape=(8, 10))
    np.testing.assert_array_equal(whole(frames), SCAN)
    assert "through 3 files" in frames.source.notes[0]
    assert open_frames(tmp_path / "b1.mib", scan_shape=(3, 10)).source.notes == ()
    # Scans of a name and a number are listed each.
    listed = sorted(entry.name for entry in tmp_path.iterdir())
    assert merlin.without_followers(tmp_path, listed) == listed


def test_raw_and_damaged_headers_are_named(tmp_path):
    path = mib(tmp_path / "raw.mib", FRAMES[:2])
    path.write_bytes(path.read_bytes().replace(b"U16", b"R64"))
    with pytest.raises(UnreadableFile, match="stored as R64, which is not read"):
        open_frames(path)
    path.write_bytes(path.read_bytes()[:200].replace(b"R64", b"U16"))
    with pytest.raises(UnreadableFile, match="cut off within its first frame"):
        open_frames(path)


@pytest.mark.parametrize(
    ("frames", "asked", "stated", "shape", "words"),
    [
        (80, None, (8, 10), (8, 10), ()),
        (57, None, (8, 10), (5, 10), ("5 whole rows", "7 frames of an unfinished row")),
        (50, None, (8, 10), (5, 10), ("5 whole rows are taken.",)),
        (57, (5, 10), (8, 10), (5, 10), ("the last 7 are left out",)),
        (81, None, (8, 10), (8, 10), ("the last one is left out",)),
        (81, (8, 10), None, (8, 10), ("the last one is left out",)),
        (160, (8, 10), (8, 10), (8, 10), ("the last 80 are left out. They also fill 8 × 20",)),
    ],
)
def test_a_scan_takes_whole_rows_of_the_stated_width(frames, asked, stated, shape, words):
    found, notes = filling.arranged(frames, asked, stated)
    assert found == shape
    assert len(notes) == bool(words)
    assert all(word in notes[0] for word in words)


@pytest.mark.parametrize(
    ("frames", "asked", "stated", "shapes"),
    [
        (88, None, (8, 10), ((8, 11), (8, 10))),
        (90, None, (8, 10), ((9, 10), (8, 10))),
        (93, None, (8, 10), ((9, 10), (8, 10))),
        (160, None, (8, 10), ((8, 20), (16, 10), (8, 10))),
        (7, None, (8, 10), ((1, 7),)),
        (77, (8, 10), None, ((7, 11), (11, 7), (7, 10))),
        (6, (4, 4), None, ((2, 3), (3, 2), (1, 4))),
        (100, (8, 10), None, ((10, 10), (5, 20), (20, 5), (4, 25))),
    ],
)
def test_what_the_frames_contradict_is_asked(frames, asked, stated, shapes):
    with pytest.raises(ScanUnknown) as refusal:
        filling.arranged(frames, asked, stated)
    assert refusal.value.shapes == shapes
