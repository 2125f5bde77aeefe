"""Files that lie: whatever is in them, reading ends in events or in one sentence.

Never in another exception, without end, or with more memory than the file can ask for. How many
inputs are tried by chance is `LIVESTEM_FUZZ` for each kind of file (25 unless set), and with it
grows in how many places a file is cut off. A long run is
LIVESTEM_FUZZ=100000 pytest tests/recon/io/events/test_fuzz.py.
"""

import faulthandler
import os
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recon.errors import UnreadableFile
from recon.io import READERS, WRITERS, open_events, write_events
from recon.io.events import npz
from tests.support.fuzzing import FILES, damage
from tests.support.strategies import scans

EXAMPLES = int(os.environ.get("LIVESTEM_FUZZ", 25))
CUTS = 10 * EXAMPLES // 3
PATIENCE_S = 600
"""Beyond which an input counts as a hang; the slowest takes well under a second."""
MEMORY = 192 << 20
"""Bytes that no file of some kilobytes may take."""
ENDS = Counter()
"""How many inputs were opened and refused."""

fuzzed = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    """Of each kind: path, the contents of its files by name, and options that it opens with."""
    found = {}
    for name, (make, options) in FILES.items():
        folder = tmp_path_factory.mktemp("seed")
        path = make(folder)
        assert open_events(path, **options).electrons  # Compiles what measuring may not see.
        contents = {side: (folder / side).read_bytes() for side in sorted(os.listdir(folder))}
        found[name] = (path, contents, options)
    return found


def attempt(path, **options):
    """Whether a file opens; asserts that it ends in one of the two ways."""
    faulthandler.dump_traceback_later(PATIENCE_S, exit=True)
    tracemalloc.start()
    try:
        events = open_events(path, **options)
    except UnreadableFile as error:
        text = str(error)
        well_formed = text.startswith(f"{path.name}: ") and text.endswith((".", "?", "!"))
        if not well_formed or "\n" in text or "not enough memory" in text or len(text) > 900:
            pytest.fail(f"no sentence: {text[:1000]!r}")
        opened = False
    else:
        events.check_pixels()
        assert all(note.endswith((".", "?", "!")) for note in events.source.notes)
        opened = True
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        faulthandler.cancel_dump_traceback_later()
    assert peak < MEMORY, f"{peak / 1e6:.0f} MB"
    ENDS["opened" if opened else "refused"] += 1
    return opened


def test_every_reader_has_a_file_that_is_damaged(seeds):
    readers = {next(r for r in READERS if r.matches(path)) for path, _, _ in seeds.values()}
    assert readers == set(READERS)


@pytest.mark.parametrize("name", FILES)
def test_truncated_anywhere(seeds, name):
    path, contents, options = seeds[name]
    for side, content in contents.items():
        # Every byte of a short file, and so many places of a longer one.
        for kept in {*range(0, len(content), 1 + len(content) // CUTS), len(content) - 1}:
            (path.parent / side).write_bytes(content[:kept])
            attempt(path, **options)
        (path.parent / side).write_bytes(content)
    assert attempt(path, **options)


@pytest.mark.parametrize("name", FILES)
def test_damaged_anyhow(seeds, name):
    path, contents, options = seeds[name]

    @fuzzed
    @given(st.sampled_from(sorted(contents)), damage(), st.booleans())
    def check(side, damaged, told):
        (path.parent / side).write_bytes(damaged(contents[side]))
        attempt(path, **(options if told else {}))

    try:
        check()
    finally:
        for side, content in contents.items():
            (path.parent / side).write_bytes(content)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_grows_while_it_is_read(seeds, name):
    path, contents, options = seeds[name]

    def grow(fraction):
        with open(path, "ab") as file:
            file.write(b"more")

    for _ in range(3):
        assert not attempt(path, progress=grow, **options)
    for side, content in contents.items():
        (path.parent / side).write_bytes(content)


@pytest.mark.parametrize("name", [name for name in FILES if "HDF5" not in name])
def test_a_file_that_is_emptied_while_it_is_read(seeds, name):
    path, contents, options = seeds[name]

    def empty(fraction):
        with open(path, "wb"):
            pass

    assert not attempt(path, progress=empty, **options)
    path.write_bytes(contents[path.name])


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_may_not_be_read(seeds, name, monkeypatch):
    path, _, options = seeds[name]

    def denied(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    for function in ("builtins.open", "os.stat"):
        with monkeypatch.context() as patch:
            patch.setattr(function, denied)
            with pytest.raises(UnreadableFile, match="Permission denied"):
                open_events(path, **options)


def test_links_in_a_circle(tmp_path):
    (tmp_path / "one").symlink_to(tmp_path / "other")
    (tmp_path / "other").symlink_to(tmp_path / "one")
    assert not attempt(tmp_path / "one")


def test_a_bomb_of_zeros(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "ALLOWANCE", 1 << 20)
    for names in (("pixels", "offsets"), ("data", "indices", "indptr")):
        path = tmp_path / "bomb.npz"
        zeros = dict.fromkeys(names, np.zeros(10**7, np.int64))
        np.savez_compressed(path, scan_shape=[1, 1], frame_shape=[1, 1], **zeros)
        if "data" in names:
            np.savez_compressed(path, shape=[1, 1], format=b"csr", **zeros)
        assert path.stat().st_size < 400_000
        assert not attempt(path, scan_shape=(1, 1))


@pytest.mark.parametrize("suffix", [suffix for w in WRITERS for suffix in w.SUFFIXES])
@given(events=scans(metadata={"energy": 8e4, "rotation_deg": -12.5, "description": "é \n\t'\""}))
def test_what_is_written_is_read(suffix, events, tmp_path_factory):
    path = tmp_path_factory.mktemp("round") / f"scan{suffix}"
    write_events(path, events)
    back = open_events(path)
    assert np.array_equal(back.pixels, events.pixels)
    assert np.array_equal(back.offsets, events.offsets)
    assert (back.scan_shape, back.frame_shape) == (events.scan_shape, events.frame_shape)
    assert back.metadata == events.metadata
    assert back.source.notes == ()


def test_inputs_were_tried(record_testsuite_property, capsys):
    total = sum(ENDS.values())
    record_testsuite_property("fuzz_inputs", total)
    with capsys.disabled():
        print(f"\n{total} damaged files: {ENDS['opened']} opened, {ENDS['refused']} refused")
    assert not total or min(ENDS["opened"], ENDS["refused"]) > 0
