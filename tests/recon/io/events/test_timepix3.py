"""Timepix3 packets: against packets written by hand, a slow reference, and real recordings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

import recon.io.events.hits as electrons
import recon.io.events.timepix3 as timepix3
from recon.errors import UnreadableFile
from recon.io import open_events
from recon.kernels.decode import timepix as kernels
from tests.support import timepix_files as files
from tests.support.timepix_files import found, one_position

US = 640
"""Units of 25/16 ns in a microsecond."""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scan.tpx3"


def refused(path, match, **options):
    with pytest.raises(UnreadableFile, match=match) as caught:
        open_events(path, **options)
    assert str(caught.value).startswith(path.name)
    assert "\n" not in str(caught.value)


@given(time=st.integers(0, 2**34 - 1), x=st.integers(0, 255), y=st.integers(0, 255))
def test_a_packet_is_taken_apart(time, x, y):
    word = np.uint64(files.hit(time, x, y, 5))
    assert kernels.hit_time(word) % kernels.PERIOD == time
    assert kernels._pixel(word, 0, False) == 256 * y + x


@given(time=st.integers(0, 12 * 2**35 - 1))
def test_a_trigger_is_taken_apart(time):
    assert kernels.trigger_time(np.uint64(files.trigger(time))) == time


def test_the_four_chips_make_one_detector(path):
    rng = np.random.default_rng(0)
    places = {(int(x), int(y)) for x, y in rng.integers(0, 512, (400, 2))}
    corners = {(x, y) for x in (0, 255, 256, 511) for y in (0, 255, 256, 511)}
    by_chip = {chip: [] for chip in range(4)}
    for n, (x, y) in enumerate(sorted(places | corners)):
        chip, column, row = files.on_chip(x, y)
        by_chip[chip].append(files.hit(US * n, column, row, 9))
    files.write(path, [files.chunk(packets, chip) for chip, packets in by_chip.items()])
    events = one_position(path, cluster_window_ns=0)
    assert events.frame_shape == (512, 512)
    assert events.pixels.tolist() == [512 * y + x for x, y in sorted(places | corners)]


@st.composite
def recordings(draw):
    """Hits in a corner of the detector, dense enough to touch, and times that often coincide."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    number = draw(st.integers(1, 150))
    reach, span = draw(st.sampled_from([2, 6, 256])), draw(st.sampled_from([1, 300, 5000]))
    start = draw(st.sampled_from([100, files.PERIOD - 200]))
    columns = rng.integers((start, 0, 0, 0), (start + span, reach, reach, 1024), (number, 4))
    return [tuple(int(value) for value in row) for row in columns]


HALF_A_PLACE = 1 / 32 + 1e-9
"""Places are kept in sixteenths of a pixel."""


@given(recordings(), st.sampled_from([0.0, 30.0, 100.0]), st.integers(1, 40))
def test_clusters_are_those_found_by_force(tmp_path_factory, hits, window_ns, per_chunk):
    path = tmp_path_factory.mktemp("tpx3") / "scan.tpx3"
    packets = [files.hit(*hit) for hit in hits]
    starts = range(0, len(packets), per_chunk)
    files.write(path, [files.chunk(packets[n : n + per_chunk]) for n in starts])
    times, pixels, fine = found(path, window_ns)
    groups = [[hit] for hit in hits]
    if window_ns:
        groups = files.clusters(hits, int(window_ns / 1.5625))
    expected = sorted(files.electron(group) for group in groups)
    assert (np.diff(times) >= 0).all()
    y = pixels // 256 + ((fine >> 4) - 8.0) / 16
    x = pixels % 256 + ((fine & 15) - 8.0) / 16
    measured = sorted(zip(times - times.min(), y, x, strict=True))
    first = min(hit[0] for hit in hits)
    assert [t for t, _, _ in measured] == [t - first for t, _, _ in expected]
    places = np.array([row[1:] for row in measured])
    by_force = np.array([row[1:] for row in expected])
    at = np.array([row[0] for row in measured])
    for time in np.unique(at):
        # Electrons of one moment come in any order: each has its own partner.
        apart = np.abs(places[at == time][:, None] - by_force[at == time]).max(axis=2)
        assert apart[linear_sum_assignment(apart > HALF_A_PLACE)].max() <= HALF_A_PLACE


