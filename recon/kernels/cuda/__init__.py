"""The kernels on a CUDA device, under one name: what `Device.kernels` is on a GPU.

Twins of `recon.kernels.cpu`: every name and every parameter is the same; arrays live on the
device. Nothing here is compiled before its first launch, so that this can be imported, and run
in Numba's simulator, where there is no GPU.
"""

from numba import cuda

from recon.kernels.cuda.counting import count as count_electrons
from recon.kernels.cuda.dpc import advance, choose_step, combine, measure
from recon.kernels.cuda.entries import entry_power, pack
from recon.kernels.cuda.events import (
    centres,
    count_few_labels,
    count_labels,
    densify,
    highest,
    histogram,
    total,
    widen,
)
from recon.kernels.cuda.growing import add_rows, pair_rows
from recon.kernels.cuda.sideband_exact import sum_averaged
from recon.kernels.cuda.sideband_geometry import find_runs
from recon.kernels.cuda.sidebands import gather, hard_power, sum_hard, triple_power
from recon.kernels.cuda.weighing import weighed_power

# A launch for one number a row is small on purpose; nobody at the page could do anything about it.
cuda.config.CUDA_LOW_OCCUPANCY_WARNINGS = 0

__all__ = [
    "add_rows",
    "advance",
    "centres",
    "choose_step",
    "combine",
    "count_electrons",
    "count_few_labels",
    "count_labels",
    "densify",
    "entry_power",
    "find_runs",
    "gather",
    "hard_power",
    "highest",
    "histogram",
    "measure",
    "pack",
    "pair_rows",
    "sum_averaged",
    "sum_hard",
    "total",
    "triple_power",
    "weighed_power",
    "widen",
]
