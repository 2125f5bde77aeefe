"""Arrays of frames in Zarr folders or `.zip` stores: HyperSpy's `.zspy`, and any other.

What is stored plainly is read here. Codecs are native code, and may be told to make any size of
what they read: they run in a process of their own (`recon.io.files.apart`), and only those named
here.
"""

import re
import zipfile
from pathlib import Path

import numpy as np

from recon.errors import UnreadableFile
from recon.io.dense.arrays import Array, hyperspy
from recon.io.dense.axes import Axis
from recon.io.dense.choosing import OPTIONS, Found, chosen
from recon.io.dense.emd import number
from recon.io.files.apart import Apart

__all__ = ["NAME", "OPTIONS", "matches", "read"]

NAME = "Zarr (HyperSpy, any array)"
SIGNS = (".zgroup", ".zarray", "zarr.json")
MOST_OBJECTS = 10_000
MOST_CHUNKS = 100_000
"""Chunks of an array that are looked for."""
XARRAY = "_ARRAY_DIMENSIONS"
"""Attribute in which xarray names the axes of an array of Zarr's version 2."""
PLAIN = frozenset({"bytes", "transpose"})
"""Codecs that move bytes about."""
COMPRESSORS = frozenset({"blosc", "zlib", "gzip", "zstd", "lz4", "bz2", "lzma"})
FILTERS = frozenset({"shuffle", "delta", "fixedscaleoffset", "bitround", "quantize", "astype"})
CHECKS = frozenset({"crc32", "crc32c", "adler32", "fletcher32"})
CODECS = COMPRESSORS | FILTERS | CHECKS | {"packbits", "sharding_indexed"}
"""Others that are known. Those that make Python's objects (pickle) are not among them."""


def matches(path: Path) -> bool:
    """Whether a folder, or an archive, holds a Zarr group or array at its root."""
    if path.is_dir():
        return any((path / sign).is_file() for sign in SIGNS)
    if not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(sign in archive.namelist() for sign in SIGNS)
    except Exception:
        # A damaged table of contents fails in many ways.
        return False


class _Stored:
    """A Zarr array whose errors are `UnreadableFile`, under whatever name they are reported."""

    def __init__(self, array, path):
        self.array, self.shape, self.dtype = array, array.shape, np.dtype(array.dtype)
        self.path, self.apart = path, Apart("Zarr") if _codecs(array) - PLAIN else None

    def __getitem__(self, index):
        if self.apart is not None:
            return self._read_apart(index if isinstance(index, tuple) else (index,))
        try:
            return np.asarray(self.array[index])
        except MemoryError:
            raise
        except Exception as error:
            raise UnreadableFile(f"the store is damaged (Zarr says: {error})") from error

    def _read_apart(self, index):
        whole = [slice(None)] * (len(self.shape) - len(index))
        ranges = [part.indices(n)[:2] for part, n in zip((*index, *whole), self.shape, strict=True)]
        return self.apart.read(self.path, self.array.path, ranges)


def _codecs(array):
    """Names of the codecs of an array, those within shards included.

    Raises
    ------
    UnreadableFile
        If one of them is not known.
    """
    described = array.metadata.to_dict()
    waiting = [*(described.get("codecs") or ()), described.get("compressor")]
    waiting += described.get("filters") or ()
    found = set()
    while waiting:
        codec = waiting.pop()
        codec = codec.to_dict() if hasattr(codec, "to_dict") else codec
        codec = codec.get_config() if hasattr(codec, "get_config") else codec
        if not codec:
            continue
        name = str(codec.get("name", codec.get("id"))).removeprefix("numcodecs.")
        if name not in PLAIN | CODECS:
            raise UnreadableFile(
                f"the Zarr array is coded with {name[:40]}, which is not read: store it with "
                "Blosc, Zstd or gzip"
            )
        found.add(name)
        configuration = codec.get("configuration") or {}
        waiting += [*configuration.get("codecs", ()), *configuration.get("index_codecs", ())]
    return found


