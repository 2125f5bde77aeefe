"""The CUDA kernels compiled without a GPU: single precision throughout, and nothing spilled.

Each with the types below, and for just what the program launches it with. Those are recorded in
Numba's simulator, in a process of its own: what a first launch would stumble over, a double among
singles or a layout that no one thought of, shows before there is a GPU.

Needs NVIDIA's compiler (`pip install nvidia-cuda-nvcc-cu12`), no GPU and no driver.
"""

import json
import os
import re
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest
from numba import config, cuda, types
from numba.np.numpy_support import from_dtype

from recon.kernels.arguments import Camera
from recon.kernels.cuda import counting as cuda_counting
from recon.kernels.cuda import dpc as cuda_dpc
from recon.kernels.cuda import entries as cuda_entries
from recon.kernels.cuda import events as cuda_events
from recon.kernels.cuda import growing as cuda_growing
from recon.kernels.cuda import reference as cuda_reference
from recon.kernels.cuda import sideband_exact as cuda_exact
from recon.kernels.cuda import sideband_geometry as cuda_geometry
from recon.kernels.cuda import sidebands as cuda_sidebands
from recon.kernels.cuda import weighing as cuda_weighing
from tests.support.paths import ROOT
from tests.support.ptx import (
    CAPABILITY,
    DOUBLE,
    IN_REGISTERS,
    OLDER,
    WARNINGS,
    assembled,
    compiler,  # noqa: F401 - a fixture
    ptx_of,
)

real, half, image = types.float32[::1], types.float16[::1], types.float32[:, ::1]
whole, index, flag = types.int64[::1], types.int64, types.int32
stack, spectrum = types.float32[:, :, ::1], types.complex64[:, ::1]
first, table, places = types.int64[:, ::1], types.uint16[:, ::1], types.int32[::1]
masks, pixels, label = types.uint16[::1], types.uint32[::1], types.int16[::1]
transforms = types.complex64[:, :, ::1]
blocks = types.float32[:, :, :, ::1]
number = types.float32
depth = (number,) * 4
magic = types.uint32, types.uint64


def sum_hard(entries):
    runs = (entries, entries, first, table, places)
    return (*runs, image, real, image, image, real, real, *depth, image, index, spectrum)


def sum_averaged(entries):
    tables = (entries, entries, first, table, masks)
    chi = (image, image, image, image, stack, stack, real, real)
    return (*tables, *chi, *depth, index, places, number, number, spectrum)


def gather(entries):
    found = types.complex64[::1], types.uint8[::1]
    return (entries, entries, first, table, places, index, index, *found)


def pack(entries):
    return (transforms, index, table, first, whole, whole, entries, entries)


def entry_power(entries):
    return (entries, entries, first, table, real, image, image)


def counting(labels, counts):
    return (pixels, whole, index, index, labels, index, index, counts)


double, doubles = types.float64, types.float64[::1]
planar = types.float64[:, ::1]
geometry = (doubles, planar, planar, double, double, index, types.boolean, first)

GEOMETRY = {
    "count_runs": (cuda_geometry._count_runs, geometry),
    "fill_runs": (cuda_geometry._fill_runs, (*geometry, table, table, places, masks)),
}
"""Which side of the aperture's edge a pixel lies on is decided as the CPU decides it."""

SUMS = {"choose_step": (cuda_dpc._choose_step, (image, real, doubles, planar, real))}
"""A few thousand numbers, whose sum has to tell a falling error from rounding."""

KERNELS = {
    "sum_hard": (cuda_sidebands._sum_hard, sum_hard(real)),
    "sum_hard of halves": (cuda_sidebands._sum_hard, sum_hard(half)),
    "sum_hard weighed": (cuda_sidebands._sum_hard_weighed, sum_hard(real)),
    "weighed_power": (
        cuda_weighing._weighed_power,
        (first, table, image, real, image, image, real, real, *depth, real, index, image, image),
    ),
    "hard_power": (cuda_sidebands._hard_power, (first, table, real, index, image)),
    "triple_power": (
        cuda_sidebands._triple_power,
        (first, table, image, real, image, image, real, real, real, image),
    ),
    "gather": (cuda_sidebands._gather, gather(real)),
    "gather of halves": (cuda_sidebands._gather, gather(half)),
    "sum_averaged": (cuda_exact._sum_averaged, sum_averaged(real)),
    "sum_averaged of halves": (cuda_exact._sum_averaged, sum_averaged(half)),
    "sum_averaged weighed": (cuda_exact._sum_averaged_weighed, sum_averaged(real)),
    "pack": (cuda_entries._pack, pack(real)),
    "pack into halves": (cuda_entries._pack, pack(half)),
    "entry_power": (cuda_entries._entry_power, entry_power(real)),
    "entry_power of halves": (cuda_entries._entry_power, entry_power(half)),
    "count": (cuda_events._count, counting(label, types.uint8[:, ::1])),
    "count shifted": (cuda_events._count, counting(types.uint8[::1], types.int32[:, ::1])),
    "widen": (cuda_events._widen, (types.uint8[:, :, ::1], stack)),
    "centres": (
        cuda_events._centres,
        (pixels, whole, index, index, types.boolean[::1], index, *magic, image, image),
    ),
    "histogram": (
        cuda_events._histogram,
        (pixels, whole, index, index, types.boolean[::1], types.uint32[:, ::1]),
    ),
    "scatter": (
        cuda_events._scatter,
        (pixels, whole, index, index, types.boolean[::1], types.uint32[:, ::1]),
    ),
    "highest": (cuda_events._highest, (pixels, pixels)),
    "total": (cuda_events._total, (pixels, types.uint64[::1])),
    "combine": (cuda_dpc._combine, (transforms, real, real, number, number)),
    "measure": (cuda_dpc._measure, (image, stack, image, index, real, image)),
    "advance": (cuda_dpc._advance, (image, stack, image, image, index, real, real, real)),
    "pair rows": (cuda_growing._pair_rows, (transforms, places, places, real, blocks)),
    "add rows": (
        cuda_growing._add_rows,
        (blocks, stack, image, table, whole, real, real, real, real),
    ),
    "clear": (cuda_reference._clear, (stack,)),
    "paper_sideband": (
        cuda_reference._paper_sideband,
        (transforms, real, real, real, real, number, number, real, stack),
    ),
}


