"""Sparse matrices in an `.npz` archive, as `scipy.sparse.save_npz` and `sparse.save_npz` write.

    format, shape, data, indices, indptr     scipy: csr, csc
    format, shape, data, row, col            scipy: coo with two dimensions
    format, shape, data, coords              scipy: coo; without `format`: sparse.COO

One row is a scan position, one column a detector pixel; four dimensions are (Sy, Sx, Ky, Kx).
With two, the shape of the scan has to be asked for, and that of a detector that is not square.
"""

from pathlib import Path

import numpy as np

from recon.errors import UnreadableFile
from recon.events import ElectronEvents, Source
from recon.io import npz
from recon.io.scanning import without_last_column
from recon.io.sparse import from_compressed, from_coordinates

NAME = "sparse NPZ"
OPTIONS = {"frame_shape": "detector pixels (rows, columns), where they are no square"}
EXPANSION = 64
"""Electrons for each byte of the file that counts may stand for, beyond `ALLOWANCE`."""
ALLOWANCE = 1 << 26


def matches(path: Path) -> bool:
    """Whether the file is a zip archive of the arrays of a sparse matrix."""
    found = npz.names(path)
    return {"shape", "data"} <= found and bool(found & {"format", "coords"})


def read(
    path: Path, *, keep_flyback=None, scan_shape=None, frame_shape=None, progress
) -> ElectronEvents:
    """Events of a file; see `recon.io.open_events`."""
    with npz.opened(path) as archive:
        form = _format(archive)
        shape = archive.array("shape", "iu")
        if shape.size not in (2, 4) or shape.min() < 1 or shape.max() > 1 << 62:
            raise UnreadableFile(f"no scan has the shape {shape[:8].tolist()}")
        shape = tuple(int(length) for length in shape)
        data = archive.array("data", "iufb", progress=lambda fraction: progress(fraction / 2))
        options = {
            "source": Source(
                path.name, f"{NAME}, {form} of shape {' × '.join(str(n) for n in shape)}"
            ),
            "most": EXPANSION * path.stat().st_size + ALLOWANCE,
        }
        if form in ("csr", "csc"):
            indptr, indices = (archive.array(name, "iu") for name in ("indptr", "indices"))
            parts = (indptr, indices, data, shape, form == "csc")
            events = from_compressed(*parts, scan_shape, frame_shape, **options)
        else:
            coords = _coords(archive)
            events = from_coordinates(coords, data, shape, scan_shape, frame_shape, **options)
    return without_last_column(events) if keep_flyback is False else events


def _format(archive):
    if "format" not in archive:
        return "COO"
    form = archive.small("format")
    text = form.item() if form.size == 1 else ""
    text = text.decode("ascii", "replace") if isinstance(text, bytes) else str(text)
    if text not in ("csr", "csc", "coo"):
        raise UnreadableFile(
            f"a sparse matrix of format {text[:20]!r} is not supported: store it as csr"
        )
    return text


def _coords(archive):
    if "coords" in archive:
        return archive.array("coords", "iu", dimensions=2)
    return np.stack([archive.array(name, "iu").astype(np.int64) for name in ("row", "col")])
