"""Dectris detectors: both versions of the SIMPLON API's stream.

Version 1 (port 9999) is of JSON and binary parts:

    dheader-1.0 and the detector's configuration
    of each image: dimage-1.0 (frame), dimage_d-1.0 (shape x, y; type; encoding), its pixels,
        dconfig-1.0
    dseries_end-1.0

Version 2 (port 31001) is of one CBOR message each: start, image, end. Pixels are a tag 40
(dimensions, contents), a typed array (tags 64, 69, 70) and, where they are compressed, a tag 56500
(algorithm, bytes of an element, bytes).

Sources: SIMPLON API reference; Dectris' "Stream V2" and "CBOR Tag for DECTRIS Compressed Byte
Strings"; LiberTEM-rs, libertem_dectris 0.3.2 (MIT), whose simulator the tests hold version 1 to.
Pixels at the largest number of their type are masked by the detector and count as zero.
"""

import json
from collections.abc import Iterator

import numpy as np

from recon.kernels.decode import bitshuffle
from recon.live.source import Began
from recon.live.wire.words import Frames, Over
from recon.scan.low_counts import electrons_in

TYPES = {"uint8": "<u1", "uint16": "<u2", "uint32": "<u4"}
TAGS = {64: "<u1", 69: "<u2", 70: "<u4"}
ARRAY, COMPRESSED = 40, 56500
LARGEST_SIDE = 1 << 14
LARGEST_COUNT = 1 << 40
WITH_DATA = ("dflatfield", "dpixelmask", "dcountrate_table")
"""Parts of version 1 that are followed by one which is not looked at."""


class DectrisDecoder:
    """Understands messages: see `recon.live.wire.words.Decoder`.

    Parameters
    ----------
    scan_shape : (Sy, Sx), optional
        Scan positions; else triggers and images of each make rows and columns.
    """

    def __init__(self, scan_shape=None):
        self._asked = scan_shape
        self._shape = self._form = self._frame = self._number = None
        self._next = "json"
        self._kept: list = []
        self.left: list = []

    def feed(self, messages) -> Iterator[Began | Frames | Over]:
        """What messages (lists of their parts) say."""
        self.left = list(messages)
        try:
            while self.left:
                parts = self.left.pop(0)
                if len(parts) == 1 and parts[0][:1] != b"{" and self._next == "json":
                    yield from self._cbor(parts[0])
                else:
                    for part in parts:
                        yield from self._part(part)
        except ValueError:
            # What came before is sound.
            yield from self._together()
            raise
        yield from self._together()

    def _part(self, part):
        """A part of a message of version 1."""
        if self._next == "pixels":
            self._next = "json"
            shape, dtype, encoding = self._coded
            yield from self._image(self._index, _decoded(part, shape, dtype, encoding))
            return
        if self._next == "other":
            self._next = "json"
            return
        try:
            said = json.loads(part)
            kind = str(said.get("htype", ""))
            if kind.startswith("dheader"):
                yield from self._together()
                self._shape, self._number = None, int(said["series"])
            elif kind.startswith("dimage_d"):
                (x, y), dtype = map(int, said["shape"]), TYPES[said["type"]]
                self._coded, self._next = ((y, x), dtype, str(said["encoding"])), "pixels"
            elif kind.startswith("dimage"):
                self._index = int(said["frame"])
            elif kind.startswith("dseries_end"):
                yield from self._together()
                yield Over()
            elif kind.startswith(WITH_DATA):
                self._next = "other"
            elif not kind and "ntrigger" in said:
                self._announce(int(said["ntrigger"]), int(said["nimages"]))
        except (LookupError, TypeError, AttributeError, UnicodeDecodeError) as error:
            raise ValueError(f"a part that is none of Dectris' ({error!r:.80})") from error

    def _cbor(self, message):
        """A message of version 2."""
        import cbor2  # of the extra [live]

        try:
            said = cbor2.loads(message)
            kind = said["type"]
            if kind == "start":
                yield from self._together()
                self._shape, self._number = None, int(said["series_id"])
                self._announce(1, int(said["number_of_images"]))
            elif kind == "image":
                # Of several thresholds the first one.
                array = next(iter(said["data"].values()))
                yield from self._image(int(said["image_id"]), _array(array))
            elif kind == "end":
                yield from self._together()
                yield Over()
        except (LookupError, TypeError, AttributeError, StopIteration, cbor2.CBORError) as error:
            raise ValueError(f"a message that is none of Dectris' ({error!r:.80})") from error

    def _announce(self, triggers, images):
        shape = self._asked or ((triggers, images) if min(triggers, images) > 1 else None)
        if shape is None:
            raise ValueError("it does not say how frames fill the scan: give the scan shape")
        self._shape, self._form = tuple(shape), None

    def _image(self, index, pixels):
        """Keep a frame; the scan begins with its first one, which tells the detector."""
        if self._shape is None:
            raise ValueError("an image came before the beginning of its series")
        form = pixels.shape, pixels.dtype
        if self._form is None:
            self._form = form
            yield Began(self._shape, pixels.shape, self._number)
        elif form != self._form:
            raise ValueError(f"an image of {form[0]} pixels in a series of {self._form[0]}")
        if not 0 <= index < LARGEST_COUNT:
            raise ValueError(f"an image of number {index}")
        self._kept.append((index, pixels))

    def _together(self):
        if not self._kept:
            return
        indices, slabs = zip(*self._kept, strict=True)
        self._kept = []
        slab = np.stack(slabs)
        slab[slab == np.iinfo(slab.dtype).max] = 0
        yield Frames(*electrons_in(slab), np.array(indices))


