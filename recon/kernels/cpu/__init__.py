"""The kernels as loops on all cores, under one name: what `Device.kernels` is on the CPU.

`recon.kernels.cuda` holds their twins.
"""

from recon.kernels.cpu.counting import count as count_electrons
from recon.kernels.cpu.densify import densify, widen
from recon.kernels.cpu.dpc import advance, choose_step, combine, measure
from recon.kernels.cpu.entries import entry_power, pack
from recon.kernels.cpu.events import (
    centres,
    count_few_labels,
    count_labels,
    highest,
    histogram,
    total,
)
from recon.kernels.cpu.growing import add_rows, pair_rows
from recon.kernels.cpu.sideband_exact import sum_averaged
from recon.kernels.cpu.sideband_geometry import find_runs
from recon.kernels.cpu.sidebands import (
    gather,
    hard_power,
    sum_hard,
    triple_power,
)
from recon.kernels.cpu.weighing import weighed_power

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
