"""Streams of Dectris: compressed by others, and by LiberTEM's simulator."""

import threading

import cbor2
import numpy as np
import pytest
import zmq

from recon.live.source import Began
from recon.live.wire.dectris import DectrisDecoder
from recon.live.wire.words import Frames, Over
from tests.support import dectris_messages as messages
from tests.support.waiting import PATIENCE_S

SCAN, DETECTOR = (2, 3), (64, 48)


def understood(stream, shape=None):
    return list(DectrisDecoder(shape).feed(list(stream)))


def cube_of(words, shape=DETECTOR):
    """(F, Ky, Kx) counts, by the frames' places."""
    frames = [word for word in words if isinstance(word, Frames)]
    number = 1 + max(int(word.positions.max()) for word in frames)
    cube = np.zeros((number, shape[0] * shape[1]), int)
    for word in frames:
        np.add.at(cube, (np.repeat(word.positions, word.counts), word.pixels), 1)
    return cube.reshape(number, *shape)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
@pytest.mark.parametrize("encoding", ["<", "lz4<", "bs{}-lz4<"])
def test_the_first_version(tmp_path, dtype, encoding):
    frames = messages.low_counts(SCAN, DETECTOR, dtype)
    encoding = encoding.format(8 * frames.itemsize)
    words = understood(messages.first_version(tmp_path / "a.h5", frames, *SCAN, encoding))
    assert words[0] == Began(SCAN, DETECTOR, 3)
    assert words[-1] == Over()
    np.testing.assert_array_equal(cube_of(words), frames)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
@pytest.mark.parametrize("compression", [None, "lz4", "bslz4"])
def test_the_second_version(tmp_path, dtype, compression):
    frames = messages.low_counts(SCAN, DETECTOR, dtype)
    words = understood(messages.second_version(tmp_path / "a.h5", frames, compression), SCAN)
    assert words[0] == Began(SCAN, DETECTOR, 3)
    assert words[-1] == Over()
    np.testing.assert_array_equal(cube_of(words), frames)


def test_masked_pixels_count_as_zero(tmp_path):
    frames = messages.low_counts(SCAN, DETECTOR)
    frames[:, 5, 7] = 65535
    words = understood(messages.first_version(tmp_path / "a.h5", frames, *SCAN))
    frames[:, 5, 7] = 0
    np.testing.assert_array_equal(cube_of(words), frames)


def test_images_are_placed_by_their_numbers(tmp_path):
    frames = messages.low_counts(SCAN, DETECTOR)
    order = [3, 0, 5, 1, 4, 2]
    stream = messages.first_version(tmp_path / "a.h5", frames[order], *SCAN, numbers=order)
    np.testing.assert_array_equal(cube_of(understood(stream)), frames)


def test_the_simulator_of_libertem_is_understood(tmp_path):
    library = pytest.importorskip("libertem_dectris")
    simulator = library.DectrisSim.new_mocked("tcp://127.0.0.1", 4, None, True)

    def send():
        simulator.send_headers()
        simulator.send_frames(4)
        simulator.send_footer()

    with zmq.Context() as context, context.socket(zmq.PULL) as line:
        line.connect(simulator.get_uri())
        sender = threading.Thread(target=send)
        sender.start()
        found = []
        while len(found) < 7:
            assert line.poll(1000 * PATIENCE_S)
            found.append(line.recv_multipart())
        sender.join()
    words = understood(found, (2, 2))
    assert words[0] == Began((2, 2), (512, 512), 34)
    assert words[-1] == Over()
    cube = cube_of(words, (512, 512))
    # What another reads in the same blocks, whose header the simulator leaves empty.
    for message, mine in zip(found[2:6], cube, strict=True):
        blocks = (2 * 512 * 512).to_bytes(8, "big") + (8192).to_bytes(4, "big") + message[2][12:]
        theirs = messages.read_chunk(tmp_path / "b.h5", blocks, (512, 512), np.uint16)
        np.testing.assert_array_equal(mine, np.where(theirs == 65535, 0, theirs))


def changed(stream, which, part, old, new):
    stream = [list(message) for message in stream]
    stream[which][part] = stream[which][part].replace(old, new)
    return stream


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ((2, 0, b"frame", b"farme"), "none of Dectris"),
        ((2, 1, b"uint16", b"float3"), "none of Dectris"),
        ((2, 1, b"bs16-lz4<", b"zstd<"), "encoded as 'zstd<'"),
        ((2, 1, b"[48, 64]", b"[48, 65]"), "that is damaged"),
        ((2, 1, b"[48, 64]", b"[48, 64000]"), "an image of"),
        ((3, 1, b"[48, 64]", b"[64, 48]"), "in a series of"),
        ((1, 0, b"ntrigger", b"ntriggre"), "before the beginning of its series"),
        ((1, 0, b'"nimages": 3', b'"nimages": 1'), "give the scan shape"),
        ((0, 0, b"{", b"{{"), "Expecting property name"),
    ],
)
def test_nonsense_is_told(tmp_path, change, sentence):
    frames = messages.low_counts(SCAN, DETECTOR)
    stream = list(messages.first_version(tmp_path / "a.h5", frames, *SCAN))
    with pytest.raises(ValueError, match=sentence):
        understood(changed(stream, *change))


@pytest.mark.parametrize(
    "said",
    [
        b"\xff",
        cbor2.dumps(5),
        cbor2.dumps({"type": "start", "series_id": 1}),
        cbor2.dumps({"type": "image", "image_id": 0, "data": {}}),
        cbor2.dumps({"type": "image", "image_id": 0, "data": {"a": cbor2.CBORTag(41, [])}}),
    ],
)
def test_nonsense_of_the_second_version_is_told(said):
    with pytest.raises(ValueError, match=r"none of Dectris|pixels in a tag 41"):
        understood([[said]], SCAN)


def test_what_had_come_is_given_before_nonsense_and_the_rest_is_left(tmp_path):
    frames = messages.low_counts(SCAN, DETECTOR)
    stream = list(messages.first_version(tmp_path / "a.h5", frames, *SCAN))
    stream = changed(stream, 4, 1, b"bs16-lz4<", b"zstd<")
    decoder, words = DectrisDecoder(), []
    with pytest.raises(ValueError, match="zstd"):
        words.extend(iter(decoder.feed(stream)))
    assert decoder.left == stream[5:]
