"""Small files of every format that is read, and ways to damage them."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from recon.io import write_events
from recon.scan.events import from_frames
from tests.support.camera_files import FRAMES, store
from tests.support.eer_files import CODES, encode, random_hits, tiff
from tests.support.sparse_arrays import Coo
from tests.support.timepix_files import chunk, global_time, hit, opened, record, trigger

ASKED = {"scan_shape": (2, 3)}
TIMED = {**ASKED, "dwell_time": 2e-6}
METADATA = {"energy": 3e5, "description": "a scan", "aberrations": {"C10": 5.0}}


def written(suffix):
    def make(folder):
        path = folder / f"scan{suffix}"
        events = from_frames(FRAMES, (2, 3), (4, 5), metadata=METADATA)
        places = np.arange(events.electrons, dtype=np.uint8)
        write_events(path, replace(events, subpixel=places))
        return path

    return make


def camera(version, **options):
    return lambda folder: store(folder / "scan.h5", FRAMES, version=version, **options)


def compressed(folder):
    path = written(".npz")(folder)
    with np.load(path) as arrays:
        content = dict(arrays)
    np.savez_compressed(path, **content)
    return path


def eer(compression, **options):
    def make(folder):
        rng, bits = np.random.default_rng(0), CODES[compression]
        frames = [encode(random_hits(rng, n, 80, bits), 80, bits) for n in (3, 0, 9, 1, 80, 2)]
        text = f'<metadata><item name="numberOfFrames">6</item>{" " * 20}</metadata>'
        return tiff(folder / "a.eer", frames, (8, 10), compression, text=text, **options)

    return make


def packets(chip):
    """Three lines with triggers, in a few chunks."""

    def make(folder):
        chunks = [chunk([opened(10), *global_time(40)], chip)]
        for line in range(3):
            begin = 1000 + 5000 * line
            words = [trigger(6 * begin, count=line)]
            words += [hit(begin + 100 * n, 3 + n // 2, line, 9 + n) for n in range(30)]
            chunks.append(chunk(words, chip if line else 0))
        path = folder / "scan.tpx3"
        path.write_bytes(b"".join(chunks))
        return path

    return make


def records(folder):
    path = folder / "scan.t3p"
    path.write_bytes(b"".join(record(500 * n, n // 3, 7, 5 + n) for n in range(40)))
    return path


def matrix(form):
    def make(folder):
        from scipy import sparse

        counts = np.random.default_rng(1).choice([0, 0, 1, 2], (6, 16))
        path = folder / "counts.npz"
        sparse.save_npz(path, sparse.coo_array(counts).asformat(form), compressed=form == "csc")
        return path

    return make


def coordinates(folder):
    coo = Coo(np.random.default_rng(2).choice([0, 0, 1, 2], (2, 3, 4, 5)))
    path = folder / "counts.npz"
    np.savez(path, data=coo.data, coords=coo.coords, shape=coo.shape)
    return path


FILES = {
    "HDF5 as written": (written(".h5"), {}),
    "HDF5 version 1": (camera(1), {"keep_flyback": True}),
    "HDF5 version 2": (camera(2), {}),
    "HDF5 in chunks": (
        camera(3, chunks=(4,), compression="gzip", shuffle=True),
        {},
    ),
    "event NPZ": (written(".npz"), {}),
    "event NPZ, compressed": (compressed, {}),
    "EER, 7 bits": (eer(65001), ASKED),
    "EER, strips": (eer(65002, strips=3, large=False, extra_page=True), ASKED),
    "Timepix3, one chip": (packets(0), {**TIMED, "trigger": "tdc1 rising"}),
    "Timepix3, four chips": (packets(2), TIMED),
    "t3p": (records, TIMED),
    "raw CSR": (written(".toml"), {}),
    "sparse csr": (matrix("csr"), ASKED),
    "sparse csc": (matrix("csc"), ASKED),
    "sparse coo": (matrix("coo"), ASKED),
    "sparse COO": (coordinates, {}),
}
"""Name: (what makes the file in a folder and returns its path, options that it opens with)."""

EXTREMES = (0, 1, -1, 1 << 7, 1 << 15, 1 << 31, 1 << 40, 1 << 62, 1 << 63, (1 << 63) - 1)


@st.composite
def damage(draw):
    """A function from the bytes of a file to other bytes."""
    where = st.floats(0, 1, exclude_max=True)
    edits = draw(
        st.lists(
            st.one_of(
                st.tuples(st.just("flip"), where, st.integers(0, 7)),
                st.tuples(st.just("byte"), where, st.integers(0, 255)),
                st.tuples(
                    st.just("number"), where, st.sampled_from([2, 4, 8]), st.sampled_from(EXTREMES)
                ),
                st.tuples(st.just("cut"), where),
                st.tuples(st.just("drop"), where, st.integers(1, 64)),
                st.tuples(st.just("twice"), where, st.integers(1, 64)),
                st.tuples(st.just("noise"), where, st.binary(min_size=1, max_size=24)),
                st.tuples(st.just("move"), where, where, st.integers(1, 32)),
            ),
            min_size=1,
            max_size=4,
        )
    )
    return lambda content: _edited(content, edits)


def _edited(content, edits):
    content = bytearray(content)
    for kind, where, *rest in edits:
        at = int(where * len(content))
        if not content:
            break
        if kind == "flip":
            content[at] ^= 1 << rest[0]
        elif kind == "byte":
            content[at] = rest[0]
        elif kind == "number":
            size, value = rest
            content[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, "little")
        elif kind == "cut":
            del content[at:]
        elif kind == "drop":
            del content[at : at + rest[0]]
        elif kind == "twice":
            content[at:at] = content[at : at + rest[0]]
        elif kind == "noise":
            content[at : at + len(rest[0])] = rest[0]
        else:
            other, size = int(rest[0] * len(content)), rest[1]
            content[at : at + size] = content[other : other + size]
    return bytes(content)
