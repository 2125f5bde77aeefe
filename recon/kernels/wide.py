"""Many pixels compared at a time: what LLVM has an instruction for and Numba has not."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

WIDE = 64
"""Pixels that are compared at a time."""


@intrinsic
def above(typing, raw, limits, start):
    """Bits of the `WIDE` pixels from `start` on whose raw number is above its limit."""
    if raw.dtype != limits.dtype:
        return None

    def lower(context, builder, sig, values):
        kind = context.get_data_type(sig.args[0].dtype)
        wide = ir.VectorType(kind, WIDE)
        size = context.get_abi_sizeof(kind)
        loaded = []
        for of, array in zip(sig.args[:2], values[:2], strict=True):
            data = context.make_array(of)(context, builder, array).data
            place = builder.bitcast(builder.gep(data, [values[2]]), wide.as_pointer())
            loaded.append(builder.load(place, align=size))
        if isinstance(sig.args[0].dtype, types.Float):
            above = builder.fcmp_ordered(">", *loaded)
        elif sig.args[0].dtype.signed:
            above = builder.icmp_signed(">", *loaded)
        else:
            above = builder.icmp_unsigned(">", *loaded)
        return builder.bitcast(above, ir.IntType(WIDE))

    return types.uint64(raw, limits, types.intp), lower


@intrinsic
def trailing_zeros(typing, word):
    """Place of the lowest bit that is set in a word other than zero."""

    def lower(context, builder, sig, values):
        return builder.cttz(values[0], ir.IntType(1)(1))

    return types.uint64(types.uint64), lower
