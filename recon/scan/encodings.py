"""The encodings of electron events that cameras and the paper use, there and back.

    encoding      a frame with hits at 27, 30    refused
    linear        27, 30                         nothing
    differences   27, 3                          unsorted frames
    empty runs    27, 2                          unsorted frames, two hits in a pixel of a frame
    bitmap        bits 27 and 30 set             unsorted frames, two hits in a pixel of a frame

All but the linear index keep the hits of a frame without the order in which they were listed.
That order means nothing to any sum, but a round trip that lost it in silence would not be
exact: unsorted frames are refused unless the caller asks for them to be sorted. Two hits in one
pixel are electrons that an empty run (it would be -1 pixels long) or a bit cannot hold.

Differences are the paper's run lengths (Fig. 1c); empty runs are those of Falcon cameras, as
whole numbers, without the code words and sub-pixel bits of their files.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np

from recon.kernels.decode import encodings as kernels
from recon.scan.events import ElectronEvents, Source

Encoding = Literal["linear", "differences", "empty runs", "bitmap"]

LARGEST_BITMAP = 4 << 30
"""Bytes of bitmaps that are made at once: a bitmap holds every pixel, hit or not."""


@dataclass(frozen=True, eq=False)
class EncodedEvents:
    """The electrons of a scan in one of the encodings.

    Parameters
    ----------
    encoding : {"linear", "differences", "empty runs", "bitmap"}
        What the values mean.
    values : (E,) uint32 array, or (F, ceil(Ky * Kx / 8)) uint8 array of bitmaps
        Linear indices, or run lengths, of which the first in a frame is counted from the
        detector's first pixel and so is the index itself. A byte of a bitmap holds 8 pixels, the
        first in its highest bit; bits after the last pixel are zero.
    offsets : (F + 1,) int64 array, or None for bitmaps
        The values of position f are `values[offsets[f]:offsets[f + 1]]`.
    scan_shape, frame_shape, metadata, source
        As in `ElectronEvents`.
    """

    encoding: Encoding
    values: np.ndarray
    offsets: np.ndarray | None
    scan_shape: tuple[int, int]
    frame_shape: tuple[int, int]
    metadata: dict[str, Any] = field(default_factory=dict)
    source: Source = field(default_factory=lambda: Source("memory", "events in memory"))


def encode(events: ElectronEvents, encoding: Encoding, *, sort: bool = False) -> EncodedEvents:
    """A scan in another encoding, from which `decode` makes exactly the same events.

    Parameters
    ----------
    events : ElectronEvents
        The scan.
    encoding : {"linear", "differences", "empty runs", "bitmap"}
        See the module.
    sort : bool
        List the hits of each frame in ascending order first. The same electrons then come back,
        in that order.

    Raises
    ------
    ValueError
        If the encoding cannot hold these events, or bitmaps would be too large.
    """
    _check(encoding)
    events.check_pixels()
    pixels = events.pixels
    if sort:
        pixels = pixels.copy()
        kernels.sort_frames(pixels, events.offsets)
    if encoding != "linear":
        _refuse_losses(pixels, events, encoding)
    offsets = events.offsets
    if encoding == "bitmap":
        values, offsets = _bitmaps(pixels, events), None
    elif encoding == "linear":
        values = pixels
    else:
        values = np.empty_like(pixels)
        kernels.run_lengths(pixels, events.offsets, _hit(encoding), values)
    return EncodedEvents(
        encoding,
        values,
        offsets,
        events.scan_shape,
        events.frame_shape,
        events.metadata,
        events.source,
    )


def decode(encoded: EncodedEvents) -> ElectronEvents:
    """The events that an encoding holds.

    Raises
    ------
    ValueError
        If the encoding is unknown, or a frame leaves the detector.
    """
    _check(encoded.encoding)
    if encoded.encoding == "bitmap":
        values, offsets = _read_bitmaps(encoded)
    else:
        values, offsets = encoded.values, encoded.offsets
    # Checks the offsets, without which no loop may follow them.
    events = ElectronEvents(
        values,
        offsets,
        encoded.scan_shape,
        encoded.frame_shape,
        encoded.metadata,
        encoded.source,
    )
    if encoded.encoding in ("differences", "empty runs"):
        return replace(events, pixels=_follow_runs(events, encoded.encoding))
    events.check_pixels()
    return events


def _check(encoding):
    known = get_args(Encoding)
    if encoding not in known:
        raise ValueError(
            f"{encoding!r} is not an encoding of events; known are {', '.join(known)}."
        )


def _hit(encoding):
    """Pixels that the hit itself takes up of a step from one index to the next."""
    return 1 if encoding == "empty runs" else 0


def _refuse_losses(pixels, events, encoding):
    unsorted, repeated = kernels.order(pixels, events.offsets)
    if unsorted:
        raise ValueError(
            f"{unsorted} of {events.positions} frames list their electrons in no order, which "
            f"{encoding} would lose: ask for sort=True if the order means nothing."
        )
    if repeated and encoding != "differences":
        raise ValueError(
            f"{repeated} of {events.positions} frames hold two electrons in one pixel, of which "
            f"{encoding} can hold only one: use differences or linear indices."
        )


def _bitmaps(pixels, events):
    height, width = events.frame_shape
    row = -(-height * width // 8)
    if events.positions * row > LARGEST_BITMAP:
        raise ValueError(
            f"Bitmaps of {events.positions} frames of {height} × {width} pixels take "
            f"{events.positions * row / 1e9:.3g} GB, more than {LARGEST_BITMAP / 1e9:.3g} GB: "
            "crop the scan or the detector first."
        )
    bits = np.zeros((events.positions, row), np.uint8)
    kernels.set_bits(pixels, events.offsets, bits)
    return bits


def _read_bitmaps(encoded):
    height, width = encoded.frame_shape
    expected = (encoded.scan_shape[0] * encoded.scan_shape[1], -(-height * width // 8))
    bits = encoded.values
    if bits.shape != expected or bits.dtype != np.uint8:
        raise ValueError(
            f"Bitmaps of {expected[0]} frames of {height} × {width} pixels are a uint8 array "
            f"of shape {expected}, not {bits.dtype} of {bits.shape}."
        )
    counts = np.empty(expected[0], np.int64)
    kernels.count_bits(bits, counts)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    pixels = np.empty(offsets[-1], np.uint32)
    kernels.read_bits(bits, pixels)
    return pixels, offsets


def _follow_runs(events, encoding):
    height, width = events.frame_shape
    pixels = np.empty_like(events.pixels)
    bad = kernels.follow_runs(events.pixels, events.offsets, _hit(encoding), height * width, pixels)
    if bad >= 0:
        raise ValueError(
            f"The run lengths of frame {bad} lead beyond the detector "
            f"of {height} × {width} pixels: are they {encoding}?"
        )
    return pixels
