"""How the CUDA kernels are launched, as JSON: `python -m tests.support.launches`.

Runs every step on a tiny scan in the simulator (NUMBA_ENABLE_CUDASIM=1), and prints each kernel
with the types of what it was given: [module, name, [type, ...]], an array's as [dtype, dimensions,
layout].
"""

import json
import sys

import numpy as np
import pytest


def described(argument):
    """Type of one argument, as a launch on a GPU would have it."""
    array = getattr(argument, "_ary", argument)
    if isinstance(array, np.ndarray) and array.ndim:
        return [str(array.dtype), array.ndim, "C" if array.flags.c_contiguous else "A"]
    if isinstance(argument, np.generic):
        return str(argument.dtype)
    return {bool: "bool", int: "int64", float: "float64"}[type(argument)]


def record(seen, runs):
    """Have the simulator note what its kernels are launched with, and launch them while `runs`."""
    from numba.cuda.simulator.kernel import FakeCUDAKernel

    launch = FakeCUDAKernel.__call__

    def noted(kernel, *arguments):
        if not kernel._device:
            types = [described(argument) for argument in arguments]
            entry = [kernel.fn.__module__, kernel.fn.__name__, types]
            if entry not in seen:
                seen.append(entry)
            if not runs:
                return None
        return launch(kernel, *arguments)

    FakeCUDAKernel.__call__ = noted


def main():
    """Run the chain with its events copied, and its passes streamed; in half precision too."""
    from recon.live.growing import GrowingSidebands
    from recon.specimen import Specimen
    from recon.ssb.bright_field import bright_field
    from recon.ssb.gfunction import build_sidebands
    from recon.ssb.phase import MODES, object_transmission, single_sideband
    from recon.ssb.prior import Prior
    from recon.ssb.tiles import gfunction_tiles, power_spectrum
    from recon.sums.com import centre_of_mass
    from recon.sums.detectors import pacbed, virtual_detectors
    from tests.support import simulator
    from tests.support.cuda_chain import ABERRATIONS, CALIBRATION, electrons, streamed
    from tests.support.device_chain import chain
    from tests.support.fake_gpu import fake_gpu

    seen, runs = [], [True]
    record(seen, runs)
    with pytest.MonkeyPatch.context() as patch:
        simulator.make_small(patch)
        turns = simulator.take_turns(patch)
        next(turns)
        device = fake_gpu("cuda", patch).device
        events = electrons()
        copied = events.to_device(device)
        copied.check_pixels()
        chain(copied, CALIBRATION, ABERRATIONS, across=5, modes=("draft",), iterations=2)
        there = streamed(events, device, patch)
        build_sidebands(there, CALIBRATION, 5)
        disc = bright_field(CALIBRATION, events.frame_shape, 5)
        growing = GrowingSidebands(
            events.scan_shape, events.frame_shape, disc, CALIBRATION, device=device
        )
        growing.add(0, events)
        growing.sidebands()
        kinds = [
            build_sidebands(copied, CALIBRATION, 5, full=not half, half=half)
            for half in (False, True)
        ]
        # What follows is for its launches alone.
        runs.clear()
        pacbed(there)
        centre_of_mass(there)
        virtual_detectors(there, CALIBRATION)
        for g in kinds:
            for mode in MODES:
                single_sideband(g, ABERRATIONS, mode)
                single_sideband(g.through(Specimen(200, (3, 2), 40)), ABERRATIONS, mode)
                object_transmission(g, ABERRATIONS, mode, "left")
            power_spectrum(g)
            gfunction_tiles(g, ABERRATIONS, [(1, 2)])
        for mode in ("draft", "exact"):
            single_sideband(kinds[0], ABERRATIONS, mode, prior=Prior(1.0, 1.0))
        next(turns, None)
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main()