def _array(tag):
    """(Ky, Kx) pixels of a tag 40 of version 2."""
    if tag.tag != ARRAY:
        raise ValueError(f"pixels in a tag {tag.tag}")
    shape, typed = tag.value
    dtype, content = TAGS[typed.tag], typed.value
    algorithm = "<"
    if not isinstance(content, bytes):
        if content.tag != COMPRESSED:
            raise ValueError(f"pixels compressed as tag {content.tag}")
        name, size, content = content.value
        if name not in ("bslz4", "lz4"):
            raise ValueError(f"pixels compressed by {name!r:.20}")
        algorithm = f"bs{8 * int(size)}-lz4<" if name == "bslz4" else "framed lz4"
    shape = tuple(int(n) for n in shape)
    if len(shape) != 2:
        raise ValueError(f"an image of {len(shape)} dimensions")
    return _decoded(content, shape, dtype, algorithm)


def _decoded(data, shape, dtype, encoding):
    """(Ky, Kx) pixels of the bytes of an image."""
    dtype = np.dtype(dtype)
    if not all(1 <= n <= LARGEST_SIDE for n in shape):
        raise ValueError(f"an image of {shape} pixels")
    size = shape[0] * shape[1] * dtype.itemsize
    out = np.zeros(size, np.uint8)
    raw = np.frombuffer(data, np.uint8)
    if encoding == "<":
        sound = raw.size == size
        out = raw.copy()
    elif encoding == f"bs{8 * dtype.itemsize}-lz4<":
        sound = _unshuffled(raw, dtype.itemsize, out)
    elif encoding == "lz4<":
        sound = bitshuffle.decompress(raw, 0, raw.size, out, size)
    elif encoding == "framed lz4":
        sound = _framed(raw, out)
    else:
        raise ValueError(f"images are encoded as {encoding!r:.20}, which is not known")
    if not sound:
        raise ValueError(f"an image of {raw.size} bytes as {encoding} that is damaged")
    return out.view(dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _unshuffled(raw, size, out):
    if raw.size < bitshuffle.HEADER:
        return False
    # Detectors may leave the number of bytes out of its header.
    head = np.frombuffer(out.size.to_bytes(8, "big"), np.uint8)
    raw, sound = np.concatenate([head, raw[8:]]), np.zeros(1, bool)
    one = np.zeros(1, np.int64), np.array([raw.size])
    bitshuffle.chunks(raw, *one, size, out.reshape(1, -1), sound)
    return bool(sound[0])


def _framed(raw, out):
    """LZ4 in blocks: 8 bytes of all, 4 bytes of a block (big-endian), then each with its size."""
    if raw.size < bitshuffle.HEADER:
        return False
    block = int.from_bytes(raw[8:12].tobytes(), "big")
    if int.from_bytes(raw[:8].tobytes(), "big") != out.size or block < 1:
        return False
    at, place = bitshuffle.HEADER, 0
    while place < out.size:
        packed = int.from_bytes(raw[at : at + 4].tobytes(), "big")
        at, stop = at + 4, min(block, out.size - place)
        if packed < 1 or packed > raw.size - at:
            return False
        part = out[place : place + stop]
        if packed == stop:  # it would not have become smaller
            part[:] = raw[at : at + packed]
        elif not bitshuffle.decompress(raw, at, at + packed, part, stop):
            return False
        at, place = at + packed, place + stop
    return at == raw.size
