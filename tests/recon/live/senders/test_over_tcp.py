"""A scan sent over TCP: LiberTEM's receivers, which know nothing of us, get its electrons."""

import subprocess
import sys
import threading

import numpy as np
import pytest

from recon.live.addresses import address
from recon.live.replay import play
from recon.live.senders.over_tcp import OverTcp
from recon.live.wire.accos import AccosWords
from recon.live.wire.merlin import MerlinWords
from tests.support.paths import ROOT
from tests.support.strategies import dense
from tests.support.streams import some_scan
from tests.support.waiting import PATIENCE_S

ACCOS = """
import sys, tempfile
import numpy as np
from libertem_asi_tpx3 import ASITpx3Connection, CamClient
place, port, frames, path = sys.argv[1], *map(int, sys.argv[2:4]), sys.argv[4]
line = ASITpx3Connection(uri=f"127.0.0.1:{port}", chunks_per_stack=4, num_slots=20,
                         bytes_per_chunk=65536, handle_path=f"{place}/shm")
line.start_passive()
head = line.wait_for_arm(60)
shape = *head.get_nav_shape(), *head.get_sig_shape()
client = CamClient(line.get_socket_path())
cube, frame = np.zeros((shape[0] * shape[1], shape[2] * shape[3]), int), 0
while frame < frames:
    stack = line.get_next_stack(max_size=frames)
    for layout, indptr, indices, values in client.get_chunks(handle=stack):
        indptr = np.frombuffer(indptr, layout.get_indptr_dtype())
        indices = np.frombuffer(indices, layout.get_indices_dtype())
        values = np.frombuffer(values, layout.get_value_dtype())
        for n in range(layout.get_nframes()):
            part = slice(indptr[n], indptr[n + 1])
            np.add.at(cube[frame], indices[part], values[part])
            frame += 1
    client.done(stack)
np.save(path, cube.reshape(shape))
client.close()
line.close()
"""
MERLIN = """
import sys
import numpy as np
from libertem_qd_mpx import CamClient, QdConnection
place, port, frames, path = sys.argv[1], *map(int, sys.argv[2:4]), sys.argv[4]
line = QdConnection(data_host="127.0.0.1", data_port=port, frame_stack_size=4, num_slots=20,
                    bytes_per_frame=65536, shm_handle_path=f"{place}/shm")
line.start_passive(60.0)
head = line.wait_for_arm(60.0)
client = CamClient(line.get_socket_path())
found = []
while sum(map(len, found)) < frames:
    stack = line.get_next_stack(8)
    out = np.zeros((len(stack), *stack.get_shape()), np.float32)
    client.decode_range_into_buffer(stack, out, 0, len(stack))
    client.done(stack)
    found.append(out)
np.save(path, np.concatenate(found))
client.close()
line.close()
"""


def received(program, words, scan, tmp_path):
    """What a program gets of a scan that is played to it."""
    sender = OverTcp(address("tcp://listen@127.0.0.1:0"), lambda: False, words)
    port, out = sender.endpoint.rpartition(":")[2], tmp_path / "out.npy"
    player = threading.Thread(target=lambda: list(play(scan, sender)))
    player.start()
    command = [sys.executable, "-c", program, tmp_path, port, scan.positions, out]
    done = subprocess.run(
        list(map(str, command)), cwd=ROOT, timeout=PATIENCE_S, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    player.join()
    return np.load(out)


def test_accos_is_understood_by_libertem(tmp_path):
    pytest.importorskip("libertem_asi_tpx3")
    scan = some_scan((12, 9), (32, 24))
    np.testing.assert_array_equal(received(ACCOS, AccosWords(), scan, tmp_path), dense(scan))


def test_merlin_is_understood_by_libertem(tmp_path):
    pytest.importorskip("libertem_qd_mpx")
    scan = some_scan((12, 9), (32, 32))
    found = received(MERLIN, MerlinWords(), scan, tmp_path)
    # It gives the rows as they are stored, from the bottom up.
    found = found[:, ::-1].reshape(dense(scan).shape)
    np.testing.assert_array_equal(found, dense(scan))
