"""Sparse matrices in an `.npz` archive, as `scipy.sparse.save_npz` and `sparse.save_npz` write.

    format, shape, data, indices, indptr     scipy: csr, csc
    format, shape, data, row, col            scipy: coo with two dimensions
    format, shape, data, coords              scipy: coo; without `format`: sparse.COO
    compressed_axes, shape, data, indices, indptr     sparse.GCXS: rows are those axes, flattened

One row is a scan position, one column a detector pixel; four dimensions are (Sy, Sx, Ky, Kx).
With two, the shape of the scan has to be asked for, and that of a detector that is not square.
"""

from math import prod
from pathlib import Path

import numpy as np

from recon.errors import UnreadableFile
from recon.io.events import npz
from recon.io.events.sparse import from_compressed, from_coordinates
from recon.io.scanning import without_last_column
from recon.scan.events import ElectronEvents, Source

NAME = "sparse NPZ"
OPTIONS = {"frame_shape": "detector pixels (rows, columns), where they are no square"}
EXPANSION = 64
"""Electrons for each byte of the file that counts may stand for, beyond `ALLOWANCE`."""
ALLOWANCE = 1 << 26


def matches(path: Path) -> bool:
    """Whether the file is a zip archive of the arrays of a sparse matrix."""
    found = npz.names(path)
    return {"shape", "data"} <= found and bool(found & {"format", "coords", "compressed_axes"})


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
        if "fill_value" in archive and np.any(archive.small("fill_value") != 0):
            raise UnreadableFile(
                f"what is not listed counts {archive.small('fill_value')}, not 0: no sparse counts"
            )
        if form in ("csr", "csc"):
            indptr, indices = (archive.array(name, "iu") for name in ("indptr", "indices"))
            parts = (indptr, indices, data, shape, form == "csc")
            events = from_compressed(*parts, scan_shape, frame_shape, **options)
        else:
            coords = _compressed(archive, shape) if form == "gcxs" else _coords(archive)
            events = from_coordinates(coords, data, shape, scan_shape, frame_shape, **options)
    return without_last_column(events) if keep_flyback is False else events


def _format(archive):
    if "compressed_axes" in archive:
        return "gcxs"
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


def _compressed(archive, shape):
    """(dimensions, N) coordinates of GCXS: rows are some axes, flattened, columns the others."""
    axes = archive.array("compressed_axes", "iu").tolist()
    others = [axis for axis in range(len(shape)) if axis not in axes]
    if sorted([*axes, *others]) != list(range(len(shape))) or not others:
        raise UnreadableFile(f"no array of {len(shape)} dimensions has the rows {axes[:8]}")
    indptr, indices = (archive.array(name, "iu").astype(np.int64) for name in ("indptr", "indices"))
    rows, columns = ([shape[axis] for axis in some] for some in (axes, others))
    if indptr.size != prod(rows) + 1:
        raise UnreadableFile(f"indptr has {indptr.size} entries for {prod(rows)} lines: damaged")
    if indptr[0] != 0 or indptr[-1] != len(indices) or np.any(indptr[1:] < indptr[:-1]):
        raise UnreadableFile(
            f"indptr does not rise from 0 to the {len(indices)} stored counts: damaged"
        )
    if len(indices) and (indices.min() < 0 or indices.max() >= prod(columns)):
        raise UnreadableFile(f"an index lies outside of {prod(columns)} columns: damaged")
    coords = np.empty((len(shape), len(indices)), np.int64)
    coords[axes] = np.unravel_index(np.repeat(np.arange(indptr.size - 1), np.diff(indptr)), rows)
    coords[others] = np.unravel_index(indices, columns)
    return coords


def _coords(archive):
    if "coords" in archive:
        return archive.array("coords", "iu", dimensions=2)
    return np.stack([archive.array(name, "iu").astype(np.int64) for name in ("row", "col")])
