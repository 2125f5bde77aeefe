"""A scan sent as a Dectris detector does: LiberTEM's receiver gets its electrons."""

import subprocess
import sys
import threading

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.live.addresses import address
from recon.live.replay import play
from recon.live.senders.dectris import DectrisSender, stored
from recon.live.source import LiveError
from recon.scan.events import ElectronEvents
from tests.support.paths import ROOT
from tests.support.strategies import dense
from tests.support.streams import some_scan
from tests.support.waiting import PATIENCE_S

RECEIVER = """
import sys
import numpy as np
from libertem_dectris import CamClient, DectrisConnection
place, port, frames, path = sys.argv[1], *map(int, sys.argv[2:4]), sys.argv[4]
line = DectrisConnection(f"tcp://127.0.0.1:{port}", 4, f"{place}/shm", num_slots=20,
                         bytes_per_frame=65536, huge=False)
line.start_passive(60.0)
config, series = line.wait_for_arm(60.0)
assert series == 1
client = CamClient(line.get_socket_path())
found = []
while sum(map(len, found)) < frames:
    stack = line.get_next_stack(8)
    out = np.zeros((len(stack), *map(int, sys.argv[5:])), np.uint16)
    client.decompress_frame_stack(stack, out)
    client.done(stack)
    found.append(out)
np.save(path, np.concatenate(found))
client.close()
line.close()
"""


@given(st.binary(max_size=900))
def test_a_block_of_literals_is_lz4(data):
    assert imagecodecs.lz4_decode(stored(data), header=False, out=len(data) or None) == data


def test_it_is_understood_by_libertem(tmp_path):
    pytest.importorskip("libertem_dectris")
    scan = some_scan((12, 9), (32, 24))
    sender = DectrisSender(address("tcp://listen@127.0.0.1:0"))
    port, out = sender.endpoint.rpartition(":")[2], tmp_path / "out.npy"
    player = threading.Thread(target=lambda: list(play(scan, sender)))
    player.start()
    command = [sys.executable, "-c", RECEIVER, tmp_path, port, scan.positions, out, 32, 24]
    done = subprocess.run(
        list(map(str, command)), cwd=ROOT, timeout=PATIENCE_S, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    player.join()
    np.testing.assert_array_equal(np.load(out).reshape(dense(scan).shape), dense(scan))


def test_more_electrons_than_a_pixel_counts_are_refused():
    most = 0xFFFF
    scan = ElectronEvents(np.zeros(most, np.uint32), np.array([0, most]), (1, 1), (4, 4))
    sender = DectrisSender(address("tcp://listen@127.0.0.1:0"), lambda: True)
    sender.begin(scan, 1)
    with pytest.raises(LiveError, match="65535 electrons on a pixel do not fit 16 bits"):
        sender.send(0, 1)
    sender.close()
