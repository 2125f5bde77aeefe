from recon import kernels, warm
from recon.kernels.cpu import dpc, entries, events, sideband_exact, sidebands
from recon.kernels.cpu.densify import line_by_line, one_by_one
from recon.kernels.decode import ragged
from recon.kernels.host import fit, flatness, masking, regrid, search, straighten, subpixel
from tests.support.fake_gpu import fake_gpu


def test_every_kernel_of_a_session_is_compiled():
    seen = []
    warm.warm_up(seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1
    used = [
        one_by_one,
        line_by_line,
        events.highest,
        events.centres,
        sidebands.sum_hard,
        sidebands.hard_power,
        sidebands.triple_power,
        entries.pack,
        entries.entry_power,
        sideband_exact.sum_averaged,
        dpc.combine,
        dpc.measure,
        dpc.advance,
        search.slope_gains,
        search.score_matrices,
        flatness.columns,
        flatness.terms,
        flatness.turning,
        flatness.flat_sums,
        fit.projections,
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
    # for more detectors than are shown; G grows only where a scan is received.
    others = {"total", "count_electrons", "count_labels", "add_rows", "pair_rows"}
    assert set(vars(fake.device.kernels)) - used == others
    assert fake.live == 0


def test_what_a_session_asks_for_later_is_compiled():
    warm.warm_up_later()
    used = [
        flatness.columns,
        flatness.flat_sums,
        flatness.terms,
        fit.projections,
        search.slope_gains,
        search.score_matrices,
        masking.count_kept,
        masking.keep_values,
        straighten.count_moved,
        straighten.move,
        regrid.count_shared,
        regrid.share_electrons,
        subpixel.refine,
    ]
    missing = [kernel.__name__ for kernel in used if not kernel.compiled.signatures]
    assert not missing


def test_a_kernel_that_is_being_compiled_holds_up_no_other(monkeypatch):
    """The lock that keeps kernels apart is free while Numba compiles, and held while one runs."""
    seen = []

    class Dispatcher:
        def __init__(self):
            self.overloads = {}

        def typeof_pyval(self, value):
            return type(value)

        def compile(self, types):
            seen.append((types, kernels._one_at_a_time.locked()))
            self.overloads[types] = self

        def __call__(self, *arguments):
            seen.append((arguments, kernels._one_at_a_time.locked()))

    monkeypatch.setattr(kernels, "njit", lambda **how: lambda function: Dispatcher())
    launch = kernels.parallel(lambda number, text: None)
    launch(1, "a")
    launch(2, "b")
    assert seen == [((int, str), False), ((1, "a"), True), ((2, "b"), True)]
