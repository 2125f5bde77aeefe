"""The bench of a device, whole, on the stand-in for a GPU: its first run on a real one counts."""

import inspect
import json
from time import perf_counter

import pytest

from recon.bench import clock as bench_clock
from recon.bench import device as bench_device
from recon.bench.clock import Clock, CudaClock, Timing
from recon.bench.floors import binning_bytes, centre_of_mass_bytes, redraw_bytes
from recon.bench.report import device_text
from recon.bench.stages import FURTHER, Stages, further
from recon.bench.work import dense_bytes, reference_events
from recon.device import backend
from recon.device.failure import DeviceFull
from recon.kernels.cpu import reference
from recon.kernels.cuda import reference as cuda_reference
from tests.support.benched import TIMED
from tests.support.fake_gpu import Event, fake_gpu

SIZE = ((24, 20), 8)
FLUSH = 1 << 10


class Timed(Event):
    """An event of the stand-in that knows when it was recorded, as CUDA's do."""

    def record(self, stream=None):
        super().record(stream)
        self.at = perf_counter()


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(bench_clock, "FLUSH_BYTES", FLUSH)
    monkeypatch.setattr(bench_clock, "ENOUGH", 0.005)
    monkeypatch.setattr(bench_device, "COPY_BYTES", 1 << 16)
    fake = fake_gpu("cpu", monkeypatch)
    fake.xp.cuda.Event = Timed
    fake.xp.cuda.get_elapsed_time = lambda start, stop: 1e3 * (stop.at - start.at)
    return fake


def measured(fake, sizes=(SIZE,), **options):
    def paper(*arguments):
        reference.paper_sideband(*map(fake.unwrap, arguments))

    options = {"agreement": SIZE, "paper_kernel": paper} | options
    return bench_device.run(fake.device, sizes, electrons_per_frame=10.0, **options)


def test_every_stage_is_timed_beside_its_floor_and_nothing_stays(fake):
    told, kept = [], []
    report = measured(fake, (SIZE, ((16, 20), 6)), tell=told.append, keep=kept.append)
    assert report["timer"] == "CUDA events"
    for size in report["sizes"]:
        stages = size["stages"]
        # The CPU's kernels, which stand in for CUDA's, know no half precision.
        timed = {n for n, stage in stages.items() if "wall_ms" in stage}
        # A difference of two times is none where other work is in the way.
        assert timed | {FURTHER} == TIMED
        assert set(stages) - TIMED == {"G in half precision"}
        for name in timed - {"events to the device", "events on the host to first image"}:
            stage = stages[name]
            assert stage["wall_ms"] > 0
            floor = 1e3 * stage["bytes"] / report["copy"]["bytes_per_second"]
            assert stage["floor_ms"] == pytest.approx(floor)
            assert stage["wall_ratio"] == pytest.approx(stage["wall_ms"] / floor)
        assert stages["draft redraw"]["device_ms"] > 0
        whole, first = (stages[f"DPC, {n}"]["wall_ms"] for n in ("20 iterations", "1 iteration"))
        if FURTHER in timed:
            assert stages[FURTHER]["wall_ms"] == pytest.approx((whole - first) / 19)
        assert size["taken_bytes"] > 0
        assert size["planned_bytes"] > size["hard_entries"] * 8
    assert len(kept) == 3
    assert "24 × 20, 8 pixels across: draft redraw" in told
    assert fake.problems == []
    assert fake.live == 0
    json.dumps(report)


def test_no_time_is_below_zero():
    """Nor given as one, where the longer work happened to take less."""
    first = Timing(2.0, 3.0, 5)
    assert further(first, Timing(21.0, 41.0, 4), 19) == Timing(1.0, 2.0, 4)
    assert further(first, Timing(1.0, 41.0, 4), 19) == Timing(None, 2.0, 4)
    assert further(first, Timing(None, 22.0, 4), 19) == Timing(None, 1.0, 4)
    assert further(first, Timing(21.0, 3.0, 4), 19) is None
    assert further(first, Timing(21.0, 2.0, 4), 19) is None


def test_an_iteration_without_a_time_says_so(fake, monkeypatch):
    monkeypatch.setattr("recon.bench.stages.further", lambda first, whole, number: None)
    text = device_text(measured(fake))
    assert f"{FURTHER}: left out. 20 iterations took no longer than one" in text


def test_what_is_moved_follows_from_the_work(fake):
    size = measured(fake)["sizes"][0]
    events = reference_events(SIZE[0], SIZE[1], 10.0)
    moved = {name: stage["bytes"] for name, stage in size["stages"].items() if "bytes" in stage}
    assert size["electrons"] == events.electrons
    assert moved["events to the device"] == events.nbytes
    assert moved["centre of mass"] == events.nbytes + 8 * events.positions
    assert moved["event binning"] == events.nbytes + size["planes"] * events.positions
    assert moved["draft redraw"] == 8 * size["hard_entries"] + 2 * 8 * 24 * 11 + 4 * 24 * 20
    assert moved["exact redraw"] - moved["draft redraw"] == 8 * (
        size["entries"] - size["hard_entries"]
    )
    assert moved["the paper's kernel"] == 8 * 64 * 24 * 11
    assert moved["DPC, 20 iterations"] == 20 * moved["DPC, 1 iteration"]


