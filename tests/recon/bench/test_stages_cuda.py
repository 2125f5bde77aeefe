"""The bench with the CUDA kernels themselves, in Numba's simulator: no line of it is untried.

`NUMBA_ENABLE_CUDASIM=1 pytest tests/recon/bench/test_stages_cuda.py`.
"""

from time import process_time

import pytest
from numba import config

from recon.bench import clock as bench_clock
from recon.bench import device as bench_device
from recon.bench import stages as bench_stages
from recon.kernels.cuda import reference as cuda_reference
from tests.support import simulator
from tests.support.benched import TIMED
from tests.support.fake_gpu import fake_gpu

pytestmark = pytest.mark.skipif(
    not config.ENABLE_CUDASIM, reason="no simulator of a GPU: set NUMBA_ENABLE_CUDASIM=1"
)

SIZE = ((5, 8), 4)


@pytest.fixture(autouse=True)
def brisk_simulator(monkeypatch):
    yield from simulator.take_turns(monkeypatch)


@pytest.fixture
def fake(monkeypatch):
    simulator.make_small(monkeypatch)
    # The simulator takes a thread of Python's for each of the GPU's: each stage once or twice.
    monkeypatch.setattr(bench_clock, "FLUSH_BYTES", 1 << 10)
    monkeypatch.setattr(bench_clock, "LEAST_RUNS", 1)
    monkeypatch.setattr(bench_clock, "ENOUGH", 0.0)
    # Two iterations take longer than one, whatever else the machine does meanwhile.
    monkeypatch.setattr(bench_clock, "perf_counter", process_time)
    monkeypatch.setattr(bench_stages, "MOST_CHAINS", 1)
    monkeypatch.setattr(bench_stages, "DPC_ITERATIONS", 2)
    monkeypatch.setattr(bench_device, "COPY_BYTES", 1 << 12)
    return fake_gpu("cuda", monkeypatch)


def test_every_stage_runs_with_the_cuda_kernels(fake):
    def paper(*arguments):
        cuda_reference.paper_sideband(*map(fake.unwrap, arguments))

    report = bench_device.run(
        fake.device, [SIZE], electrons_per_frame=6.0, agreement=SIZE, paper_kernel=paper
    )
    stages = report["sizes"][0]["stages"]
    assert {n: s for n, s in stages.items() if "wall_ms" not in s} == {}
    assert set(stages) == TIMED - {"DPC, 20 iterations"} | {
        "DPC, 2 iterations",
        "draft redraw, half precision",
        "exact redraw, half precision",
    }
    # Half precision is off by 2^-11 at most, and by far less in the sum.
    assert 0 < stages["exact redraw, half precision"]["error"]["norm"] < 2**-11
    agreement = report["agreement"]
    assert agreement.pop("scan") == list(SIZE[0])
    assert all(figures["norm"] < 1e-5 for figures in agreement.values())
    assert fake.live == 0
