"""Merlin's `.mib` and `.hdr` for tests, after its software's manual: one chip, rows upwards."""

import datetime

import numpy as np

BEGIN = datetime.datetime(2024, 5, 6, 7, 8, 9)
BYTES = {"U08": ">u1", "U16": ">u2", "U32": ">u4"}


def header(number, shape, code, when, seconds, extended=True, length=384):
    """What stands before a frame; older software has no extension `MQ1A`."""
    fields = ["MQ1", f"{number:06}", f"{length:05}", "01", f"{shape[1]:04}", f"{shape[0]:04}", code]
    fields += ["   1x1", "01", when.strftime("%Y-%m-%d %H:%M:%S.%f"), f"{seconds:.6f}", *"000"]
    fields += ["4.0E+0", "5.11E+2", *["0.0E+0"] * 6, "3RX", *(f"{dac:03}" for dac in range(27))]
    if extended:
        stamp = when.strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
        fields += ["MQ1A", stamp, f"{round(seconds * 1e9)}ns", "12", ""]
    return ",".join(fields).encode().ljust(length)


def mib(path, frames, row=None, pause=0.005, scatter=0.0, seconds=1e-3, first=1, **options):
    """A file of frames (F, Ky, Kx); after each `row` of them a pause [s], all times scattered."""
    random, when = np.random.default_rng(0), BEGIN
    code = options.pop("code", "U16")
    with open(path, "wb") as file:
        for number, frame in enumerate(frames):
            if number:
                wait = seconds + scatter * random.normal()
                wait += pause if row and number % row == 0 else 0
                when += datetime.timedelta(seconds=wait)
            head = header(number + first, frame.shape, code, when, seconds, **options)
            file.write(head + frame[::-1].astype(BYTES[code]).tobytes())
    return path


def hdr(path, frames, trigger, *more):
    """The text beside, with the number of frames in all and after each trigger."""
    lines = ["HDR,\t", "Counter Depth (number):\t12", *more]
    lines += [f"Frames in Acquisition (Number):\t{frames}"]
    lines += [f"Frames per Trigger (Number):\t{trigger}", "End\t"]
    path.write_bytes("\n".join(lines).encode("cp1252"))
