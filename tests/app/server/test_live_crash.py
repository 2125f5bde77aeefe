"""A server that is killed while a scan comes: the rows so far open, also in the next server."""

from recon.io import open_events
from recon.io.events.unfinished import record_type
from tests.support.cameras import camera
from tests.support.cold import PROGRAM
from tests.support.ports import free_port
from tests.support.servers import served
from tests.support.strategies import dense
from tests.support.streams import some_scan
from tests.support.waiting import wait_until

ROWS = 12


def test_kill_9_of_the_server_leaves_the_rows_so_far(tmp_path):
    scan, port = some_scan((20, 9), (16, 12)), free_port()
    kept, settings = tmp_path / "kept", {"LIVESTEM_CACHE": str(tmp_path / "cache")}
    where = "--live", f"accos:tcp://listen@127.0.0.1:{port}", "--patience-s", 1e6, "--keep", kept
    with (
        served(*where, **settings) as (process, _),
        camera(scan, f"tcp://127.0.0.1:{port}") as far,
    ):
        far(ROWS)
        size = ROWS * record_type(9).itemsize
        wait_until(lambda: sum(f.stat().st_size for f in kept.glob("live-*.rows.raw")) >= size)
        process.kill()
        process.wait()
        assert process.returncode == -9
    (left,) = kept.glob("live-*.unfinished.toml")
    events = open_events(left)
    rows = events.scan_shape[0]
    assert ROWS <= rows < 20
    assert (dense(events) == dense(scan)[:rows]).all()
    assert events.source.notes == (f"The recording is not finished: {rows} of 20 rows are there.",)
    with served(kept, program=PROGRAM, **settings) as (process, _):
        assert process.poll() is None
    assert left.exists()