electrons = types.uint32[:, ::1], types.uint8[:, ::1]


def camera(raw):
    return types.NamedTuple((index, raw[::1], real, real, *[double] * 4), Camera)


COUNTING = {
    f"count electrons in {raw}": (
        cuda_counting._count,
        (raw[:, ::1], camera(raw), index, whole, *electrons),
    )
    for raw in (types.uint16, types.float32, types.float64)
}
"""Thresholds and centroids are the CPU's to the last bit, for the few pixels near an electron."""

EVERY = KERNELS | GEOMETRY | SUMS | COUNTING


@WARNINGS
@pytest.mark.parametrize("name", EVERY)
def test_a_kernel_stays_in_registers_and_single_precision_on_every_device(name, compiler, tmp_path):
    """As it is made for the oldest devices, which newer ones take."""
    ptx = ptx_of(*EVERY[name], OLDER[0])
    for capability in (*OLDER, CAPABILITY):
        assert IN_REGISTERS in assembled(compiler, tmp_path, EVERY[name][0], ptx, capability)
    if name in KERNELS:
        assert not DOUBLE.findall(ptx)


@WARNINGS
@pytest.mark.parametrize("name", GEOMETRY)
def test_geometry_is_rounded_as_on_the_cpu(name, compiler):
    for capability in (OLDER[0], CAPABILITY):
        operations = set(re.findall(r"(\S+\.f64)\b", ptx_of(*GEOMETRY[name], capability)))
        # IEEE's own rounding after each operation, and no two of them fused.
        assert {"mul.rn.f64", "div.rn.f64", "sqrt.rn.f64"} <= operations
        assert not [name for name in operations if name.startswith(("fma", "mad", "div.approx"))]


@WARNINGS
def test_a_double_would_be_found(compiler):
    def kernel(out):
        out[0] *= 0.1

    ptx, _ = cuda.compile_ptx(kernel, (real,), cc=CAPABILITY)
    assert DOUBLE.findall(ptx if isinstance(ptx, str) else ptx.decode())


def launches():
    """(module, name, types) of every launch."""
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore", "-m", "tests.support.launches"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def signature(described):
    """Numba's types of what a kernel was launched with."""
    return tuple(
        getattr(types, "boolean" if one == "bool" else one)
        if isinstance(one, str)
        else types.Array(from_dtype(np.dtype(one[0])), one[1], one[2])
        for one in described
    )


@pytest.mark.slow
@WARNINGS
@pytest.mark.skipif(bool(config.ENABLE_CUDASIM), reason="the simulator compiles nothing")
def test_every_launch_compiles_in_single_precision_without_a_spill(compiler, tmp_path):
    recorded = launches()
    assert len({name for _, name, _ in recorded}) > 15
    assert {"_sum_hard", "_sum_hard_weighed", "_weighed_power"} <= {name for _, name, _ in recorded}
    assert any(["float16", 1, "C"] in arguments for _, _, arguments in recorded)
    for module, name, described in recorded:
        kernel = getattr(import_module(module), name)
        label = f"{module}.{name}{described}"
        ptx = ptx_of(kernel, signature(described))
        # Geometry and the choice of a step are in double precision on purpose, and take such
        # arrays; elsewhere a double comes from a Python number among the arguments.
        if not any(isinstance(one, list) and one[0] == "float64" for one in described):
            assert "float64" not in described, label
            assert not DOUBLE.findall(ptx), label
        assert IN_REGISTERS in assembled(compiler, tmp_path, kernel, ptx), label
