"""The kernels as loops on all cores, under one name: what `Device.kernels` is on the CPU.

`recon.kernels.cuda` holds their twins.
"""

from recon.kernels.counting import count as count_electrons
from recon.kernels.densify import densify, widen
from recon.kernels.dpc import advance, choose_step, combine, measure
from recon.kernels.events import (
    centres,
    count_few_labels,
    count_labels,
    highest,
    histogram,
    total,
)
from recon.kernels.sideband_exact import sum_averaged
from recon.kernels.sideband_geometry import find_runs
from recon.kernels.sidebands import (
    entry_power,
    gather,
    hard_power,
    pack,
    sum_hard,
    triple_power,
)

__all__ = [
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
    "sum_averaged",
    "sum_hard",
    "total",
    "triple_power",
    "widen",
]
