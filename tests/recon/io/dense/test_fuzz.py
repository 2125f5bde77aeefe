"""Files of dense frames that lie: in a process that may die of them, none does.

How many inputs are tried of each format is `LIVESTEM_FUZZ` (30 unless set). What is tried, and
what each must end in, is in `fuzz_dense`.
"""

import json
import os
import subprocess
import sys

import pytest

from tests.support.fuzz_dense import FORMATS, MEMORY
from tests.support.paths import ROOT

EXAMPLES = int(os.environ.get("LIVESTEM_FUZZ", 30))
PATIENCE_S = 300 + 20 * EXAMPLES


def test_damaged_frames_end_in_frames_or_a_sentence(tmp_path, capsys):
    pytest.importorskip("hdf5plugin")
    script = [sys.executable, "-m", "tests.support.fuzz_dense"]
    tried = subprocess.run(
        [*script, str(tmp_path), str(EXAMPLES), "0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    told = tried.stdout.splitlines()
    assert tried.returncode == 0, f"{told[-1:]}: {tried.stderr[-3000:]}"
    result = json.loads(told[-1])
    assert result["memory"] < MEMORY
    ends = result["ends"]
    assert {"npy", "HDF5, Bitshuffle", "HDF5, Zstd", "Dectris, Bitshuffle"} <= set(ends)
    assert set(ends) <= set(FORMATS)
    assert all(sum(counts) == EXAMPLES for counts in ends.values())
    opened, refused = (sum(counts) for counts in zip(*ends.values(), strict=True))
    assert min(opened, refused) > 0
    with capsys.disabled():
        print(f"\n{opened + refused} damaged files of frames: {opened} opened, {refused} refused")
