"""The transforms of the stand-in for CuPy, with plans as cuFFT's: see `fake_gpu`."""

import numpy as np
import scipy.fft

from tests.support.fake_arrays import Block, DeviceArray, rubbish

OPTIONS = {"n", "s", "axis", "axes", "norm", "overwrite_x", "plan"}
FORWARD, INVERSE = -1, 1
KINDS = {"R2C": ("f", "c"), "C2R": ("c", "f"), "C2C": ("c", "c")}


class Plan:
    """One transform of arrays of one shape, with work memory of its own."""

    def __init__(self, fake, array, shape, axes, value_type):
        if not array.flags.c_contiguous:
            raise ValueError("Input array a must be contiguous")
        if axes is None or len(axes) != len(shape or array.shape):
            raise NotImplementedError("This stand-in plans for shapes and axes that are given.")
        self.kind, self.axes = value_type, tuple(axis % array.ndim for axis in axes)
        self.source, self.target = list(array.shape), list(array.shape)
        lengths = shape or [array.shape[axis] for axis in self.axes]
        for axis, length in zip(self.axes, lengths, strict=True):
            self.source[axis] = self.target[axis] = length
        self.lengths = tuple(lengths)
        half = lengths[-1] // 2 + 1
        if value_type == "C2R":
            self.source[self.axes[-1]] = half
        elif value_type == "R2C":
            self.target[self.axes[-1]] = half
        self._work = Block(fake, int(np.prod(self.target)) * 8)

    def check(self, array, kind):
        """Raise `ValueError` for arrays that the plan is not for."""
        if kind != self.kind or array.dtype.kind != KINDS[kind][0] or array.dtype.itemsize > 8:
            raise ValueError("cuFFT plan dtype mismatch.")
        if list(array.shape) != self.source or not array.flags.c_contiguous:
            raise ValueError(f"The cuFFT plan is for {self.source}, the array is {array.shape}.")

    def fft(self, array, out, direction):
        """Fill `out`; divided by nothing, and the inverse to real numbers spoils its input."""
        for argument in (array, out):
            if not isinstance(argument, DeviceArray):
                raise TypeError(f"A plan is for arrays of the device, not {type(argument)}.")
        self.check(array, self.kind)
        wrong = list(out.shape) != self.target or not out.flags.c_contiguous
        if wrong or out.dtype.kind != KINDS[self.kind][1]:
            raise ValueError(f"The cuFFT plan fills {self.target}, the array is {out.shape}.")
        if self.kind == "R2C":
            out._data[...] = scipy.fft.rfftn(array._data, axes=self.axes)
        elif self.kind == "C2R":
            options = {"s": self.lengths, "axes": self.axes, "norm": "forward"}
            out._data[...] = scipy.fft.irfftn(array._data, **options)
            rubbish(array._data)
        elif direction == FORWARD:
            out._data[...] = scipy.fft.fftn(array._data, axes=self.axes)
        else:
            out._data[...] = scipy.fft.ifftn(array._data, axes=self.axes, norm="forward")


def planner(fake):
    """`get_fft_plan` of cupyx.scipy.fft."""

    def get_fft_plan(a, shape=None, axes=None, value_type="C2C"):
        return Plan(fake, a, shape, axes, value_type)

    return get_fft_plan


def transforms(fake):
    """The transforms of cupyx.scipy.fft by name."""
    names = [f"{a}{b}fft{c}" for a in ("", "i") for b in ("", "r") for c in ("", "2", "n")]
    return {name: _transform(fake, name) for name in names}


def _transform(fake, name):
    function = getattr(scipy.fft, name)
    kind = "C2C" if "r" not in name else "C2R" if name.startswith("i") else "R2C"

    def on_device(x, *args, **options):
        if set(options) - OPTIONS:
            raise TypeError(f"cupyx.scipy.fft does not take {sorted(options)}.")
        if not isinstance(x, DeviceArray):
            raise TypeError(f"cupyx.scipy.fft takes arrays of the device, not {type(x)}.")
        plan = options.pop("plan", None)
        overwrite = options.pop("overwrite_x", False)
        result = fake.wrap(function(x._data, *args, **options))
        if plan is None:
            Block(fake, result.nbytes)  # cuFFT's own, from the same pool
        else:
            plan.check(x, kind)
            if list(result.shape) != plan.target:
                raise ValueError(f"The cuFFT plan gives {plan.target}, not {result.shape}.")
        if overwrite:
            rubbish(x._data)
        return result

    return on_device