def test_a_hit_belongs_to_the_middle_of_its_pixel(path):
    files.write(path, [files.chunk([files.hit(1000, 7, 9, 30)])])
    _, pixels, fine = found(path)
    assert (pixels.tolist(), fine.tolist()) == ([9 * 256 + 7], [0x88])


def test_a_centroid_is_weighted_by_time_over_threshold(path):
    pair = [files.hit(1000, 10, 20, 30), files.hit(1010, 11, 20, 10)]
    files.write(path, [files.chunk(pair)])
    times, pixels, fine = found(path)
    # A quarter of the charge in the right pixel: x = 10.25 is four sixteenths from the middle.
    assert (pixels.tolist(), fine.tolist()) == ([20 * 256 + 10], [0x8C])
    assert len(times) == 1


def big_recording(path, rng, hits=60_000, shuffled=True):
    """Many electrons of one to four hits, in chunks of several chips that are out of order."""
    number = hits // 2
    start = np.sort(rng.integers(1000, 400_000_000, number))
    y, x = rng.integers(0, 511, (2, number))
    packets = []
    for t, row, column in zip(start.tolist(), y.tolist(), x.tolist(), strict=True):
        for step in range(int(rng.integers(1, 4))):
            chip, cx, cy = files.on_chip(column + step % 2, row + step // 2)
            packets.append((t + int(rng.integers(0, 40)), chip, files.hit(t, cx, cy, 20 + step)))
    packets.sort()
    chunks = []
    for n in range(0, len(packets), 500):
        for chip in range(4):
            chunks.append(files.chunk([p for _, c, p in packets[n : n + 500] if c == chip], chip))
    if shuffled:
        for n in range(0, len(chunks) - 8, 8):
            chunks[n : n + 8] = [chunks[n + k] for k in rng.permutation(8)]
    files.write(path, chunks)


def test_batches_and_slabs_change_nothing(path, monkeypatch):
    big_recording(path, np.random.default_rng(1))
    whole = found(path)
    monkeypatch.setattr(electrons, "BATCH", 3000)
    monkeypatch.setattr(timepix3, "SLAB", 8192)
    monkeypatch.setattr(timepix3, "CHUNKS", 7)
    parts = found(path)
    for one, other in zip(whole, parts, strict=True):
        assert np.array_equal(one, other)
    assert len(whole[0]) > 25_000


def test_parts_of_a_batch_change_nothing(path, monkeypatch):
    big_recording(path, np.random.default_rng(2))
    whole = found(path)
    monkeypatch.setattr(electrons.kernels, "PART", 100)
    for one, other in zip(whole, found(path), strict=True):
        assert np.array_equal(one, other)


class TestTime:
    def test_it_goes_on_after_a_roll_over(self, path):
        step = files.PERIOD // 3
        chunks = [files.chunk([files.hit(n * step, 1, 2, 3)] * 3) for n in range(20)]
        # Three roll-overs need something in between: no chunk tells of so long a pause.
        between = [files.chunk(files.global_time((n * step + s * step // 9) // 16))
                   for n in range(20) for s in range(9)]  # fmt: skip
        mixed = [c for n in range(20) for c in (chunks[n], *between[9 * n : 9 * n + 9])]
        files.write(path, mixed)
        times, _, _ = found(path)
        assert np.diff(times).tolist() == [step] * 19

    def test_triggers_roll_over_with_the_hits(self, path):
        line = files.PERIOD // 4
        chunks = []
        for n in range(24):
            begin = 1000 + n * line
            chunks.append(files.chunk([files.trigger(6 * begin)]))
            for k in range(20):
                chunks.append(files.chunk([files.hit(begin + k * line // 20 + 5, k, n, 9)] * 2))
        files.write(path, chunks)
        events = open_events(
            path, scan_shape=(24, 20), trigger="tdc1 rising",
            dwell_time=line / 20 * files.UNIT, cluster_window_ns=0)  # fmt: skip
        assert events.source.notes == ()
        expected = [[256 * n + k] * 2 for n in range(24) for k in range(20)]
        assert [frame.tolist() for frame in events.frames()] == expected

    def test_one_damaged_time_shifts_nothing_else(self, path):
        chunks = [files.chunk([files.hit(US * n, 1, 2, 3)]) for n in range(1, 40)]
        chunks[20] = files.chunk([files.hit(files.PERIOD // 2, 1, 2, 3)])
        files.write(path, chunks)
        times, _, _ = found(path)
        assert np.count_nonzero(np.diff(times) == US) == 36
        assert "1 chunks tell a time far from" in one_position(path).source.notes[0]

    def test_files_of_equal_hits_are_read_at_once(self, path):
        # Without a bound on a hit's neighbours this takes a time that grows with the square.
        files.write(path, [files.chunk([files.hit(5000, 3, 4, 1)] * 8000)] * 30)
        assert one_position(path).electrons == 1


class TestScan:
    def lines(self, path, shape=(3, 4), dwell=10 * US, flyback=25 * US, marks=None):
        """One hit in the middle of each position, one in each flyback; (x, y) is the position."""
        packets = []
        for row in range(shape[0]):
            begin = 1000 + row * (shape[1] * dwell + flyback)
            if marks is None or row < marks:
                packets.append(files.trigger(6 * begin, 0xE, row))
            for column in range(shape[1]):
                time = begin + column * dwell + dwell // 2
                packets.append(files.hit(time, column, row, 9))
            packets.append(files.hit(begin + shape[1] * dwell + flyback // 2, 99, 99, 9))
        return files.write(path, [files.chunk(packets)])

    @property
    def expected(self):
        return [[256 * y + x] for y in range(3) for x in range(4)]

    def test_positions_from_the_triggers_of_lines(self, path):
        events = open_events(
            self.lines(path), scan_shape=(3, 4), dwell_time=10e-6, trigger="tdc2 rising"
        )
        assert [frame.tolist() for frame in events.frames()] == self.expected
        assert events.source.flyback == "dropped"
        assert events.metadata == {"dwell_time": 10e-6}
        assert events.source.notes == ()

    def test_positions_from_one_trigger_and_the_dwell_time(self, path):
        events = open_events(
            self.lines(path, marks=1), scan_shape=(3, 4), dwell_time=10e-6, flyback_time=25e-6,
            trigger="tdc2 rising", trigger_marks="scan")  # fmt: skip
        assert [frame.tolist() for frame in events.frames()] == self.expected
        assert events.source.notes == ()

    def test_positions_from_the_dwell_time_alone(self, path):
        events = open_events(
            self.lines(path), scan_shape=(3, 4), dwell_time=10e-6, flyback_time=25e-6,
            start_time=-5e-6)  # fmt: skip
        assert [frame.tolist() for frame in events.frames()] == self.expected
        assert events.source.notes[0].startswith("No trigger marks the beginning of the scan")

    def test_positions_from_a_trigger_each(self, path):
        packets = [files.trigger(6 * 100 * n, 0xA) for n in range(1, 13)]
        packets += [files.hit(100 * n + 50, n, 0, 3) for n in range(13)]
        files.write(path, [files.chunk(packets)])
        events = open_events(
            path, scan_shape=(3, 4), trigger="tdc1 falling", trigger_marks="position"
        )
        assert [frame.tolist() for frame in events.frames()] == [[n] for n in range(1, 13)]
        assert "(1) or after it ended (0)" in events.source.notes[0]

    def test_a_scan_that_is_repeated_is_summed(self, path):
        self.lines(path, (6, 4))
        asked = {"scan_shape": (3, 4), "dwell_time": 10e-6, "trigger": "tdc2 rising"}
        events = open_events(path, repeat=True, **asked)
        expected = [[256 * y + x, 256 * (y + 3) + x] for y in range(3) for x in range(4)]
        assert [frame.tolist() for frame in events.frames()] == expected
        assert events.source.frames_per_position == 2
        once = open_events(path, **asked)
        assert [frame.tolist() for frame in once.frames()] == self.expected
        assert "6 triggers (tdc2 rising), but 3 lines in the scan" in once.source.notes[0]

    def test_the_shutter_begins_the_scan(self, path):
        packets = [files.opened(1000), files.hit(16 * 1000 + US // 2, 5, 5, 5)]
        packets.append(files.hit(16 * 1000 + 3 * US + US // 2, 6, 6, 6))
        files.write(path, [files.chunk(packets)])
        events = open_events(path, scan_shape=(2, 2), dwell_time=1e-6)
        assert events.counts.tolist() == [[1, 0], [0, 1]]
        assert "opening of the shutter" in events.source.notes[0]

    def test_lines_that_are_missing_are_pointed_out(self, path):
        events = open_events(
            self.lines(path), scan_shape=(9, 4), dwell_time=10e-6, trigger="tdc2 rising"
        )
        assert "3 triggers (tdc2 rising) for 9 lines" in events.source.notes[0]
        assert events.counts[3:].sum() == 0

    def test_what_is_missing_is_asked_for(self, path):
        self.lines(path)
        refused(path, r"lasts .* \(and has 3 of tdc2 rising\); it does not say how")
        refused(path, r"3 × 4 positions .* give the dwell_time", scan_shape=(3, 4))
        refused(path, r"6.5e-05 s from one tdc2 rising to the next; .* at most 1.625e-05 s each",
                scan_shape=(3, 4), trigger="tdc2 rising")  # fmt: skip
        refused(path, r"no trigger tdc1 rising in the file \(it has 3 of tdc2 rising\)",
                trigger="tdc1 rising")  # fmt: skip

    @pytest.mark.parametrize(
        ("options", "match"),
        [
            ({"dwell_time": 0}, "dwell_time must be a positive number"),
            ({"dwell_time": float("nan")}, "dwell_time must be a positive number"),
            ({"dwell_time": "long"}, "not long"),
            ({"dwell_time": 1e-6, "flyback_time": -1}, "flyback_time must be a number"),
            ({"dwell_time": 1e-6, "start_time": float("inf")}, "start_time must be"),
            ({"dwell_time": 1e-6, "repeat": "often"}, "repeat is yes or no"),
            ({"dwell_time": 1e-6, "cluster_window_ns": -1}, "cluster window must be 0 to"),
            ({"dwell_time": 1e-6, "trigger": 5}, "no trigger 5"),
            ({"dwell_time": 1e-6, "trigger_marks": "line"}, "but not which trigger"),
            ({"dwell_time": 1, "trigger": "tdc2 rising", "trigger_marks": "dot"}, "not dot"),
            ({"colour": "red"}, "knows no option colour"),
        ],
    )
    def test_options_that_make_no_sense(self, path, options, match):
        refused(self.lines(path), match, scan_shape=(3, 4), **options)

    def test_an_absurd_scan_is_not_allocated(self, path):
        self.lines(path)
        refused(path, "too large for 15 hits", scan_shape=(10**9, 10**9), dwell_time=1e-6)


class TestDamage:
    def test_chips_that_are_not_supported(self, path):
        files.write(path, [files.chunk([files.hit(0, 1, 1, 1)], 7)])
        refused(path, "chip 7 is not one of 4")

    def test_hits_without_time(self, path):
        files.write(path, [files.chunk([0xA << 60] * 3)])
        refused(path, "its 3 hits are of a mode without time")

    def test_no_hits(self, path):
        files.write(path, [files.chunk([])])
        refused(path, "no hits")

    def test_what_is_left_out_is_said(self, path):
        content = files.chunk([files.hit(0, 1, 1, 1), 0x3 << 60, 0xA << 60])
        path.write_bytes(content + bytes(16) + content + b"abc")
        notes = " ".join(one_position(path).source.notes)
        for text in ("2 words that belong", "2 packets of unknown", "2 hits of a mode", "3 bytes"):
            assert text in notes

    def test_truncation_keeps_what_is_there(self, path):
        content = files.chunk([files.hit(US * n, n, 1, 1) for n in range(10)])
        for kept in range(16, len(content)):
            path.write_bytes(content[:kept])
            events = one_position(path)
            assert events.pixels.tolist() == [256 + n for n in range(kept // 8 - 1)]
            assert any("cut off" in note for note in events.source.notes)
