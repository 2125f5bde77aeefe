"""Timepix3 records: against records written by hand, and the same hits as raw packets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import recon.io.events.hits as electrons
import recon.io.events.t3p as t3p
from recon.errors import UnreadableFile
from recon.io import open_events
from tests.support import timepix_files as files
from tests.support.timepix_files import record

US = 640


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scan.t3p"


def write(path, hits):
    path.write_bytes(b"".join(record(*hit) for hit in hits))
    return path


def refused(path, match, **options):
    with pytest.raises(UnreadableFile, match=match) as caught:
        open_events(path, **options)
    assert "\n" not in str(caught.value)


@given(seed=st.integers(0, 2**32 - 1), reach=st.sampled_from([3, 256]))
def test_the_same_hits_as_packets_are_the_same_scan(seed, reach, tmp_path_factory):
    rng = np.random.default_rng(seed)
    hits = rng.integers((0, 0, 0, 1), (4000, reach, reach, 1024), (300, 4)).tolist()
    folder = tmp_path_factory.mktemp("hits")
    write(folder / "a.t3p", hits)
    files.write(folder / "a.tpx3", [files.chunk([files.hit(*hit) for hit in hits])])
    asked = {"scan_shape": (4, 5), "dwell_time": 200 * files.UNIT}
    one, other = (open_events(folder / name, **asked) for name in ("a.t3p", "a.tpx3"))
    assert np.array_equal(one.pixels, other.pixels)
    assert np.array_equal(one.offsets, other.offsets)
    assert one.source.notes == other.source.notes


def test_positions_follow_from_the_dwell_time(path):
    hits = [(US * n + 5, n, 2, 9) for n in range(12)]
    events = open_events(write(path, hits), scan_shape=(3, 4), dwell_time=1e-6)
    assert [frame.tolist() for frame in events.frames()] == [[512 + n] for n in range(12)]
    assert events.source.format == "Timepix3 records (t3p), 12 hits in 12 clusters"
    assert events.frame_shape == (256, 256)


def test_records_out_of_order_in_many_batches(path, monkeypatch):
    rng = np.random.default_rng(0)
    hits = rng.integers((0, 0, 0, 1), (10**7, 256, 256, 1024), (30_000, 4))
    hits = hits[np.argsort(hits[:, 0] + rng.integers(0, 10**5, 30_000))]
    write(path, hits.tolist())
    asked = {"scan_shape": (10, 100), "dwell_time": 10**4 * files.UNIT}
    whole = open_events(path, **asked)
    monkeypatch.setattr(electrons, "BATCH", 2000)
    monkeypatch.setattr(t3p, "BLOCK", 100)
    monkeypatch.setattr(t3p, "SLAB", 8)
    parts = open_events(path, **asked)
    assert np.array_equal(whole.pixels, parts.pixels)
    assert np.array_equal(whole.offsets, parts.offsets)
    assert whole.electrons > 29_000


def test_there_are_no_triggers(path):
    write(path, [(0, 1, 1, 1), (US, 2, 2, 2)])
    refused(path, r"lasts 1e-06 s and holds no triggers; it does not say how")
    refused(path, "knows no option trigger", trigger="tdc1 rising")


class TestDamage:
    asked = {"scan_shape": (1, 1), "dwell_time": 1.0}  # noqa: RUF012

    def test_records_that_make_no_sense_are_left_out(self, path):
        hits = [(n * US, n % 256, 3, 9) for n in range(1000)]
        content = bytearray(write(path, hits).read_bytes())
        content[16 * 500 + 3] = 1  # A pixel beyond the chip.
        content[16 * 600 + 11] = 1  # A time of years.
        path.write_bytes(content)
        events = open_events(path, **self.asked)
        assert events.electrons == 998
        assert "2 of 1000 records make no sense" in events.source.notes[0]

    def test_mostly_nonsense_is_refused(self, path):
        write(path, [(n, 1, 1, 1) for n in range(256)])
        path.write_bytes(path.read_bytes() + b"\xff" * 16 * 300)
        refused(path, "only 256 of its 556 records make sense", **self.asked)

    def test_a_record_cut_off_is_pointed_out(self, path):
        write(path, [(n, 1, 1, 1) for n in range(9)])
        path.write_bytes(path.read_bytes()[:-5])
        assert "lacks 5 bytes" in open_events(path, **self.asked).source.notes[0]

    @pytest.mark.parametrize("content", [bytes(1600), b"x" * 1600, bytes(15), b"1234567\n" * 200])
    def test_what_is_not_one(self, path, content):
        path.write_bytes(content)
        refused(path, "of no known format", **self.asked)

    def test_times_years_apart(self, path):
        write(path, [(n << 34, 1, 1, 1) for n in range(9000)])
        refused(path, "of its 9000 records make sense", **self.asked)

    @pytest.mark.parametrize("bit", [36, 40, 47])
    def test_a_damaged_time_is_left_out(self, path, bit):
        write(path, [(n * US + (16 << bit if n == 70 else 0), 1, 1, 1) for n in range(100)])
        events = open_events(path, scan_shape=(10, 10), dwell_time=1e-6)
        # Its position is empty; 2^36 units of 25 ns are 29 minutes, which may be a long pause.
        assert np.flatnonzero(events.counts == 0).tolist() == [70]
        assert len(events.source.notes) == 2
