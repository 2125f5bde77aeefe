"""Files that browsers send: on the disk, within one budget, and gone with whoever sent them."""

import os
import signal
import subprocess
import sys
import time
import tracemalloc
from base64 import b64encode
from pathlib import Path

import pytest

from app.engine import uploads
from app.engine.catalogue import Catalogue
from app.engine.uploads import Refused, remove_leftovers
from app.views.shell import Upload
from recon.io.files import atomic
from tests.support.servers import ROOT


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder for temporary files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def catalogue(folder):
    made = Catalogue(upload_limit=1000)
    yield made
    made.close()
    assert list(folder.iterdir()) == []


class Browser:
    """What a page's script sends, and what becomes of it."""

    def __init__(self, catalogue):
        self.arrived, self.problems = [], []
        self.component = Upload(catalogue, self.arrived.append, self.problems.append)

    def begin(self, transfer=5, name="a.h5", size=7):
        message = {"does": "begin", "transfer": transfer, "name": name, "size": size}
        self.component._handle_msg(message)
        return self

    def piece(self, at, data, last=False, transfer=5):
        message = {"does": "piece", "transfer": transfer, "at": at, "last": last}
        self.component._handle_msg(message | {"data": b64encode(data).decode()})


def on_the_disk(folder):
    return {p.name: p.stat().st_size for p in folder.rglob("*") if p.is_file() and p.stat().st_size}


def test_a_file_arrives_in_pieces_and_in_order(catalogue, folder):
    browser = Browser(catalogue).begin()
    browser.piece(0, b"one ")
    assert browser.component.received == 4
    assert list(on_the_disk(folder).values()) == [4]
    browser.piece(99, b"lost")
    browser.piece(4, b"of another", transfer=6)
    assert browser.arrived == []
    browser.piece(4, b"two", last=True)
    (name,) = browser.arrived
    assert catalogue.path(name).read_bytes() == b"one two"
    assert catalogue.path(name).name == "a.h5"
    assert browser.problems == []


def test_none_of_it_is_held_in_memory(folder):
    catalogue, piece, number = Catalogue(), bytes(1 << 20), 40
    browser = Browser(catalogue).begin(size=number << 20)
    browser.piece(0, piece)
    tracemalloc.start()
    for n in range(1, number):
        browser.piece(n << 20, piece)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert browser.component.received == number << 20
    assert held < 4 << 20
    catalogue.close()


def test_what_is_on_its_way_counts_for_all_pages(catalogue, folder):
    first, second = Browser(catalogue).begin(size=900), Browser(catalogue).begin(size=900)
    first.piece(0, bytes(600))
    second.piece(0, bytes(300))
    second.piece(300, bytes(200))
    assert second.problems == [
        "“a.h5” was not taken: uploads of other pages fill 6e-07 of this server's 1e-06 GB. Try "
        "again later, or ask its owner to put the file into its folder."
    ]
    assert second.component.refused == 5
    assert sum(on_the_disk(folder).values()) == 600
    second.piece(300, bytes(1), last=True)
    assert second.arrived == []
    # The page that was first goes on, and another one has room once that is closed.
    first.piece(600, bytes(300))
    assert first.component.received == 900
    first.component.close()
    assert on_the_disk(folder) == {}
    second.begin(transfer=6)
    second.piece(0, bytes(900), last=True, transfer=6)
    assert len(second.arrived) == 1


def test_complete_files_give_way_the_oldest_first(catalogue):
    names = [catalogue.add_upload("a.h5", bytes(400)) for _ in range(2)]
    browser = Browser(catalogue).begin(size=500)
    browser.piece(0, bytes(150))
    assert catalogue.path(names[0])
    browser.piece(150, bytes(200))
    with pytest.raises(ValueError, match="is not among"):
        catalogue.path(names[0])
    assert catalogue.path(names[1])


def test_a_file_of_which_nothing_comes_any_more_gives_way(catalogue, monkeypatch):
    stalled = Browser(catalogue).begin()
    stalled.piece(0, bytes(800))
    now = uploads.monotonic()
    monkeypatch.setattr(uploads, "monotonic", lambda: now + uploads.STALLED_S + 1)
    catalogue.add_upload("b.h5", bytes(900))
    stalled.piece(800, bytes(10), last=True)
    assert stalled.problems == ["“a.h5” could not be kept: nothing of it came for a while."]


@pytest.mark.parametrize("said", [1, 1001])
def test_one_that_is_too_large_is_refused_as_soon_as_that_is_known(said, catalogue, folder):
    browser = Browser(catalogue).begin(size=said)
    if said == 1:
        browser.piece(0, bytes(600))
        browser.piece(600, bytes(401))
    assert browser.problems == [
        "“a.h5” is larger than the 1e-06 GB that this server takes: ask its owner to put the "
        "file into its folder."
    ]
    assert on_the_disk(folder) == {}


