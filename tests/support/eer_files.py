"""Falcon EER files, encoded by hand from the description of the format."""

import struct
from itertools import pairwise

import numpy as np

CODES = {65000: (8, 2, 2), 65001: (7, 2, 2), 65002: (7, 1, 1)}


def encode(hits, pixels, bits):
    """Codes of one frame; `hits` are (pixel, y, x) in ascending order, y and x as raw bits."""
    skip, horizontal, vertical = bits
    longest = (1 << skip) - 1
    stream, position = [], 0

    def put(value, size):
        stream.extend(value >> bit & 1 for bit in range(size))

    def run(length):
        while length >= longest:
            put(longest, skip)
            length -= longest
        put(length, skip)

    for pixel, y, x in hits:
        run(pixel - position)
        put(x, horizontal)
        put(y, vertical)
        position = pixel + 1
    if position < pixels:
        run(pixels - position)
    return np.packbits(np.array(stream, np.uint8), bitorder="little").tobytes()


def entry(tag, kind, values, large):
    size = {1: 1, 3: 2, 4: 4, 7: 1, 16: 8}[kind]
    data = b"".join(int(value).to_bytes(size, "little") for value in values)
    return tag, kind, len(values), data


def tiff(path, frames, shape, compression=65002, *, large=True, strips=1, bits=None, text=None,
         extra_page=False):  # fmt: skip
    """Write a file of one page a frame; `frames` are encoded bytes."""
    word, head = (8, 20) if large else (4, 12)
    content = bytearray(
        struct.pack("<2sHHHQ", b"II", 43, 8, 0, 0) if large else struct.pack("<2sHI", b"II", 42, 0)
    )
    link = 8 if large else 4

    def page(tags):
        nonlocal link
        begin = len(content)
        content[link : link + word] = begin.to_bytes(word, "little")
        body = bytearray(len(tags).to_bytes(8 if large else 2, "little"))
        later = bytearray()
        end = begin + len(body) + head * len(tags) + word
        for tag, kind, count, data in sorted(tags):
            body += struct.pack("<HH", tag, kind) + count.to_bytes(word, "little")
            if len(data) <= word:
                body += data.ljust(word, b"\0")
            else:
                body += (end + len(later)).to_bytes(word, "little")
                later += data
        link = begin + len(body)
        content.extend(body + bytes(word) + later)

    def tags(data, compression):
        cuts = [len(data) * part // strips for part in range(strips + 1)]
        starts, sizes = [], []
        for first, last in pairwise(cuts):
            starts.append(len(content))
            sizes.append(last - first)
            content.extend(data[first:last] + bytes(3 if strips > 1 else 0))
        kind = 16 if large else 4
        return [
            entry(256, 4, [shape[1]], large),
            entry(257, 4, [shape[0]], large),
            entry(259, 3, [compression], large),
            entry(273, kind, starts, large),
            entry(278, 4, [-(-shape[0] // strips)], large),
            entry(279, kind, sizes, large),
        ]

    for index, data in enumerate(frames):
        described = tags(data, compression)
        if compression == 65002:
            skip, horizontal, vertical = bits or CODES[compression]
            values = ((65007, skip), (65008, horizontal), (65009, vertical))
            described += [entry(tag, 3, [value], large) for tag, value in values]
        if index == 0 and text is not None:
            described.append(entry(65001, 7, text.encode(), large))
        page(described)
    if extra_page:
        page(tags(bytes(shape[0] * shape[1]), 1))
    path.write_bytes(content)
    return path


def random_hits(rng, number, pixels, bits):
    """Sorted hits of one frame, each with raw places (y, x)."""
    places = np.sort(rng.choice(pixels, number, replace=False))
    y, x = (rng.integers(0, 1 << size, number) for size in (bits[2], bits[1]))
    return [tuple(int(value) for value in hit) for hit in zip(places, y, x, strict=True)]
