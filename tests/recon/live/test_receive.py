"""Scans that come in are kept, one after the other."""

import numpy as np
import pytest

from recon.io import open_events
from recon.live.receive import Kept, receive
from recon.live.source import Began, Ended, Told
from recon.live.whole_rows import Rows
from tests.support.strategies import dense
from tests.support.streams import some_scan


def messages(scan, rows=None):
    """What a source tells of a scan, or of its first rows."""
    made, places = Rows(scan.scan_shape, scan.frame_shape), np.arange(scan.positions)
    places = places[: (rows or scan.scan_shape[0]) * scan.scan_shape[1]]
    made.add(places, np.diff(scan.offsets)[places], scan.pixels[: scan.offsets[places.size]])
    return [Began(scan.scan_shape, scan.frame_shape), *made.take(), *made.end()]


class Source:
    """Tells what it was given, list by list, and the rest when it is closed."""

    endpoint = "here"

    def __init__(self, *lists, rest=()):
        self.lists, self.rest, self.closed = list(lists), list(rest), 0

    def poll(self, timeout):
        return self.lists.pop(0) if self.lists else []

    def close(self):
        self.closed += 1
        return self.rest


def kept(source, tmp_path, **options):
    news = receive(source, lambda number: tmp_path / f"{number}.toml", **options)
    return [one for one in news if isinstance(one, Kept)]


def test_scan_after_scan_is_kept_and_what_comes_beyond_is_not(tmp_path):
    scans = [some_scan(seed=n) for n in range(3)]
    source = Source([*messages(scans[0]), *messages(scans[1]), *messages(scans[2])],
                    rest=messages(scans[2]))  # fmt: skip
    found = kept(source, tmp_path, scans=2)
    assert [one.path.name for one in found] == ["1.toml", "2.toml"]
    for one, scan in zip(found, scans, strict=False):
        np.testing.assert_array_equal(dense(open_events(one.path)), dense(scan))
        assert (one.rows, one.electrons) == (scan.scan_shape[0], scan.electrons)
    assert source.closed == 1
    assert not (tmp_path / "3.toml").exists()


def test_what_a_source_tells_when_it_is_closed_is_kept(tmp_path):
    scan = some_scan()
    whole = messages(scan)
    source = Source(whole[:1], rest=[Told("It was closed."), *whole[1:]])
    stops = iter([False, True])
    news = list(receive(source, lambda number: tmp_path / "a.toml", stop=lambda: next(stops)))
    assert [type(one) for one in news][-3:] == [type(whole[1]), Ended, Kept]
    np.testing.assert_array_equal(dense(open_events(tmp_path / "a.toml")), dense(scan))


def test_a_folder_that_vanishes_is_told_once_and_the_scan_goes_on(tmp_path):
    scan, gone = some_scan(), tmp_path / "gone"
    source = Source(messages(scan, rows=2)[:-1], [Ended(16, 32)])
    news = list(receive(source, lambda number: gone / "a.toml", scans=1))
    (told,) = [one.sentence for one in news if isinstance(one, Told)]
    assert told == "From row 0 on nothing is kept: no such file or directory."
    assert (news[-1].path, news[-1].trouble) == (None, told)


def test_an_error_on_the_way_closes_the_source_and_keeps_what_came(tmp_path):
    scan = some_scan()
    source = Source(messages(scan, rows=2)[:-1], rest=[Ended(16, 32)])
    news = receive(source, lambda number: tmp_path / "a.toml")
    next(news)
    next(news)
    with pytest.raises(ZeroDivisionError):
        news.throw(ZeroDivisionError)
    assert source.closed == 1
    np.testing.assert_array_equal(dense(open_events(tmp_path / "a.toml")), dense(scan)[:2])
