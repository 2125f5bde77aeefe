"""HDF5 files that would hold up whoever walks through them."""

from threading import Thread

import h5py
import numpy as np
import pytest

from app.engine.jail import Outside, check_contents
from recon.errors import UnreadableFile
from recon.io import open_frames
from recon.io.files import hdf5_walk
from recon.io.files.apart import is_harmless
from recon.io.files.hdf5_walk import DEEPEST, visit


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scan.h5"


def nested(path, depth):
    with h5py.File(path, "w") as file:
        group = file.id
        for _ in range(depth):
            group = h5py.h5g.create(group, b"g")
        file["frames"] = np.ones((2, 2, 4, 4), np.uint16)
    return path


def seen(path, walk=visit):
    found = []
    with h5py.File(path) as file:
        walk(file, lambda name, item: found.append((name, item.name, type(item))))
    return found


def test_each_object_is_met_once_as_by_hdf5s_own_walk(path):
    with h5py.File(path, "w") as file:
        file["a/b/c"] = np.zeros(3)
        file["a/b/again"] = file["a/b/c"]
        file["a/b/up"] = file["a"]
        file["a/soft"] = h5py.SoftLink("/a/b")
        file["é/d"] = np.zeros(())
        file["outside"] = h5py.ExternalLink("other.h5", "/")
        file["type"] = np.dtype("f4")
        file.create_group("empty")
    theirs = seen(path, lambda file, look: file.visititems(look))
    # They meet a named type, too; and of two names of one object either.
    wanted = {item for item in theirs if item[2] is not h5py.Datatype}
    found = seen(path)
    assert len(found) == len(wanted) == len(set(found))
    names = {name: name for _, name, _ in wanted} | {"/a/b/c": "/a/b/again"}
    assert {names[name] for _, name, _ in found} == {names[name] for _, name, _ in wanted}


def test_links_are_told_beside_and_a_result_ends_the_walk(path):
    with h5py.File(path, "w") as file:
        file["group/one"] = np.zeros(3)
        file["group/soft"] = h5py.SoftLink("/nowhere")
        file["outside"] = h5py.ExternalLink("other.h5", "/")
    links, items = [], []
    with h5py.File(path) as file:
        visit(file, lambda n, i: None, lambda name, link: links.append((name, link.type)))
        visit(file, lambda name, item: items.append(name) or True)
    assert links == [("outside", h5py.h5l.TYPE_EXTERNAL), ("group/soft", h5py.h5l.TYPE_SOFT)]
    assert items == ["group"]


def test_the_lock_of_all_threads_is_free_between_two_objects(path):
    nested(path, 3)
    ended = []

    def look(name, item):
        other = Thread(target=lambda: h5py.File(path, "r").close(), daemon=True)
        other.start()
        other.join(30)
        ended.append(not other.is_alive())

    with h5py.File(path) as file:
        visit(file, look)
    assert ended == [True] * 4


@pytest.mark.parametrize("depth", [DEEPEST - 1, DEEPEST + 1, 3000])
def test_groups_within_groups_are_followed_so_far_and_no_further(depth, path, tmp_path):
    nested(path, depth)
    if depth < DEEPEST:
        assert open_frames(path).scan_shape == (2, 2)
        check_contents(path, tmp_path)
        return
    met = []
    with (
        h5py.File(path) as file,
        pytest.raises(UnreadableFile, match="more than 32 deep within each other"),
    ):
        visit(file, lambda name, item: met.append(name))
    assert len(met) == DEEPEST + 2  # and the frames
    with pytest.raises(UnreadableFile, match=r"^scan\.h5: its groups lie more than 32 deep"):
        open_frames(path)
    with pytest.raises(Outside, match=r"^scan\.h5 cannot be looked through: its groups lie"):
        check_contents(path, tmp_path)


def test_more_objects_than_any_scan_has_are_refused(path, monkeypatch):
    monkeypatch.setattr(hdf5_walk, "MOST_OBJECTS", 20)
    with h5py.File(path, "w") as file:
        for number in range(21):
            file.create_group(f"group {number}")
    with pytest.raises(UnreadableFile, match="more than 20 groups and arrays"):
        seen(path)


def test_a_walk_that_takes_too_long_is_stopped(path, monkeypatch):
    nested(path, 9)
    hours = iter(range(0, 1 << 20, 3600))
    monkeypatch.setattr(hdf5_walk, "monotonic", lambda: next(hours))
    with pytest.raises(UnreadableFile, match="longer than 20 s and was stopped"):
        seen(path)


def test_a_chunk_far_larger_than_its_file_is_not_undone_here(path):
    with h5py.File(path, "w") as file:
        options = {"dtype": "u1", "compression": "gzip"}
        file.create_dataset(
            "bomb", (2, 2, 1 << 14, 1 << 15), chunks=(1, 1, 1 << 14, 1 << 15), **options
        )
        file.create_dataset("usual", (2, 2, 64, 64), chunks=(1, 1, 64, 64), **options)
    with h5py.File(path) as file:
        assert not is_harmless(file["bomb"])
        assert is_harmless(file["usual"])
