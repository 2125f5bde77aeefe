"""Messages of a Dectris detector for tests, after its documentation, compressed by others."""

import json

import cbor2
import h5py
import hdf5plugin
import imagecodecs
import numpy as np

TAGS = {1: 64, 2: 69, 4: 70}


def chunk(path, pixels, **filters):
    """A chunk as HDF5's filters write it: 12 bytes of header, and blocks."""
    with h5py.File(path, "w") as file:
        data = file.create_dataset("a", data=pixels, chunks=pixels.shape, **filters)
        return data.id.read_direct_chunk((0, 0))[1]


def read_chunk(path, data, shape, dtype):
    """What HDF5's filter reads in a chunk that Bitshuffle compressed."""
    with h5py.File(path, "w") as file:
        filters = hdf5plugin.Bitshuffle(cname="lz4")
        file.create_dataset("a", shape, dtype, chunks=shape, **filters)
        file["a"].id.write_direct_chunk((0, 0), data)
        return file["a"][()]


def packed(path, pixels, encoding):
    """Bytes of an image in an encoding of version 1."""
    if encoding == "<":
        return pixels.tobytes()
    if encoding == "lz4<":
        return imagecodecs.lz4_encode(pixels.tobytes(), header=False)
    return chunk(path, pixels, **hdf5plugin.Bitshuffle(cname="lz4"))


def first_version(path, frames, triggers, images, encoding="bs16-lz4<", series=3, numbers=None):
    """Messages of a series of frames (F, Ky, Kx)."""
    yield [
        json.dumps({"htype": "dheader-1.0", "series": series, "header_detail": "basic"}).encode()
    ]
    config = {"ntrigger": triggers, "nimages": images, "trigger_mode": "exts"}
    yield [json.dumps(config).encode()]
    for number, frame in zip(numbers or range(len(frames)), frames, strict=True):
        head = {"htype": "dimage-1.0", "series": series, "frame": number, "hash": ""}
        form = {"htype": "dimage_d-1.0", "shape": list(frame.shape[::-1]), "type": str(frame.dtype)}
        yield [
            json.dumps(head).encode(),
            json.dumps(form | {"encoding": encoding}).encode(),
            packed(path, frame, encoding),
            json.dumps({"htype": "dconfig-1.0", "real_time": 1}).encode(),
        ]
    yield [json.dumps({"htype": "dseries_end-1.0", "series": series}).encode()]


def second_version(path, frames, compression="bslz4", series=3):
    """Messages of a series of frames (F, Ky, Kx)."""

    def message(kind, **entries):
        said = {"type": kind, "series_id": series, "series_unique_id": "x"} | entries
        return [cbor2.dumps(cbor2.CBORTag(55799, said))]

    yield message("start", number_of_images=len(frames), channels=["threshold_1"])
    for number, frame in enumerate(frames):
        content = frame.tobytes()
        if compression:
            filters = {"bslz4": hdf5plugin.Bitshuffle(cname="lz4"), "lz4": hdf5plugin.LZ4()}
            content = chunk(path, frame, **filters[compression])
            content = cbor2.CBORTag(56500, [compression, frame.itemsize, content])
        typed = cbor2.CBORTag(TAGS[frame.itemsize], content)
        array = cbor2.CBORTag(40, [list(frame.shape), typed])
        yield message("image", image_id=number, data={"threshold_1": array})
    yield message("end")


def low_counts(scan_shape, frame_shape, dtype=np.uint16, seed=0):
    """(F, Ky, Kx) frames of few electrons."""
    shape = scan_shape[0] * scan_shape[1], *frame_shape
    return np.random.default_rng(seed).poisson(0.1, shape).astype(dtype)
