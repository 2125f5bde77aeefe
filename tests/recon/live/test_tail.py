"""A file that grows, read as a line."""

import pytest

from recon.live.source import LiveError
from recon.live.tail import Tail


def test_what_is_appended_is_read(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"one")
    tail = Tail(path)
    assert tail.read(0) == b"one"
    assert tail.read(0) is None
    with open(path, "ab") as file:
        file.write(b"two")
    assert tail.read(0) == b"two"
    tail.close()


def test_a_file_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(LiveError, match="a: No such file or directory"):
        Tail(tmp_path / "a")
