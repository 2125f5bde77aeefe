import os
import socket
from contextlib import chdir

import numpy as np
import pytest

from app.engine.catalogue import DEMO, Catalogue
from app.server.config import settings_from
from tests.support.merlin_files import mib


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "data" / "root"
    (folder / "a" / "b" / "c" / "d" / "e").mkdir(parents=True)
    for name in ("one.h5", "a/two.HDF5", "a/b/three.npz", "notes.txt", ".hidden.h5"):
        (folder / name).write_bytes(b"x")
    (folder / "a/b/c/d/e/deep.h5").write_bytes(b"x")
    (tmp_path / "data" / "rootX").mkdir()
    (tmp_path / "data" / "rootX" / "secret.h5").write_bytes(b"x")
    (folder / "leads_out.h5").symlink_to(tmp_path / "data" / "rootX" / "secret.h5")
    (folder / "out").symlink_to(tmp_path / "data" / "rootX")
    (folder / "stays.h5").symlink_to(folder / "one.h5")
    (folder / "dangling.h5").symlink_to(folder / "nothing.h5")
    (folder / "zero.h5").symlink_to("/dev/zero")
    (folder / "through").symlink_to(folder.parent)
    (folder / "loop.h5").symlink_to(folder / "loop.h5")
    os.mkfifo(folder / "pipe.h5")
    # From there: the whole path may be longer than a socket's name can be.
    with chdir(folder), socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket.h5")
    return folder


def test_the_demonstration_is_always_on_offer(root):
    assert [entry.id for entry in Catalogue().entries()] == [DEMO]
    assert Catalogue().default == Catalogue(root).default == DEMO


def test_scans_truly_inside_the_folder_are_offered(root):
    names = [entry.id for entry in Catalogue(root).entries()]
    assert names == [DEMO, "one.h5", "stays.h5", "a/two.HDF5", "a/b/three.npz"]


def test_a_scan_of_one_file_a_frame_is_one_entry(root):
    for number in range(1, 13):
        mib(root / "a" / f"frames_{number}.mib", np.ones((1, 2, 2)), first=number)
        mib(root / "a" / f"scan_{number}.mib", np.ones((4, 2, 2)))
    names = [entry.id for entry in Catalogue(root).entries()]
    assert [name for name in names if "frames" in name] == ["a/frames_1.mib"]
    assert sum("scan_" in name for name in names) == 12


def test_names_stand_for_files(root):
    catalogue = Catalogue(root)
    assert catalogue.path("a/two.HDF5") == root / "a" / "two.HDF5"
    assert catalogue.path("stays.h5") == root / "one.h5"
    assert catalogue.title("a/two.HDF5") == "two"


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../rootX/secret.h5",
        "a/../../rootX/secret.h5",
        "leads_out.h5",
        "out/secret.h5",
        "dangling.h5",
        "absent.h5",
        "notes.txt",
        "a",
        "one.h5/..",
        "a/./../../rootX/secret.h5",
        "one.h5\0",
        "..\\rootX\\secret.h5",
        "upload:/x/one.h5",
        ".hidden.h5",
        "a/.hidden/one.h5",
        "ONE.H5",
        "ｏne.h5",
        "one.h5/",
        "one.h5 ",
        "one.h5::$DATA",
        "C:one.h5",
        "%2e%2e/rootX/secret.h5",
        "file:one.h5",
        "pipe.h5",
        "socket.h5",
        "zero.h5",
        "through/rootX/secret.h5",
        "loop.h5",
        "/etc/passwd",
        "x" * 5000,
    ],
)
def test_nothing_else_can_be_opened(root, name):
    with pytest.raises(ValueError, match="is not among the scans") as caught:
        Catalogue(root).path(name)
    assert str(root) not in str(caught.value)


def test_an_absolute_path_is_refused_even_inside_the_folder(root):
    with pytest.raises(ValueError, match="is not among"):
        Catalogue(root).path(str(root / "one.h5"))


def test_one_file_is_the_only_scan_beside_the_demonstration(root):
    catalogue = Catalogue(root / "one.h5")
    assert [entry.id for entry in catalogue.entries()] == [DEMO, "one.h5"]
    assert catalogue.default == "one.h5"
    assert catalogue.path("one.h5") == root / "one.h5"
    with pytest.raises(ValueError, match="is not among"):
        catalogue.path("a/two.HDF5")


def test_uploads_are_found_by_their_own_name_only_and_deleted(root):
    catalogue = Catalogue(root)
    name = catalogue.add_upload("../../evil/scan.h5", b"content")
    path = catalogue.path(name)
    assert path.read_bytes() == b"content"
    assert path.name == "scan.h5"
    assert name not in [entry.id for entry in catalogue.entries()]
    with pytest.raises(ValueError, match="is not among"):
        catalogue.path("upload:/guess/scan.h5")
    catalogue.close()
    assert not path.exists()
    with pytest.raises(ValueError, match="is not among"):
        catalogue.path(name)


