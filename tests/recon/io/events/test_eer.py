"""Falcon EER: against a hand-written encoder, a known vector, tifffile and imagecodecs."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import recon.io.events.eer as eer
from recon.errors import UnreadableFile
from recon.io import open_events
from recon.kernels.decode import eer as kernels
from tests.support.eer_files import CODES, encode, random_hits, tiff

SHAPE = (20, 40)
KNOWN = bytes.fromhex("031bfcb135fb")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scan.eer"


def sixteenths(raw, bits):
    """Offset from the pixel's centre in sixteenths: two's complement steps, middle of each."""
    signed = raw - (1 << bits) if bits and raw >= 1 << (bits - 1) else raw
    return 16 * (signed + 0.5) / (1 << bits) if bits else 0


def decoded(path):
    """(pixels, subpixel, offsets) of all frames."""
    with open(path, "rb", buffering=0) as raw:
        file = eer._File(raw)
        table, strips = eer._pages(file)
        return eer.decode_frames(file, table[eer._is_eer(table)], strips, lambda fraction: None)


def refused(path, match, **options):
    with pytest.raises(UnreadableFile, match=match) as caught:
        open_events(path, **options)
    assert str(caught.value).startswith(path.name)
    assert "\n" not in str(caught.value)


def test_the_known_vector(path):
    events = open_events(tiff(path, [KNOWN], SHAPE), scan_shape=(1, 1))
    assert events.pixels.tolist() == [3, 17, 233, 311]
    assert events.frame_shape == SHAPE
    assert events.source.format == "Falcon EER, 7-bit runs, 1 + 1 sub-pixel bits"
    assert events.source.notes == (
        "The codes of 1 of 1 frames end before the detector does: these frames may be cut off.",
    )


@pytest.mark.parametrize("large", [True, False])
@pytest.mark.parametrize("compression", CODES)
@pytest.mark.parametrize("strips", [1, 3])
def test_what_was_encoded_is_decoded(path, compression, large, strips):
    rng, bits = np.random.default_rng(compression), CODES[compression]
    frames = [random_hits(rng, n, 800, bits) for n in (0, 1, 5, 300, 800, 2)]
    tiff(path, [encode(hits, 800, bits) for hits in frames], SHAPE, compression,
         large=large, strips=strips, extra_page=True)  # fmt: skip
    events = open_events(path, scan_shape=(2, 3))
    assert [f.tolist() for f in events.frames()] == [[hit[0] for hit in hits] for hits in frames]
    assert events.source.notes == ()
    found = decoded(path).subpixel
    expected = [(sixteenths(y, bits[2]), sixteenths(x, bits[1])) for f in frames for _, y, x in f]
    assert [((s >> 4) - 8, (s & 15) - 8) for s in found.tolist()] == expected


@given(
    bits=st.tuples(st.integers(1, 16), st.integers(0, 3), st.integers(0, 3)),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_code_of_variable_width(bits, shape, seed, tmp_path_factory):
    rng, size = np.random.default_rng(seed), shape[0] * shape[1]
    frames = [random_hits(rng, int(rng.integers(0, size + 1)), size, bits) for _ in range(4)]
    path = tmp_path_factory.mktemp("eer") / "scan.eer"
    tiff(path, [encode(hits, size, bits) for hits in frames], shape, bits=bits)
    events = open_events(path, scan_shape=(2, 2))
    assert [f.tolist() for f in events.frames()] == [[hit[0] for hit in hits] for hits in frames]
    assert events.source.notes == ()
    found = decoded(path).subpixel
    expected = [(sixteenths(y, bits[2]), sixteenths(x, bits[1])) for f in frames for _, y, x in f]
    assert [((s >> 4) - 8, (s & 15) - 8) for s in found.tolist()] == expected


@pytest.mark.parametrize("bits", [(7, 1, 1), (8, 2, 2), (7, 2, 2)])
def test_places_in_the_pixel_are_those_of_imagecodecs(path, bits):
    codecs = pytest.importorskip("imagecodecs")
    rng = np.random.default_rng(4)
    data = encode(random_hits(rng, 200, 700, bits), 800, bits)
    data += bytes(2 + len(data) % 2)  # It reads words of two bytes, and not to the last one.
    tiff(path, [data], SHAPE, bits=bits)
    frames, finer = decoded(path), 1 << bits[1]
    image = codecs.eer_decode(data, (SHAPE[0] * finer, SHAPE[1] * finer), *bits, superres=bits[1])
    y, x = np.divmod(frames.pixels.astype(int), SHAPE[1])
    y = y * finer + (frames.subpixel >> 4).astype(int) * finer // 16
    x = x * finer + (frames.subpixel & 15).astype(int) * finer // 16
    assert set(zip(y.tolist(), x.tolist(), strict=True)) == set(map(tuple, np.argwhere(image)))
    assert np.count_nonzero(image) == 200


def test_tifffile_reads_the_same_file(path):
    codecs = pytest.importorskip("imagecodecs")
    tifffile = pytest.importorskip("tifffile")
    rng, bits = np.random.default_rng(1), CODES[65001]
    data = [encode(random_hits(rng, 50, 700, bits), 800, bits) for _ in range(4)]
    data = [frame + bytes(2 + len(frame) % 2) for frame in data]
    events = open_events(tiff(path, data, SHAPE, 65001), scan_shape=(2, 2))
    with tifffile.TiffFile(path) as file:
        assert [page.shape for page in file.pages] == [SHAPE] * 4
        read = [file.filehandle.seek(page.dataoffsets[0]) and file.filehandle.read(
            page.databytecounts[0]) for page in file.pages]  # fmt: skip
    images = [codecs.eer_decode(data, SHAPE, *bits) for data in read]
    assert [f.tolist() for f in events.frames()] == [np.flatnonzero(i).tolist() for i in images]


def test_windows_smaller_than_the_file(path, monkeypatch):
    rng, bits = np.random.default_rng(2), CODES[65001]
    frames = [random_hits(rng, int(rng.integers(0, 90)), 800, bits) for _ in range(300)]
    tiff(path, [encode(hits, 800, bits) for hits in frames], SHAPE, 65001, strips=2)
    whole = decoded(path)
    monkeypatch.setattr(eer, "WINDOW", 2000)
    parts = decoded(path)
    for name in ("pixels", "subpixel", "offsets"):
        assert np.array_equal(getattr(parts, name), getattr(whole, name))
    assert np.diff(whole.offsets).tolist() == [len(hits) for hits in frames]


def test_the_scan_shape_is_asked_for_and_checked(path):
    tiff(path, [KNOWN] * 12, SHAPE)
    refused(path, r"12 frames and does not say .* 3 × 4 or 4 × 3 or 2 × 6 or 6 × 2\? Give")
    refused(path, r"12 frames do not fill a scan of 5 × 2", scan_shape=(5, 2))
    assert open_events(path, scan_shape=(3, 4), keep_flyback=False).scan_shape == (3, 3)


def test_what_the_acquisition_states_is_compared(path):
    text = '<metadata><item name="commercialName">Falcon 4i</item>'
    text += '<item name="numberOfFrames">9</item><item name="exposureTime" unit="s">1</item>'
    tiff(path, [encode([], 800, CODES[65001])] * 8, SHAPE, 65001, text=text)
    events = open_events(path, scan_shape=(2, 4))
    assert events.metadata == {"description": "Falcon 4i", "dwell_time": 1 / 9}
    assert events.source.notes == (
        "The file states 9 frames, but holds 8: was the recording cut off?",
    )


def test_frames_that_lead_beyond_the_detector_are_pointed_out(path):
    beyond = encode([(799, 0, 0)], 800, (7, 1, 1))
    tiff(path, [encode([], 700, (7, 1, 1)), beyond, beyond, beyond], (10, 70))
    events = open_events(path, scan_shape=(2, 2))
    assert events.electrons == 0
    assert "codes of 3 of 4 frames lead beyond the detector" in events.source.notes[0]


class TestDamage:
    def test_an_ordinary_tiff_is_not_one(self, path):
        tiff(path, [bytes(800)], SHAPE, 1)
        refused(path, "of no known format")

    def test_no_detector_is_that_large(self, path):
        tiff(path, [KNOWN], (2**31, 2**31))
        refused(path, "no detector has 2147483648 × 2147483648", scan_shape=(1, 1))

    @pytest.mark.parametrize("bits", [(0, 1, 1), (17, 1, 1), (7, 9, 1), (7, 1, 60000)])
    def test_codes_that_make_no_sense(self, path, bits):
        tiff(path, [KNOWN], SHAPE, bits=bits)
        refused(path, "are not EER", scan_shape=(1, 1))

    def test_frames_of_different_shape(self, path):
        tiff(path, [KNOWN, KNOWN], SHAPE)
        content = bytearray(path.read_bytes())
        place = content.rindex((40).to_bytes(8, "little"))
        content[place] = 41
        path.write_bytes(content)
        refused(path, "frame 1 has 20 × 41 pixels, but frame 0 20 × 40", scan_shape=(1, 2))

    @pytest.mark.parametrize("large", [True, False])
    def test_a_chain_of_pages_in_a_circle_ends(self, path, large):
        tiff(path, [KNOWN] * 3, SHAPE, large=large)
        content = bytearray(path.read_bytes())
        word, first = (8, 8) if large else (4, 4)
        content[-word:] = content[first : first + word]
        path.write_bytes(content)
        refused(path, "form a loop or overlap|claim .* bytes", scan_shape=(1, 3))

    def test_pages_that_share_one_strip_are_no_bomb(self, path):
        data = encode(random_hits(np.random.default_rng(0), 700, 800, (7, 1, 1)), 800, (7, 1, 1))
        tiff(path, [b""] * 30 + [data], SHAPE)
        content = bytearray(path.read_bytes())
        strip = content.index(data).to_bytes(8, "little")
        for tag, value in ((273, strip), (279, len(data).to_bytes(8, "little"))):
            mark, place = tag.to_bytes(2, "little") + b"\x10\0\x01" + bytes(7), -1
            while (place := content.find(mark, place + 1)) >= 0:
                content[place + 12 : place + 20] = value
        path.write_bytes(content)
        refused(path, "overlap|claim", scan_shape=(1, 31))

    def test_truncation_anywhere(self, path):
        tiff(path, [encode([(5, 1, 1)], 800, (7, 1, 1))] * 4, SHAPE)
        content = path.read_bytes()
        for kept in range(1, len(content)):
            path.write_bytes(content[:kept])
            refused(path, "damaged|truncated|of no known format", scan_shape=(2, 2))


def test_sixteenths_of_every_code():
    for bits, raw in product((0, 1, 2, 3), range(8)):
        if raw < 1 << bits:
            assert kernels._sixteenths(raw, bits) - 8 == sixteenths(raw, bits)