def test_one_that_is_begun_anew_is_dropped(catalogue, folder):
    browser = Browser(catalogue).begin()
    browser.piece(0, b"half")
    browser.begin(transfer=6)
    assert on_the_disk(folder) == {}
    browser.piece(0, b"all", last=True, transfer=6)
    assert [catalogue.path(name).read_bytes() for name in browser.arrived] == [b"all"]


@pytest.mark.parametrize(
    "message",
    [
        {"does": "begin"},
        {"does": "begin", "transfer": [], "name": "a.h5", "size": 1},
        {"does": "begin", "transfer": 5, "name": None, "size": 1},
        {"does": "begin", "transfer": 5, "name": "a.h5", "size": "1"},
        {"does": "piece"},
        {"does": "piece", "transfer": 5, "at": 0, "data": 7},
        {"does": "piece", "transfer": 5, "at": 0, "data": "é"},
        {"does": "piece", "transfer": 5, "at": 0, "data": "a"},
        {"does": "piece", "transfer": 5, "at": {}, "data": ""},
    ],
)
def test_messages_that_no_browser_sends_change_nothing(message, catalogue):
    browser = Browser(catalogue).begin()
    browser.component._handle_msg(message)
    browser.piece(0, b"all", last=True)
    assert len(browser.arrived) == 1
    assert browser.problems == []


def test_a_full_disk_is_told_without_a_path(catalogue, monkeypatch):
    if not os.path.exists("/dev/full"):
        pytest.skip("needs a device that is full")
    upload = catalogue.begin_upload("scan.h5")
    os.dup2(os.open("/dev/full", os.O_WRONLY), upload.file.fileno())
    with pytest.raises(Refused, match=r"^“scan\.h5” could not be kept: No space left on device\.$"):
        upload.write(b"x")


SERVER = """
import sys
from app.engine.catalogue import Catalogue
from app.engine.uploads import remove_leftovers
remove_leftovers()
catalogue = Catalogue()
upload = catalogue.begin_upload("scan.h5")
upload.write(b"half of it")
catalogue.add_upload("whole.h5", b"all of it")
print("there", flush=True)
sys.stdin.read()
"""


def begun(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "there\n"
    return process


def test_what_a_killed_server_left_goes_at_the_next_start_and_no_other(folder):
    killed, running = begun(folder), begun(folder)
    try:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        for name in ("livestem-mine", f"{uploads.PREFIX}mine"):
            (folder / name).mkdir()
        (folder / f"{uploads.PREFIX}link").symlink_to(folder / "livestem-mine")
        old = folder / f"{uploads.EXPORTS}old"
        old.mkdir()
        os.utime(old, (time.time() - 2 * uploads.EXPORT_S,) * 2)
        (folder / f"{uploads.EXPORTS}new").mkdir()
        assert sum(p.name == "whole.h5" for p in folder.rglob("*")) == 2
        remove_leftovers()
        left = sorted(p.name for p in folder.iterdir())
        mine = [f"{uploads.EXPORTS}new", "livestem-mine", f"{uploads.PREFIX}link"]
        assert set(left) > {*mine, f"{uploads.PREFIX}mine"}
        (theirs,) = set(left) - {*mine, f"{uploads.PREFIX}mine"}
        assert sorted(on_the_disk(folder / theirs)) == [uploads.ARRIVING, "whole.h5"]
    finally:
        for process in (killed, running):
            process.communicate()
    remove_leftovers()
    assert not (folder / theirs).exists()


def test_half_written_files_of_a_killed_server_go_too(tmp_path):
    names = {
        ".a.h5.abcdefgh.livestem.part": False,
        ".a.h5.abcdefgh.part": True,  # perhaps another program's
        ".a.h5.abcdefgh.livestem.part2": True,
        "a.h5": True,
    }
    for name in names:
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (time.time() - 60,) * 2)
    (tmp_path / ".b.h5.abcdefgh.livestem.part").write_bytes(b"just now")
    with atomic.replacing(tmp_path / "c.h5") as file:
        file.write(b"locked")
        file.flush()
        os.utime(file.name, (time.time() - 60,) * 2)
        atomic.remove_leftovers(tmp_path)
    atomic.remove_leftovers(tmp_path / "nowhere")
    left = {p.name for p in tmp_path.iterdir()}
    assert left == {n for n, kept in names.items() if kept} | {"c.h5"} | {
        ".b.h5.abcdefgh.livestem.part"
    }


def test_the_parts_of_a_server_begin_without_leftovers(folder, tmp_path_factory):
    from app.server.config import Settings
    from app.server.process import build

    results = tmp_path_factory.mktemp("results")
    left = results / ".a.h5.abcdefgh.livestem.part"
    left.write_bytes(b"x")
    os.utime(left, (time.time() - 60,) * 2)
    killed = begun(folder)
    killed.kill()
    killed.communicate()
    build(Settings(results=results, device="cpu")).close()
    assert list(results.iterdir()) == []
    assert list(Path(folder).iterdir()) == []
