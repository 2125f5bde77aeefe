"""The server's secrets: kept from one start to the next, and from everybody else."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.server.keys import FILE, kept_keys, new_keys, read_keys


def test_keys_are_made_once_and_their_owners_alone(tmp_path):
    folder = tmp_path / "cache"
    made = kept_keys(folder)
    assert kept_keys(folder) == read_keys(folder) == made
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == [FILE]
    assert made != new_keys()


def test_keys_have_256_bits_and_do_not_show():
    keys = new_keys()
    assert len(bytes.fromhex(keys.session)) == len(bytes.fromhex(keys.cookie)) == 32
    assert len(keys.oauth) == 44
    assert keys.session not in repr(keys)


def test_all_who_start_at_once_have_the_same(tmp_path):
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _: kept_keys(tmp_path), range(64)))
    assert len(found) == 1


@pytest.mark.parametrize("spoil", ["shorten", "open up", "empty"])
def test_keys_that_others_may_know_or_that_are_damaged_are_replaced(tmp_path, spoil):
    before, path, said = kept_keys(tmp_path), tmp_path / FILE, []
    if spoil == "open up":
        path.chmod(0o640)
    else:
        path.write_text(path.read_text()[:40] if spoil == "shorten" else "{}")
    after = kept_keys(tmp_path, said.append)
    assert after != before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(said) == 1
    assert kept_keys(tmp_path, said.append) == after
    assert len(said) == 1


def test_a_link_in_their_place_is_not_followed(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    kept_keys(elsewhere)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / FILE).symlink_to(elsewhere / FILE)
    said = []
    assert kept_keys(tmp_path / "cache", said.append) != read_keys(elsewhere)
    assert said


def test_where_nothing_can_be_kept_there_are_keys_all_the_same(tmp_path):
    (tmp_path / "cache").write_text("a file, not a folder")
    said = []
    keys = kept_keys(tmp_path / "cache", said.append)
    assert len(keys.session) == 64
    assert "reload the page" in said[0]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root")
def test_keys_of_another_user_are_not_taken(tmp_path):
    before = kept_keys(tmp_path)
    os.chown(tmp_path / FILE, 12345, 0)
    assert read_keys(tmp_path) is None
    assert kept_keys(tmp_path) != before
