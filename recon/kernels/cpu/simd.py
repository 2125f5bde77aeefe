"""Sixteen single-precision numbers at a time, as one value inside a compiled kernel.

LLVM vectorises short loops over several arrays poorly: it must test at run time whether they
overlap, and leaves a scalar remainder as long as our runs. A `Vector` says what is meant. It
adds, subtracts, multiplies, divides with vectors and single-precision scalars, so that the formulas
written for scalars take it as well; LLVM maps it to AVX-512, AVX2 or NEON as the machine has.

Numba types and compiles operators for the whole process: what is registered here says nothing of
any but a `Vector`, and leaves the operators of all other types as they are.

Arrays that are loaded from or stored to must reach `LANES` elements beyond the last index used,
and before the first where a loop starts at a multiple of `LANES`.
"""

import operator

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import (
    intrinsic,
    lower_builtin,
    models,
    overload,
    register_model,
    type_callable,
)

LANES = 16
_IR = ir.VectorType(ir.FloatType(), LANES)
_FAST = ("fast",)


class VectorType(types.Type):
    """Numba's type of `LANES` float32 numbers."""

    def __init__(self):
        super().__init__(name=f"Vector({LANES} x float32)")


vector = VectorType()


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, _IR)


def _splat(builder, scalar):
    one = builder.insert_element(ir.Constant(_IR, ir.Undefined), scalar, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(one, ir.Constant(_IR, ir.Undefined), zeros)


def _binary(function, instruction):
    @type_callable(function)
    def typed(context):
        def vector_or_none(left, right):
            pair = left, right
            return vector if vector in pair and set(pair) <= {vector, types.float32} else None

        return vector_or_none

    for left, right in (
        (vector, vector),
        (vector, types.float32),
        (types.float32, vector),
    ):

        def lower(context, builder, sig, values):
            parts = [
                value if kind is vector or kind == vector else _splat(builder, value)
                for kind, value in zip(sig.args, values, strict=True)
            ]
            return getattr(builder, instruction)(*parts, flags=_FAST)

        lower_builtin(function, left, right)(lower)


_binary(operator.add, "fadd")
_binary(operator.sub, "fsub")
_binary(operator.mul, "fmul")
_binary(operator.truediv, "fdiv")


def _pointer(context, builder, kind, array, index, element):
    data = context.make_array(kind)(context, builder, array).data
    place = builder.gep(data, [index])
    return builder.bitcast(place, ir.VectorType(element, LANES).as_pointer())


@intrinsic
def load(typing, array, index):
    """Vector of `array[index : index + LANES]`, a contiguous float32 array."""

    def lower(context, builder, sig, values):
        place = _pointer(context, builder, sig.args[0], *values, ir.FloatType())
        return builder.load(place, align=4)

    return vector(array, types.intp), lower


@intrinsic
def store(typing, array, index, value):
    """Put a vector into `array[index : index + LANES]`."""

    def lower(context, builder, sig, values):
        place = _pointer(context, builder, sig.args[0], *values[:2], ir.FloatType())
        builder.store(values[2], place, align=4)
        return context.get_dummy_value()

    return types.none(array, types.intp, vector), lower


def _inside(builder, start, stop):
    """Which lanes lie from `start` to `stop`, which may be beyond the vector's ends."""
    integers = ir.VectorType(ir.IntType(32), LANES)
    zeros = ir.Constant(integers, [0] * LANES)

    def spread(number):
        word = builder.trunc(number, ir.IntType(32))
        empty = ir.Constant(integers, ir.Undefined)
        one = builder.insert_element(empty, word, ir.IntType(32)(0))
        return builder.shuffle_vector(one, empty, zeros)

    lanes = ir.Constant(integers, list(range(LANES)))
    # One unsigned comparison: lanes before the start wrap around to huge numbers.
    beyond_start = builder.sub(lanes, spread(start))
    return builder.icmp_unsigned("<", beyond_start, spread(builder.sub(stop, start)))


@intrinsic
def store_between(typing, array, index, value, start, stop):
    """Put lanes `start` to `stop` of a vector into the array, and touch nothing else of it."""

    def lower(context, builder, sig, values):
        array, index, value, start, stop = values
        place = _pointer(context, builder, sig.args[0], array, index, ir.FloatType())
        word, flags = ir.IntType(32), ir.VectorType(ir.IntType(1), LANES)
        kind = ir.FunctionType(ir.VoidType(), [_IR, place.type, word, flags])
        name = f"llvm.masked.store.v{LANES}f32.p0"
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        builder.call(function, [value, place, word(4), _inside(builder, start, stop)])
        return context.get_dummy_value()

    return types.none(array, types.intp, vector, types.intp, types.intp), lower


@intrinsic
def fetch_early(typing, array, index):
    """Have the line of the cache with `array[index]` fetched, which may lie outside the array."""

    def lower(context, builder, sig, values):
        place = _pointer(context, builder, sig.args[0], *values, ir.FloatType())
        place = builder.bitcast(place, ir.IntType(8).as_pointer())
        word = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, word, word, word])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        # To be read, into all levels, as data.
        builder.call(function, [place, word(0), word(3), word(1)])
        return context.get_dummy_value()

    return types.none(array, types.intp), lower


