"""Timepix3 by Accos: sparse rows over TCP, as LiberTEM receives them.

Headers of 32 bytes, little-endian; the first byte says of what.

    0  acquisition  version (7), format (0 CSR, 1 times over threshold), Sy, Sx (uint16), dtype of
                    indptr, Ky, Kx (uint16), dtype of indices, sequence (uint32)
    1  scan         sequence (uint32), bytes of JSON that follow (uint64)
    2  chunk        dtype of the values, frames, entries, where indices and values begin (uint32
                    each, from the chunk's beginning); then its bytes: indptr, indices, values
    3  end of scan, 4  end of acquisition: sequence (uint32)

Source: LiberTEM-rs, libertem_asi_tpx3 0.3.2 (MIT), whose receiver and simulator the tests hold
this to. It is not used for receiving: it keeps a sender that has vanished to itself, along with
what it holds of the scan.
"""

import struct
from collections.abc import Iterator

import numpy as np

from recon.live.source import Began
from recon.live.wire.words import Frames, Over
from recon.scan.events import ElectronEvents

SIZE = 32
DTYPES = {2: "<u1", 3: "<u2", 4: "<u4", 5: "<u8"}
ACQUISITION, SCAN, CHUNK, END = "<BBBHHBHHBI15x", "<BIQ19x", "<BBIIII14x", "<BI27x"
VERSION, CSR, TOT = 7, 0, 1
LARGEST = 1 << 30
"""Bytes of a chunk or of a scan's JSON."""


class AccosDecoder:
    """Understands the stream: see `recon.live.wire.words.Decoder`."""

    left = b""

    def __init__(self):
        self._rest, self._start, self._scanning = b"", None, False

    def feed(self, data: bytes) -> Iterator[Began | Frames | Over]:
        """See `Decoder`."""
        self._rest = data = self._rest + data if self._rest else data
        while len(data) >= SIZE:
            words, used = self._one(data)
            if not used:
                break
            self._rest = data = data[used:]
            yield from words

    def _one(self, data):
        """What the first header says with what follows it, and their bytes; 0 if more must come."""
        tag = data[0]
        if tag == 0:
            self._start = self._acquisition(data)
            return [], SIZE
        if self._start is None or tag > 4:
            raise ValueError(f"a header of kind {tag}, where an acquisition should begin")
        if tag == 1:
            _, sequence, size = struct.unpack_from(SCAN, data)
            if size > LARGEST:
                raise ValueError(f"{size} bytes of metadata")
            self._scanning = True
            began = Began(*self._start[:2], sequence)
            return ([began], SIZE + size) if len(data) >= SIZE + size else ([], 0)
        if tag == 2:
            return self._chunk(data)
        scanning, self._scanning = self._scanning, False
        return [Over()] if scanning else [], SIZE

    @staticmethod
    def _acquisition(data):
        _, version, kind, sy, sx, indptr, ky, kx, indices, _ = struct.unpack_from(ACQUISITION, data)
        if kind not in (CSR, TOT) or not {indptr, indices} <= DTYPES.keys():
            raise ValueError(f"version {version} of the format, kind {kind}, is not known")
        if min(sy, sx, ky, kx) < 1:
            raise ValueError(f"a scan of {sy} × {sx} positions and {ky} × {kx} pixels")
        return (sy, sx), (ky, kx), DTYPES[indptr], DTYPES[indices], kind

    def _chunk(self, data):
        _, value, frames, entries, *begins = struct.unpack_from(CHUNK, data)
        if value not in DTYPES:
            raise ValueError(f"values of type {value} in a chunk")
        _, _, indptr, indices, kind = self._start
        sizes = [
            (frames + 1) * np.dtype(indptr).itemsize,
            entries * np.dtype(indices).itemsize,
            entries * np.dtype(DTYPES[value]).itemsize,
        ]
        size, starts = sum(sizes), [0, *begins]
        if size > LARGEST or any(s + n > size for s, n in zip(starts, sizes, strict=True)):
            raise ValueError(f"a chunk of {frames} frames and {entries} entries, {size} bytes")
        if len(data) < SIZE + size:
            return [], 0
        ends = np.frombuffer(data, indptr, frames + 1, SIZE).astype(np.int64)
        pixels = np.frombuffer(data, indices, entries, SIZE + starts[1])
        values = np.frombuffer(data, DTYPES[value], entries, SIZE + starts[2])
        if ends[0] or ends[-1] != entries or np.any(np.diff(ends) < 0):
            raise ValueError("a chunk whose frames do not follow each other")
        # What is beyond 32 bits lies off the detector, and is told as such.
        pixels = np.minimum(pixels, np.uint32(0xFFFFFFFF)).astype(np.uint32)
        counts = np.diff(ends)
        if kind == CSR and not np.all(values == 1):
            if int(values.max()) > LARGEST:
                raise ValueError(f"{values.max()} electrons on a pixel")
            values = values.astype(np.int64)
            sums = np.concatenate([[0], np.cumsum(values)])
            counts, pixels = np.diff(sums[ends]), np.repeat(pixels, values)
        return [Frames(counts, pixels)], SIZE + size


class AccosWords:
    """What Accos says of a scan: see `recon.live.senders.over_tcp.Words`."""

    def before(self, scan: ElectronEvents, number: int) -> bytes:
        """See `Words`; an acquisition of one scan."""
        shapes = *scan.scan_shape, 4, *scan.frame_shape, 4
        start = struct.pack(ACQUISITION, 0, VERSION, CSR, *shapes, number)
        return start + struct.pack(SCAN, 1, number, 0)

    def frames(self, scan: ElectronEvents, first: int, last: int) -> Iterator[bytes]:
        """See `Words`."""
        yield chunk(scan, first, last)

    def after(self, number: int) -> bytes:
        """See `Words`."""
        return struct.pack(END, 3, number) + struct.pack(END, 4, number)


def chunk(scan: ElectronEvents, first: int, last: int) -> bytes:
    """The frames first..last: of each frame its pixels in ascending order, with their electrons."""
    offsets = scan.offsets[first : last + 1] - scan.offsets[first]
    pixels = scan.pixels[scan.offsets[first] : scan.offsets[last]].astype(np.uint64)
    frames = np.repeat(np.arange(last - first, dtype=np.uint64), np.diff(offsets))
    keys, values = np.unique(frames << np.uint64(32) | pixels, return_counts=True)
    ends = np.searchsorted(keys >> np.uint64(32), np.arange(last - first + 1))
    parts = [ends.astype("<u4"), keys.astype(np.uint32).astype("<u4"), values.astype("<u4")]
    places = parts[0].nbytes, parts[0].nbytes + parts[1].nbytes
    header = struct.pack(CHUNK, 2, 4, last - first, keys.size, *places)
    return header + b"".join(part.tobytes() for part in parts)
