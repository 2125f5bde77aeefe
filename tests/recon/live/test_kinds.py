"""Sources and senders by the names that a person types."""

import pytest

from recon.live.kinds import SENDERS, SOURCES, open_sender, open_source
from recon.live.source import LiveError


@pytest.mark.parametrize("kind", [k for k in SOURCES if k != "folder"])
def test_each_source_opens_and_closes(kind):
    told = {"scan_shape": (2, 2), "dwell_time": 1e-6} if kind == "serval" else {}
    source = open_source(f" {kind.upper()}:tcp://listen@127.0.0.1:0", patience=None, **told)
    assert source.endpoint.startswith("tcp://127.0.0.1:")
    assert source.poll(0) == []
    assert source.close() == []


@pytest.mark.parametrize("kind", SENDERS)
def test_each_sender_opens_and_closes(kind):
    sender = open_sender(kind, "tcp://127.0.0.1:0", True, lambda: True)
    assert sender.endpoint.startswith("tcp://127.0.0.1:")
    sender.close()


def test_a_folder_and_a_file_that_grows_have_paths(tmp_path):
    source = open_source(f"folder:{tmp_path}")
    assert source.endpoint == str(tmp_path)
    assert source.close() == []
    (tmp_path / "a.tpx3").write_bytes(b"")
    told = {"scan_shape": (2, 2), "dwell_time": 1e-6}
    source = open_source(f"serval:file:{tmp_path / 'a.tpx3'}", **told)
    assert source.endpoint == str(tmp_path / "a.tpx3")
    assert source.close() == []


def test_what_is_unknown_is_a_sentence():
    with pytest.raises(LiveError, match="names no known source: write one of interactem"):
        open_source("film:tcp://localhost:1")
    with pytest.raises(LiveError, match="interactem knows no option colour"):
        open_source("interactem:tcp://localhost:1", colour="red")
    with pytest.raises(LiveError, match="'film' is none of interactem"):
        open_sender("film", "tcp://localhost:1", True, lambda: True)
