from app.config import Settings
from app.shared import build


def test_a_process_shares_one_engine_and_ends_cleanly(tmp_path):
    parts = build(Settings(cache=tmp_path, memory=1000))
    name = parts.catalogue.add_upload("scan.h5", b"x")
    path = parts.catalogue.path(name)
    assert parts.engine.catalogue is parts.catalogue
    parts.close()
    assert not path.exists()
    assert not any(thread.is_alive() for thread in parts.service._threads)
