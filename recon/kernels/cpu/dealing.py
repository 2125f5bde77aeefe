"""Rows dealt to threads as they ask for them.

Numba gives each thread its half of a loop beforehand. A thread that wakes late, or whose core
another program takes for a while, such as the browser on a microscope's own machine, then keeps all
others waiting with its half. On two cores of Zen 5 (1024 × 1024 positions) a draft after a pause
takes 17 ms instead of 20; an exact sum beside a program that wants a core, 50 to 71 instead of 68
to 81.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


@intrinsic
def deal(typing, counter):
    """The next whole number, which no other thread gets: `counter` (1,) int64 begins at 0."""

    def add_one(context, builder, signature, arguments):
        there = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.atomic_rmw("add", there.data, ir.IntType(64)(1), "monotonic")

    return types.int64(counter), add_one
