"""4D Camera files that are damaged or contradict themselves: one sentence each."""

import os
from contextlib import suppress

import h5py
import numpy as np
import pytest

from recon.errors import UnreadableFile
from recon.io import open_events
from tests.support.camera_files import FRAMES, store

DAMAGED = int(os.environ.get("LIVESTEM_FUZZ", 100))
"""Files damaged by chance."""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scan.h5"


class TestBadInput:
    def refused(self, path, match, **options):
        with pytest.raises(UnreadableFile, match=match) as caught:
            open_events(path, **options)
        assert str(caught.value).startswith(path.name)
        assert "\n" not in str(caught.value)

    def test_without_the_groups(self, path):
        h5py.File(path, "w").close()
        self.refused(path, "no dataset electron_events/frames")

    def test_group_in_place_of_a_dataset(self, path):
        with h5py.File(path, "w") as file:
            file.create_group("electron_events/frames")
        self.refused(path, "no dataset electron_events/frames")

    def test_link_to_another_file(self, path, tmp_path):
        store(tmp_path / "other.h5", FRAMES)
        with h5py.File(path, "w") as file:
            file["electron_events"] = h5py.ExternalLink("other.h5", "electron_events")
        self.refused(path, "no dataset electron_events/frames")

    @pytest.mark.parametrize("kept", [0.2, 0.5, 0.9, 0.999])
    def test_truncated(self, path, kept):
        store(path, [[1, 2, 3] * 50] * 60, scan=(60, 1))
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * kept)])
        self.refused(path, "damaged|truncated|no known format")

    def test_damaged_anywhere(self, path):
        """Whatever byte is wrong, there are events or a sentence, and never anything else."""
        store(path, FRAMES)
        content = path.read_bytes()
        rng = np.random.default_rng(1)
        for place in rng.integers(0, len(content), DAMAGED):
            damaged = bytearray(content)
            damaged[place : place + 8] = rng.bytes(8)
            path.write_bytes(damaged)
            with suppress(UnreadableFile):
                open_events(path)

    def test_heap_that_is_none(self, path):
        store(path, FRAMES)
        path.write_bytes(path.read_bytes().replace(b"GCOL", b"LOCG"))
        self.refused(path, "damaged")

    @pytest.mark.parametrize("value", [0, 1, 255])
    def test_heap_damaged_at_any_byte(self, path, value):
        """HDF5 itself loops for ever in some of these."""
        store(path, FRAMES)
        content = path.read_bytes()
        heap = content.index(b"GCOL")
        for place in range(heap, heap + 64):
            damaged = bytearray(content)
            damaged[place] = value
            path.write_bytes(damaged)
            with suppress(UnreadableFile):
                open_events(path)

    @pytest.mark.parametrize("way", ["plain", "chunked"])
    def test_absurd_length_of_a_row(self, path, way):
        store(path, FRAMES, **({"chunks": (6,)} if way == "chunked" else {}))
        content = bytearray(path.read_bytes())
        with h5py.File(path) as file:
            frames = file["electron_events/frames"].id
            place = frames.get_offset() if way == "plain" else frames.get_chunk_info(0).byte_offset
        content[place : place + 4] = b"\xff\xff\xff\xff"
        path.write_bytes(content)
        self.refused(path, "claim 4294967[0-9]+ electrons, more than a file of [0-9]+ bytes")

    def test_index_outside_the_detector(self, path):
        store(path, [[1], [2], [3], [4], [5, 20], [6]])
        self.refused(
            path,
            r"Pixel index 20 at scan position 4 lies outside the detector of 4 × 5",
            keep_flyback=True,
        )

    @pytest.mark.parametrize(("dtype", "value"), [("<i4", -3), ("<u8", 2**40)])
    def test_number_that_is_no_index(self, path, dtype, value):
        self.refused(store(path, [[value]] * 6, dtype=dtype), f"pixel index {value}")

    @pytest.mark.parametrize("dtype", ["f4", "complex64"])
    def test_rows_of_other_numbers(self, path, dtype):
        self.refused(store(path, FRAMES, dtype=dtype), "row of unsigned integers")

    def test_other_byte_order(self, path):
        self.refused(store(path, FRAMES, dtype=">u4"), "byte order")

    def test_frames_that_are_no_rows(self, path):
        with h5py.File(path, "w") as file:
            file["electron_events/frames"] = np.zeros((6, 20), np.uint32)
            file["electron_events/scan_positions"] = np.arange(6)
        self.refused(path, r"shape \(6, 20\)")

    @pytest.mark.parametrize("version", [1, 3])
    def test_scan_stopped_early(self, path, version):
        store(path, FRAMES[:5], version=version, positions=range(5))
        self.refused(path, "2 × 3 = 6 positions does not fit 5 frames")

    def test_no_frames(self, path):
        self.refused(store(path, []), "does not fit 0 frames")

    def test_frame_outside_the_scan(self, path):
        store(path, FRAMES, version=2, positions=[0, 1, 2, 6, 4, 5])
        self.refused(path, "frame 3 belongs to scan position 6, outside the scan of 2 × 3")

    def test_positions_of_another_number(self, path):
        store(path, FRAMES, version=2, positions=[0, 1])
        self.refused(path, "for each of the 6 frames")

    @pytest.mark.parametrize("dataset", ["frames", "scan_positions"])
    @pytest.mark.parametrize("name", ["Nx", "Ny"])
    @pytest.mark.parametrize(
        ("value", "match"),
        [
            (None, "lacks the attribute"),
            (0, "is empty"),
            (-4, "is empty"),
            (2.5, "must be an integer"),
            (np.nan, "."),
            ("many", "must be an integer"),
            ([3, 4], "must be an integer"),
            (2**62, "does not fit|no detector|lies outside"),
        ],
    )
    def test_attributes(self, path, dataset, name, value, match):
        store(path, FRAMES)
        with h5py.File(path, "a") as file:
            attributes = file["electron_events"][dataset].attrs
            del attributes[name]
            if value is not None:
                attributes[name] = value
        self.refused(path, match)

    @pytest.mark.parametrize("version", [1, 2, 3])
    def test_absurd_scan(self, path, version):
        store(path, FRAMES, version=version)
        with h5py.File(path, "a") as file:
            file["electron_events/scan_positions"].attrs["Ny"] = 2**40
        self.refused(path, "does not fit 6 frames")

    @pytest.mark.parametrize("version", [0, 4, "three"])
    def test_version_to_come(self, path, version):
        self.refused(store(path, FRAMES, version=version), "version .* is not known")

    def test_more_rows_than_the_file_can_hold(self, path):
        store(path, FRAMES)
        with h5py.File(path, "a") as file:
            group = file["electron_events"]
            attributes = dict(group["frames"].attrs)
            del group["frames"]
            frames = group.create_dataset("frames", (10**12,), h5py.vlen_dtype("<u4"), chunks=(9,))
            frames.attrs.update(attributes)
        self.refused(path, "1000000000000 frames cannot be in a file of")