def read(path: Path, asked=None, dataset=None) -> Array:
    """The largest array of three or four dimensions in the store, or the `dataset` of a name."""
    try:
        import zarr
    except ImportError as error:
        raise UnreadableFile("it is a Zarr store; run `pip install zarr` to read it") from error
    try:
        store = path if path.is_dir() else zarr.storage.ZipStore(path, mode="r")
        root = zarr.open(store, mode="r")
        found = list(_arrays(root))
    except UnreadableFile:
        raise
    except Exception as error:
        raise UnreadableFile(f"the store is damaged (Zarr says: {error})") from error
    by_name = {f"/{array.path.strip('/')}": (array, parent) for array, parent in found}
    arrays = [
        Found(name, array.shape, np.dtype(array.dtype)) for name, (array, _) in by_name.items()
    ]
    name, notes = chosen(arrays, dataset, "Zarr store")
    array, parent = by_name[name]
    said, axes = _said(array, parent)
    # Of a folder: what is written anew with the array.
    described = [path / array.path / name for name in SIGNS] if path.is_dir() else []
    stored = _Stored(array, path)
    notes += _missing(array)
    return Array(stored, path.name, NAME, said, axes=axes, beside=described, notes=notes)


def _missing(array):
    """A sentence if parts of an array are not in the store: Zarr reads its fill value for them."""
    if array.nchunks > MOST_CHUNKS:
        return ()
    try:
        missing = array.nchunks - array.nchunks_initialized
    except Exception as error:
        # A damaged store fails in many ways.
        raise UnreadableFile(f"the store is damaged (Zarr says: {error})") from error
    if missing <= 0:
        return ()
    are, read = ("is", "reads") if missing == 1 else ("are", "read")
    return (
        f"{missing} of the {array.nchunks} parts (chunks) of /{array.path} {are} not in the store "
        f"and {read} {array.fill_value}: empty when it was written, or lost.",
    )


def _arrays(root):
    """(array, group that holds it) for each array."""
    import zarr

    if isinstance(root, zarr.Array):
        yield root, None
        return
    waiting, seen = [root], 0
    while waiting:
        group = waiting.pop()
        for _, item in sorted(group.members()):
            seen += 1
            if seen > MOST_OBJECTS:
                return
            if isinstance(item, zarr.Group):
                waiting.append(item)
            else:
                yield item, group


def _said(array, parent):
    """What HyperSpy or abTEM say of the scan, and what they, or Zarr, say of each axis."""
    if found := _abtem(array, parent):
        return found
    names = getattr(array.metadata, "dimension_names", None) or array.attrs.get(XARRAY)
    names = names if isinstance(names, list | tuple) else ()
    named = tuple(Axis(str(name or "")) for name in names)
    try:
        found = [dict(parent[f"axis-{n}"].attrs) for n in range(array.ndim)]
    except (KeyError, TypeError, ValueError):
        return {}, named
    axes = tuple(
        Axis(str(a.get("name") or ""), number(a.get("scale")), str(a.get("units") or ""))
        for a in found
    )
    try:
        notes = dict(parent["metadata/Acquisition_instrument/TEM"].attrs)
    except (KeyError, TypeError, ValueError):
        return {}, axes
    return hyperspy(notes.get), axes


def _abtem(array, parent):
    """As `_said`, of what abTEM keeps beside `array0` of a measurement: x before y; or None."""
    number_of = re.fullmatch(r"array(\d+)", array.path.rsplit("/", 1)[-1])
    notes = parent.attrs.get(f"metadata{number_of[1]}") if parent and number_of else None
    axes = notes.get("axes") if isinstance(notes, dict) else None
    told = [axes.get(f"axis_{n}") for n in range(array.ndim)] if isinstance(axes, dict) else []
    if not told or not all(isinstance(axis, dict) for axis in told):
        return None
    values = {name: number(notes.get(name)) for name in ("energy", "semiangle_cutoff")}
    said = {name: (value, f"abTEM: {name}") for name, value in values.items() if value > 0}
    return said, tuple(
        Axis(str(a.get("label") or ""), number(a.get("sampling")), str(a.get("units") or ""))
        for a in told
    )
