"""The benchmark made small enough for a test."""

from recon.bench import clock as bench_clock
from recon.kernels.cpu import reference
from tests.support.fake_gpu import fake_gpu


def small(monkeypatch):
    """A stand-in for a GPU, and sizes small enough for it."""
    monkeypatch.setattr(bench_clock, "FLUSH_BYTES", 1 << 10)
    monkeypatch.setattr(bench_clock, "ENOUGH", 0.005)
    monkeypatch.setattr("recon.bench.device.COPY_BYTES", 1 << 16)
    monkeypatch.setattr("recon.bench.device.AGREEMENT", ((16, 16), 8))
    monkeypatch.setattr("recon.bench.device.QUICK", [((16, 16), 8)])
    monkeypatch.setattr("recon.bench.device.all_sizes", lambda: [((16, 16), 8), ((16, 20), 6)])
    fake = fake_gpu("cpu", monkeypatch)

    def paper(*arguments):
        reference.paper_sideband(*map(fake.unwrap, arguments))

    monkeypatch.setattr("recon.bench.device._paper_kernel", lambda device: paper)
    return fake


TIMED = {
    "events to the device",
    "events on the host to first image",
    "events on the device to first image",
    "G build",
    "draft redraw",
    "exact redraw",
    "bare inverse FFT",
    "event binning",
    "centre of mass",
    "DPC, 20 iterations",
    "DPC, 1 iteration",
    "DPC, each further iteration",
    "the paper's kernel",
}
