"""What LiberTEM-live's simulators of cameras send is received. Left out where it is missing."""

import numpy as np
import pytest

from recon.live.kinds import open_source
from tests.support.merlin_files import hdr, mib
from tests.support.ports import free_port
from tests.support.servers import server
from tests.support.streams import ended, heard, scans_of

pytest.importorskip("libertem_live")

TIMEPIX = """
import sys, time
from libertem_live.detectors.asi_tpx3.sim import TpxCameraSim
sim = TpxCameraSim(cached="mem", port=int(sys.argv[1]), sleep=60.0, mock_nav_shape=(4, 5))
sim.start()
sim.wait_for_listen()
print("Listening.", flush=True)
time.sleep(600)
"""

MERLIN = """
import sys, time
from libertem_live.detectors.merlin.sim import CameraSim
ports = dict(zip(("data_port", "control_port", "trigger_port"), map(int, sys.argv[2:5])))
sim = CameraSim(sys.argv[1], (4, 5), host="127.0.0.1", **ports)
sim.start()
sim.wait_for_listen()
print("Listening.", flush=True)
time.sleep(600)
"""


def received(program, source, *arguments, **told):
    """The first scan that a simulator sends, and how it ended."""
    with server(["-c", program, *arguments], r"Listening\."):
        line = open_source(source, **told)
        (scan, *_) = scans_of(heard(line, ended()))
        line.close()
    return scan


def test_timepix3_by_accos():
    port = free_port()
    began, counts, over = received(TIMEPIX, f"accos:tcp://127.0.0.1:{port}", port)
    assert (began.scan_shape, began.frame_shape) == ((4, 5), (512, 512))
    # Frame n of the simulator has n electrons on pixel n, and none elsewhere.
    expected = np.zeros((20, 512 * 512), int)
    expected[np.arange(20), np.arange(20)] = np.arange(20)
    np.testing.assert_array_equal(counts.reshape(20, -1), expected)
    assert (over.frames, over.lost) == (20, 0)


def test_merlin(tmp_path):
    frames = np.random.default_rng(0).poisson(0.2, (20, 256, 256))
    # Without the extension, whose end LiberTEM reads otherwise than the manual has it.
    mib(tmp_path / "a.mib", frames, extended=False)
    hdr(tmp_path / "a.hdr", 20, 5, "ScanX:\t5", "ScanY:\t4")
    ports = [free_port() for _ in range(3)]
    source = f"merlin:tcp://127.0.0.1:{ports[0]}"
    began, counts, over = received(MERLIN, source, tmp_path / "a.hdr", *ports, scan_shape=(4, 5))
    assert (began.scan_shape, began.frame_shape) == ((4, 5), (256, 256))
    np.testing.assert_array_equal(counts.reshape(frames.shape), frames)
    assert (over.frames, over.lost) == (20, 0)
