from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from recon.device.backend import CPU
from recon.device.transforms import planned


def test_scipy_is_given_what_the_cpu_gives_it():
    assert planned(CPU, np.zeros((4, 6), np.float32), (4, 6), "R2C") == CPU.fft_options


def test_a_library_that_plans_makes_a_plan_of_the_two_last_axes_that_nobody_shares():
    calls = []

    def get_fft_plan(array, shape=None, axes=None, value_type="C2C"):
        calls.append((array.shape, shape, axes, value_type))
        return "a plan"

    cache = SimpleNamespace(clear=lambda: calls.append("the thread's cache is emptied"))
    config = SimpleNamespace(get_plan_cache=lambda: cache)
    device = replace(
        CPU,
        xp=SimpleNamespace(fft=SimpleNamespace(config=config)),
        fft=SimpleNamespace(get_fft_plan=get_fft_plan),
        fft_options={"n": 1},
    )
    options = planned(device, np.zeros((7, 4), np.complex64), [7, 6], "C2R")
    assert options == {"n": 1, "plan": "a plan"}
    emptied = "the thread's cache is emptied"
    assert calls == [emptied, ((7, 4), (7, 6), (-2, -1), "C2R"), emptied]
    assert device.fft_options == {"n": 1}
