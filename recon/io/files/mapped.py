"""Reading through pages that a library has mapped, which a file cut off meanwhile cannot end.

Touching such a page raises SIGBUS, which ends the process. Within `unharmed` a handler puts a page
of zeros in its place and counts it, and the reading ends in a sentence. The handler is compiled:
Python's own handlers run only after the instruction that cannot be finished. It heeds nothing but
the thread that asked for it; what else raises SIGBUS ends the process as before.
"""

import ctypes
import mmap
import signal
import sys
from contextlib import contextmanager
from functools import cache

import numpy as np

from recon.errors import UnreadableFile

BEYOND_THE_FILE = 2
"""`si_code` of a page that a file does not have (BUS_ADRERR)."""


@contextmanager
def unharmed():
    """Let this thread read mapped files; on Linux only, elsewhere it changes nothing.

    Raises
    ------
    UnreadableFile
        At the end, if a page that was read is not in its file any more.
    """
    if sys.platform != "linux":
        yield
        return
    system, key = _installed()
    missing = ctypes.c_int64(0)
    before = system.pthread_getspecific(key)
    system.pthread_setspecific(key, ctypes.addressof(missing))
    try:
        yield
    finally:
        system.pthread_setspecific(key, before)
        if missing.value:
            raise UnreadableFile("the file became shorter while it was read")


class _Action(ctypes.Structure):
    """`struct sigaction` of glibc and musl."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_ubyte * 128),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


@cache
def _installed():
    """The C library, and the key under which a thread keeps the count of its missing pages."""
    system = ctypes.CDLL(None)
    system.pthread_getspecific.restype = ctypes.c_void_p
    system.pthread_setspecific.argtypes = ctypes.c_uint, ctypes.c_void_p
    key = ctypes.c_uint()
    if system.pthread_key_create(ctypes.byref(key), None):
        raise MemoryError("the system has no room for a thread's key")
    handler = _handler(key.value)
    _installed.kept = handler  # Its code must not be freed.
    action = _Action(handler.address, flags=4)  # SA_SIGINFO: with the address of the page
    system.sigaction(int(signal.SIGBUS), ctypes.byref(action), None)
    return system, key.value


def _handler(key):
    from numba import carray, cfunc, types

    place, number = types.intp, types.int32
    own = types.ExternalFunction("pthread_getspecific", types.voidptr(types.uint32))
    map_page = types.ExternalFunction(
        "mmap", place(place, types.uintp, number, number, number, types.int64)
    )
    set_handler = types.ExternalFunction("signal", place(number, place))
    page_size = mmap.PAGESIZE
    # A page of zeros in the place of another: MAP_FIXED.
    anew = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x10
    writable = mmap.PROT_READ | mmap.PROT_WRITE

    @cfunc(types.void(number, types.voidptr, types.voidptr))
    def handle(signal_number, information, context):
        # struct siginfo_t: three numbers and a gap, then the address.
        code = carray(information, 4, np.int32)[2]
        page = carray(information, 3, np.int64)[2] & ~np.int64(page_size - 1)
        missing = carray(own(types.uint32(key)), 1, np.int64)
        if (
            missing.ctypes.data != 0
            and code == BEYOND_THE_FILE
            and map_page(page, page_size, writable, anew, -1, 0) == page
        ):
            missing[0] += 1
            return
        # The instruction is tried again, and ends the process.
        set_handler(signal_number, 0)

    return handle
