from recon import warm
from recon.kernels import dpc, events, ragged, sideband_exact, sidebands


def test_every_kernel_of_a_session_is_compiled():
    seen = []
    warm.warm_up(seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1
    used = [
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
