from fake_gpu import fake_gpu

from recon import warm
from recon.kernels import densify, dpc, events, ragged, sideband_exact, sidebands


def test_every_kernel_of_a_session_is_compiled():
    seen = []
    warm.warm_up(seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1
    used = [
        densify.one_by_one,
        densify.line_by_line,
        events.highest,
        events.centres,
        sidebands.sum_hard,
        sidebands.hard_power,
        sidebands.triple_power,
        sidebands.pack,
        sidebands.entry_power,
        sideband_exact.sum_averaged,
        dpc.combine,
        dpc.measure,
        dpc.advance,
    ]
    assert all(kernel.compiled.signatures for kernel in used)
    assert ragged.gather.compiled.signatures


def test_a_devices_kernels_are_run_as_a_session_runs_them(monkeypatch):
    """Each of them once at least, and nothing of it stays."""
    fake = fake_gpu("cpu", monkeypatch)
    used = set()
    for name, kernel in vars(fake.device.kernels).items():
        monkeypatch.setattr(
            fake.device.kernels,
            name,
            lambda *arguments, name=name, kernel=kernel: (used.add(name), kernel(*arguments))[1],
        )
    seen = []
    warm.warm_up(seen.append, fake.device)
    assert seen == sorted(seen)
    assert seen[-1] == 1
    # `total` is the bench's alone, `count_electrons` that of `livestem count`; `count_labels` is
    # for more detectors than are shown.
    others = {"total", "count_electrons", "count_labels"}
    assert set(vars(fake.device.kernels)) - used == others
    assert fake.live == 0
