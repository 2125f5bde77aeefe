"""Arrays, streams and errors of the stand-in for CuPy: see `fake_gpu`."""

import weakref

import numpy as np

UNSUPPORTED = {"where", "initial", "subok", "casting", "order"}
"""Arguments of NumPy's functions that CuPy's do not take."""


def rubbish(array):
    """The array, filled with what is no number that anyone expects."""
    if array.size:
        array.reshape(-1, order="A").view(np.uint8)[...] = 0x5A
    return array


class OutOfMemoryError(MemoryError):
    """As CuPy's pool raises it."""

    def __init__(self, size, total, limit=0):
        self._size, self._total, self._limit = size, total, limit
        super().__init__(
            f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes, "
            f"limit set to: {limit:,} bytes)."
        )


class CUDARuntimeError(RuntimeError):
    """As CUDA's runtime raises it."""


OutOfMemoryError.__module__ = "cupy.cuda.memory"
CUDARuntimeError.__module__ = "cupy_backends.cuda.api.runtime"


class Block:
    """One allocation, shared by an array and its views."""

    def __init__(self, fake, size):
        self.fake, self.size, self.pending, self.held = fake, size, 0, False
        fake.allocate(size)
        self.held = True

    def __del__(self):
        if self.held:
            self.fake.free(self.size)
        if self.pending:
            self.fake.problems.append(f"{self.size} bytes freed while a copy to them went on")


class DeviceArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array in the stand-in's memory."""

    __array_priority__ = 100

    def __init__(self, fake, data, block=None):
        self._fake, self._data = fake, data
        self._block = block or Block(fake, data.nbytes)

    @property
    def __cuda_array_interface__(self):
        return {"shape": self.shape, "typestr": self.dtype.str, "version": 3}

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Use `.get()`.")

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if UNSUPPORTED & set(kwargs):
            raise TypeError(f"CuPy's ufuncs do not take {sorted(UNSUPPORTED & set(kwargs))}.")
        return self._fake.call(getattr(ufunc, method), inputs, kwargs)

    def __array_function__(self, func, types, args, kwargs):
        return self._fake.function(func)(*args, **kwargs)

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        value = getattr(self._data, name)
        if isinstance(value, np.ndarray):
            return self._fake.wrap(value, [self])
        if callable(value):
            return self._fake.function(value, self)
        return value

    def __setattr__(self, name, value):
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        else:  # .real, .imag, .shape
            setattr(self._data, name, self._fake.unwrap(value))

    def __getitem__(self, key):
        return self._fake.wrap(self._data[self._fake.unwrap(key)], [self])

    def __setitem__(self, key, value):
        self._data[self._fake.unwrap(key)] = self._fake.unwrap(value)

    def __len__(self):
        return len(self._data)

    def __iter__(self):
        return (self[index] for index in range(len(self)))

    def __bool__(self):
        return bool(self._data)

    def __int__(self):
        return int(self._data)

    def __index__(self):
        return self._data.__index__()

    def __float__(self):
        return float(self._data)

    def __complex__(self):
        return complex(self._data)

    def __repr__(self):
        return f"DeviceArray({self.dtype}, {self.shape})"

    def item(self):
        return self._data.item()

    def get(self, stream=None, out=None):
        """A copy on the host."""
        if out is None:
            return self._data.copy()
        out[...] = self._data
        return out

    def set(self, host, stream=None):
        """Copy from the host: in a stream, no earlier than someone waits for it."""
        if type(host) is not np.ndarray:
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if host.dtype != self.dtype:
            raise TypeError(f"{host.dtype} array cannot be set to {self.dtype} array")
        if host.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {host.shape}")
        if not self._data.flags.c_contiguous:
            raise RuntimeError("Cannot set to non-contiguous array")
        block, data = self._block, self._data
        block.pending += 1
        known = weakref.ref(block)

        def copy():
            data[...] = host
            if known() is not None:
                known().pending -= 1

        (stream or self._fake.current).do(copy)


class Handle:
    """What `Device.handle` makes: good for kernels and nothing else."""

    def __init__(self, array):
        if not isinstance(array, DeviceArray):
            raise TypeError(f"A handle is made of an array on the device, not {type(array)}.")
        self.array = array


class Scratch(np.ndarray):
    """What `cuda_scratch.allocate` gives in the simulator."""


class Stream:
    """A queue of work; the default stream does it at once."""

    null = None

    def __init__(self, fake, non_blocking=False, null=False):
        if not null and not non_blocking:
            raise NotImplementedError("This stand-in has no streams that block one another.")
        self.fake, self.now, self.queue = fake, null, []

    def do(self, work):
        if self.now:
            work()
        else:
            self.queue.append(work)

    def run(self, number):
        for work in self.queue[:number]:
            work()
        del self.queue[:number]

    def synchronize(self):
        self.run(len(self.queue))

    def wait_event(self, event):
        self.do(event.synchronize)

    def record(self, event=None):
        event = event or Event()
        event.record(self)
        return event

    def __enter__(self):
        self.before, self.fake.current = self.fake.current, self
        return self

    def __exit__(self, *error):
        self.fake.current = self.before


class Event:
    """A place in a stream's queue."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self.marks = []

    def record(self, stream=None):
        self.marks = [] if stream is None else [(stream, stream.queue[-1:])]

    def synchronize(self):
        for stream, last in self.marks:
            if last and last[0] in stream.queue:
                stream.run(stream.queue.index(last[0]) + 1)