@intrinsic
def lanes_between(typing, value, start, stop):
    """The vector with zeros outside lanes `start` to `stop`; both may lie beyond its ends."""

    def lower(context, builder, sig, values):
        inside = _inside(builder, *values[1:])
        return builder.select(inside, values[0], ir.Constant(_IR, [0.0] * LANES))

    return vector(vector, types.intp, types.intp), lower


@intrinsic
def where_bit(typing, value, masks, index, bit):
    """The vector with zeros in lanes whose `masks[index + lane]` (uint16) lacks bit `bit`."""

    def lower(context, builder, sig, values):
        words = ir.VectorType(ir.IntType(16), LANES)
        place = _pointer(context, builder, sig.args[1], values[1], values[2], ir.IntType(16))
        loaded = builder.load(place, align=2)
        flag = builder.shl(ir.IntType(16)(1), builder.trunc(values[3], ir.IntType(16)))
        one = builder.insert_element(ir.Constant(words, ir.Undefined), flag, ir.IntType(32)(0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        flags = builder.shuffle_vector(one, ir.Constant(words, ir.Undefined), zeros)
        held = builder.icmp_unsigned(
            "!=", builder.and_(loaded, flags), ir.Constant(words, [0] * LANES)
        )
        return builder.select(held, values[0], ir.Constant(_IR, [0.0] * LANES))

    return vector(vector, masks, types.intp, types.intp), lower


@intrinsic
def _floor(typing, value):
    def lower(context, builder, sig, values):
        kind = ir.FunctionType(_IR, [_IR])
        function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.floor.v{LANES}f32")
        return builder.call(function, values)

    return vector(vector), lower


@intrinsic
def where_below(typing, value, test, limit):
    """The vector with zeros in lanes whose `test` is not below `limit`."""

    def lower(context, builder, sig, values):
        inside = builder.fcmp_ordered("<", values[1], _splat(builder, values[2]))
        return builder.select(inside, values[0], ir.Constant(_IR, [0.0] * LANES))

    return vector(vector, vector, types.float32), lower


@intrinsic
def clamp(typing, value, low, high):
    """The vector with every lane brought into low..high."""

    def lower(context, builder, sig, values):
        low, high = (_splat(builder, v) for v in values[1:])
        above = builder.fcmp_ordered("<", values[0], low)
        value = builder.select(above, low, values[0])
        below = builder.fcmp_ordered(">", value, high)
        return builder.select(below, high, value)

    return vector(vector, types.float32, types.float32), lower


@overload(np.floor)
def _floor_of_vector(x):
    if x is vector or x == vector:
        return lambda x: _floor(x)
    return None
