"""DigitalMicrograph files for tests, version 3 or 4, after the format's published descriptions."""

import struct

import numpy as np

TYPES = {"i4": 3, "u2": 4, "u4": 5, "f4": 6, "f8": 7, "u1": 10}
PIXELS = {"f4": 2, "u1": 6, "u2": 10}
"""Numbers of the types: of tags, and of images."""


def _number(version, value):
    return struct.pack(">q" if version == 4 else ">i", value)


def _data(version, value):
    if isinstance(value, str):
        value = np.array([ord(c) for c in value], "<u2")
    if isinstance(value, np.ndarray):
        kind = TYPES[value.dtype.str[1:]]
        info, content = (20, kind, value.size), value.tobytes()
    elif isinstance(value, float):
        info, content = (TYPES["f8"],), struct.pack("<d", value)
    else:
        info, content = (TYPES["u4"],), struct.pack("<I", value)
    numbers = b"".join(_number(version, n) for n in (len(info), *info))
    return b"%%%%" + numbers + content


def _group(version, entries):
    body = b"".join(_tag(version, name, value) for name, value in entries.items())
    return b"\1\0" + _number(version, len(entries)) + body


def _tag(version, name, value):
    name = b"" if name.startswith("#") else name.encode("latin-1")
    group = isinstance(value, dict)
    content = (_group if group else _data)(version, value)
    size = _number(4, len(content)) if version == 4 else b""
    return bytes([20 if group else 21]) + struct.pack(">h", len(name)) + name + size + content


def image(data, scale=(1.0, 1.0), units="nm", **tags):
    """Tags of an image (any axes, slowest first; scales likewise) with its ImageTags."""
    units = (units,) * len(scale) if isinstance(units, str) else units
    dimensions = {f"#{n}": int(size) for n, size in enumerate(data.shape[::-1])}
    calibrations = {
        f"#{n}": {"Origin": 0.0, "Scale": float(s), "Units": u}
        for n, (s, u) in enumerate(zip(scale[::-1], units[::-1], strict=True))
    }
    brightness = {"Origin": 0.0, "Scale": 1.0, "Units": "e-"}
    return {
        "ImageData": {
            "Calibrations": {"Brightness": brightness, "Dimension": calibrations},
            "Data": data.ravel(),
            "DataType": PIXELS[data.dtype.str[1:]],
            "Dimensions": dimensions,
            "PixelDepth": data.dtype.itemsize,
        },
        "ImageTags": tags,
        "Name": "scan",
    }


def write_dm(path, *images, version=4):
    """A file with these images."""
    root = _group(version, {"ImageList": {f"#{n}": tags for n, tags in enumerate(images)}})
    head = struct.pack(">i", version) + _number(version, len(root)) + struct.pack(">i", 1)
    path.write_bytes(head + root + bytes(8))
    return path


MICROSCOPE = {
    "Microscope Info": {"Voltage": 80e3, "STEM Camera Length": 135.0, "Name": "TEAM I"},
    "DigiScan": {"Rotation": 90.0, "Sample Time": 12.0},
}
