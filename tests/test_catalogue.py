import pytest

from app.catalogue import DEMO, Catalogue
from app.config import settings_from


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
    return folder


def test_the_demonstration_is_always_on_offer(root):
    assert [entry.id for entry in Catalogue().entries()] == [DEMO]
    assert Catalogue().default == Catalogue(root).default == DEMO


def test_scans_truly_inside_the_folder_are_offered(root):
    names = [entry.id for entry in Catalogue(root).entries()]
    assert names == [DEMO, "one.h5", "stays.h5", "a/two.HDF5", "a/b/three.npz"]


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
        "one.h5\0",
        "..\\rootX\\secret.h5",
        "upload/x/one.h5",
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
        catalogue.path("upload/guess/scan.h5")
    catalogue.close()
    assert not path.exists()
    with pytest.raises(ValueError, match="is not among"):
        catalogue.path(name)


@pytest.mark.parametrize("filename", ["scan.exe", "", "..", ".h5", "h5"])
def test_uploads_of_other_kinds_are_refused(filename):
    with pytest.raises(ValueError, match=r"ends in .*\.h5"):
        Catalogue().add_upload(filename, b"")


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
    ],
)
def test_a_setting_that_makes_no_sense_is_named(name, text):
    with pytest.raises(ValueError, match=name):
        settings_from({name: text})
