"""NanoMEGAS block files (`.blo`): a header, a virtual image, and 8-bit frames after six bytes each.

Fields as RosettaSciIO's `blockfile` reads them: scan steps in nm, beam energy in V, camera length
in 0.1 mm. The angles of scan and pattern are left out: their signs are not known.
"""

from pathlib import Path

import numpy as np

from recon.errors import UnreadableFile
from recon.io.dense.arrays import Array, step
from recon.io.dense.axes import Axis, backwards
from recon.io.dense.records import Records

NAME = "NanoMEGAS block file"
MAGIC = 0x0102
BEFORE = 6
"""Bytes before each frame: a mark and its number."""
HEADER = np.dtype(
    {
        "names": ["id", "magic", "data", "size", "nx", "ny", "sx", "sy", "energy", "length"],
        "formats": ["S6", "<u2", "<u4", "<u2", "<u2", "<u2", "<f8", "<f8", "<u4", "<u4"],
        "offsets": [0, 6, 12, 20, 24, 26, 30, 38, 46, 52],
        "itemsize": 56,
    }
)


def matches(path: Path) -> bool:
    """Whether a file begins as block files do."""
    with open(path, "rb") as file:
        start = file.read(8)
    return start[:4] == b"IMGB" and start[6:8] == MAGIC.to_bytes(2, "little")


def read(path: Path, asked=None) -> Array:
    """The frames that are there."""
    with open(path, "rb") as file:
        start = file.read(HEADER.itemsize)
    if len(start) < HEADER.itemsize:
        raise UnreadableFile("the header is cut off")
    header = np.frombuffer(start, HEADER)[0]
    shape = int(header["ny"]), int(header["nx"])
    size, offset = int(header["size"]), int(header["data"])
    there = path.stat().st_size
    if size < 1 or offset + BEFORE + size * size > there:
        raise UnreadableFile(
            f"a scan of {shape[0]} × {shape[1]} frames of {size} × {size} pixels, of which the "
            f"file of {there} bytes holds none: it is cut off or damaged"
        )
    record = np.dtype([("before", f"V{BEFORE}"), ("frame", "u1", (size, size))])
    stated = shape if min(shape) > 0 else None
    records = Records([(path, offset)], record, most=shape[0] * shape[1] if stated else None)
    notes = records.cut() + backwards([Axis(scale=float(header[name])) for name in ("sy", "sx")])
    if records.beyond:
        more = "1 frame more" if records.beyond == 1 else f"{records.beyond} frames more"
        notes += (f"The file is long enough for {more} than its header speaks of: left out.",)
    said = step(header["sy"], header["sx"], "nm", "header SY, SX")
    if header["energy"]:
        said["energy"] = (float(header["energy"]), "header Beam_energy")
    if header["length"]:
        said["camera_length"] = (float(header["length"]) * 1e-4, "header Camera_length")
    return Array(records, path.name, NAME, said, stated, "its header", notes=notes)