@pytest.mark.parametrize("filename", ["scan.exe", "", "..", ".h5", "h5"])
def test_uploads_of_other_kinds_are_refused(filename):
    with pytest.raises(ValueError, match=r"ends in .*\.h5"):
        Catalogue().add_upload(filename, b"")


def test_names_that_differ_in_their_letters_only_are_other_files(root):
    composed, decomposed = "é.h5", "e\u0301.h5"
    (root / composed).write_bytes(b"x")
    assert Catalogue(root).path(composed).read_bytes() == b"x"
    with pytest.raises(ValueError, match="is not among"):
        Catalogue(root).path(decomposed)


def test_a_file_whose_name_is_no_text_is_not_offered(root):
    path = os.fsencode(root) + b"/\xff.h5"
    try:
        with open(path, "wb"):
            pass
    except OSError:
        pytest.skip("this file system takes no such name")
    for entry in Catalogue(root).entries():
        entry.id.encode()


def test_a_hard_link_is_the_file_itself(root, tmp_path):
    """Nothing in a file tells its names apart: who may link into the folder, offers the file."""
    os.link(tmp_path / "data" / "rootX" / "secret.h5", root / "hard.h5")
    assert Catalogue(root).path("hard.h5") == root / "hard.h5"


def test_a_link_put_in_a_files_place_is_refused_at_the_next_look(root, tmp_path):
    catalogue = Catalogue(root)
    assert catalogue.path("one.h5") == root / "one.h5"
    (root / "one.h5").unlink()
    (root / "one.h5").symlink_to(tmp_path / "data" / "rootX" / "secret.h5")
    with pytest.raises(ValueError, match="is not among"):
        catalogue.path("one.h5")
    with pytest.raises(ValueError, match="is not among"):
        catalogue.stamp("one.h5")


def test_uploads_keep_within_their_limit_the_newest_stay(root):
    catalogue = Catalogue(root, upload_limit=10)
    first, second = (catalogue.add_upload("scan.h5", b"x" * 5) for _ in range(2))
    third = catalogue.add_upload("scan.h5", b"x" * 4)
    assert catalogue.path(second).stat().st_size == 5
    assert catalogue.path(third).stat().st_size == 4
    with pytest.raises(ValueError, match="is not among"):
        catalogue.path(first)
    with pytest.raises(ValueError, match="larger than the 1e-08 GB"):
        catalogue.add_upload("scan.h5", b"x" * 11)
    assert catalogue.path(third).exists()
    with pytest.raises(ValueError, match="takes no files"):
        Catalogue(root, upload_limit=0).add_upload("scan.h5", b"x")
    catalogue.close()


@pytest.mark.parametrize(
    ("filename", "kept"),
    [
        ("a\\b/scan.h5", "scan.h5"),
        ("x" * 4000 + ".h5", "x" * 150 + ".h5"),
        ("é" * 300 + ".h5", "é" * 75 + ".h5"),
        ("line\nfeed\0.h5", "line_feed_.h5"),
        ("..scan.h5", "scan.h5"),
        ("\udcff.h5", "_.h5"),
    ],
)
def test_an_uploads_name_fits_any_disk(filename, kept):
    catalogue = Catalogue()
    path = catalogue.path(catalogue.add_upload(filename, b"x"))
    assert path.name == kept
    catalogue.close()


def test_a_changed_file_has_another_stamp(root):
    catalogue = Catalogue(root)
    before = catalogue.stamp("one.h5")
    assert catalogue.stamp("one.h5") == before
    assert catalogue.stamp("stays.h5") == before
    (root / "one.h5").write_bytes(b"longer")
    assert catalogue.stamp("one.h5") != before


def test_settings_come_from_the_environment(tmp_path):
    settings = settings_from(
        {"LIVESTEM_DATA": str(tmp_path), "LIVESTEM_MEMORY_GB": "1.5", "LIVESTEM_THREADS": "2"}
    )
    assert (settings.data, settings.memory, settings.threads) == (tmp_path, 1_500_000_000, 2)
    assert settings_from({"LIVESTEM_UPLOAD_GB": "0"}).upload == 0
    empty = settings_from({})
    assert empty.data is empty.results is empty.threads is None
    assert empty.cache.name == "livestem"
    assert empty.memory > 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("LIVESTEM_DATA", "/nowhere/at/all"),
        ("LIVESTEM_MEMORY_GB", "lots"),
        ("LIVESTEM_MEMORY_GB", "-1"),
        ("LIVESTEM_THREADS", "1.5"),
        ("LIVESTEM_UPLOAD_GB", "-1"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(name, text):
    with pytest.raises(ValueError, match=name):
        settings_from({name: text})