def test_the_floors_of_the_reference_work_are_those_of_the_design():
    """52 M events; 20.5 M entries of 8 bytes beside the spectrum and the image; dense G."""
    events, scan = 50 * 1024**2, (1024, 1024)
    assert binning_bytes(events, 1024**2, 256) == pytest.approx(4 * events + 264 * 1024**2, abs=8)
    assert centre_of_mass_bytes(events, 1024**2) == pytest.approx(216 * 1024**2, abs=8)
    assert redraw_bytes(20_500_000, 8, scan) == pytest.approx(164e6 + 12.6e6, rel=0.001)
    assert dense_bytes(scan, 18) == pytest.approx(1.36e9, rel=0.01)


def test_the_device_agrees_with_the_cpu(fake):
    agreement = measured(fake)["agreement"]
    assert agreement.pop("scan") == [24, 20]
    assert set(agreement) == {"draft", "exact", "DPC"}
    assert all(0 <= d["norm"] < 1e-6 and d["largest"] < 1e-5 for d in agreement.values())


def test_aims_are_judged_from_the_reference_work(fake, monkeypatch):
    monkeypatch.setattr("recon.bench.aims.REFERENCE", ([24, 20], 8))
    report = measured(fake)
    verdicts = {aim["aim"]: aim["met"] for aim in report["aims"]}
    assert verdicts.pop("difference from the CPU") is True
    unmeasured = {name for name, met in verdicts.items() if met is None}
    assert len(unmeasured) == 3
    assert all("4096²" in name for name in unmeasured)
    stages = report["sizes"][0]["stages"]
    values = {aim["aim"]: aim["value"] for aim in report["aims"]}
    ratio = stages["the paper's kernel"]["wall_ms"] / stages["draft redraw"]["wall_ms"]
    assert values["the paper's kernel / draft redraw"] == ratio
    assert values["draft redraw of the reference work [ms]"] == stages["draft redraw"]["wall_ms"]


def test_the_tables_show_what_was_measured_and_what_was_not(fake):
    fake.fail_at(10**9)
    text = device_text(measured(fake, (SIZE, ((4096, 4096), 64))))
    assert "24 × 20 positions, 8 pixels across: 60 planes, " in text
    assert "draft redraw" in text
    assert "4096 × 4096 positions, 64 pixels across: left out. This scan of 4096 × 4096" in text
    assert "GB are free: take" in text
    assert "G in half precision: failed. " in text
    assert "not measured" in text


def test_a_size_is_left_out_once_the_time_is_up(fake):
    report = measured(fake, budget=0.0)
    assert "ask for this size alone" in report["sizes"][0]["skipped"]
    assert set(report["agreement"]) == {"scan", "draft", "exact", "DPC"}


def test_a_stage_that_fails_or_does_not_fit_stops_no_other(fake):
    stages = Stages(fake.device, Clock(fake.device), 1e9, lambda sentence: None)

    def broken():
        raise RuntimeError("cable")

    def full():
        raise DeviceFull("It is full.")

    assert stages.attempt("one", broken) is None
    assert stages.measure("two", full, 10) is None
    assert stages.measure("three", lambda: None, 10).wall_ms >= 0
    assert stages.figures["one"]["failed"] == "RuntimeError: cable"
    assert "broken" in "".join(stages.figures["one"]["where"])
    assert stages.figures["two"] == {"skipped": "It is full."}
    assert fake.released == 2


def test_out_of_memory_in_the_middle_is_told_and_leaves_nothing(fake, monkeypatch):
    """The dense G of the paper's kernel finds no room although it was free a moment before."""

    def full(events, device):
        fake.fail_at(1)
        return backend.guarded(device.xp.empty)((8, 8))

    monkeypatch.setattr("recon.bench.stages.dense_transform", full)
    size = measured(fake)["sizes"][0]
    assert "memory is full" in size["stages"]["the paper's kernel"]["skipped"]
    assert fake.live == 0


def test_the_clock_is_the_best_the_device_has(fake):
    assert isinstance(bench_device.clock_of(fake.device), CudaClock)
    assert type(bench_device.clock_of(backend.CPU)) is Clock
    del fake.xp.cuda.get_elapsed_time
    assert type(bench_device.clock_of(fake.device)) is Clock


def test_all_sizes_begin_with_the_reference_work_and_end_with_the_largest():
    sizes = bench_device.all_sizes()
    assert sizes[0] == ((1024, 1024), 18)
    assert sizes[-1] == ((4096, 4096), 64)
    assert len(set(sizes)) == len(sizes) == 12
    assert {pixels for _, pixels in sizes} == {18, 32, 64}


def test_the_papers_kernel_is_that_of_the_device(fake):
    assert bench_device._paper_kernel(backend.CPU) is reference.paper_sideband
    assert bench_device._paper_kernel(fake.device) is cuda_reference.paper_sideband
    here, there = (
        list(inspect.signature(module.paper_sideband).parameters)
        for module in (reference, cuda_reference)
    )
    assert here == there
