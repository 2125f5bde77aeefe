"""A file that would have others opened with it is refused."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from app.engine.catalogue import Catalogue
from app.engine.jail import Outside, check_contents, resolve_inside

SECRET = b"nobody's business"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "secret").write_bytes(SECRET)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["frames"] = np.arange(6)
    inside = tmp_path / "data"
    (inside / "below").mkdir(parents=True)
    return inside


def hdf5(path, fill):
    with h5py.File(path, "w") as file:
        fill(file)
    return path


def external_link(file):
    file.create_group("4DCamera")["frames"] = h5py.ExternalLink("../other.h5", "/frames")


def external_link_to_itself(file):
    file["elsewhere"] = h5py.ExternalLink("scan.h5", "/frames")


def external_bytes(file):
    secret = Path(file.filename).parents[1] / "secret"
    place = [(str(secret), 0, len(SECRET))]
    file.create_dataset("deep/frames", (len(SECRET),), "u1", external=place)


def virtual(file):
    layout = h5py.VirtualLayout((6,), int)
    layout[:] = h5py.VirtualSource("../other.h5", "frames", (6,))
    file.create_virtual_dataset("frames", layout)


@pytest.mark.parametrize("fill", [external_link, external_link_to_itself, external_bytes, virtual])
def test_hdf5_that_points_into_another_file_is_refused(folder, fill):
    hdf5(folder / "scan.h5", fill)
    with pytest.raises(ValueError, match=r"scan\.h5 keeps “.*” in another file"):
        Catalogue(folder).path("scan.h5")


def test_external_bytes_would_have_shown_the_secret(folder):
    """What the check is for: HDF5 itself follows such a place without a question."""
    with h5py.File(hdf5(folder / "scan.h5", external_bytes)) as file:
        assert file["deep/frames"][:].tobytes() == SECRET


def test_an_upload_is_looked_through_too(folder):
    path = hdf5(folder / "scan.h5", external_bytes)
    catalogue = Catalogue()
    name = catalogue.add_upload("scan.h5", path.read_bytes())
    with pytest.raises(ValueError, match="in another file"):
        catalogue.path(name)
    catalogue.close()


def test_hdf5_that_keeps_to_itself_is_opened(folder):
    def fill(file):
        file["frames"] = np.arange(6)
        file["soft"] = h5py.SoftLink("/frames")
        file["hard"] = file["frames"]
        file["group/loop"] = file["/"]
        layout = h5py.VirtualLayout((6,), int)
        layout[:] = h5py.VirtualSource(".", "frames", (6,))
        file.create_virtual_dataset("view", layout)

    path = hdf5(folder / "scan.h5", fill)
    assert Catalogue(folder).path("scan.h5") == path


def test_a_file_is_looked_through_again_when_it_has_changed(folder):
    catalogue = Catalogue(folder)
    hdf5(folder / "scan.h5", lambda file: file.create_dataset("frames", data=np.arange(6)))
    assert catalogue.path("scan.h5").exists()
    hdf5(folder / "scan.h5", external_bytes)
    with pytest.raises(ValueError, match="in another file"):
        catalogue.path("scan.h5")


def test_damaged_hdf5_is_refused(folder):
    path = hdf5(folder / "scan.h5", lambda file: file.create_group("a/b/c"))
    content = bytearray(path.read_bytes())
    content[600:] = b"\xff" * (len(content) - 600)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        Catalogue(folder).path("scan.h5")


@pytest.mark.parametrize(
    "named", ["../secret", "below/events.raw", "link.raw", "/etc/passwd", "below"]
)
def test_a_description_may_name_only_files_beside_it(folder, named):
    (folder / "below" / "events.raw").write_bytes(b"x")
    (folder / "link.raw").symlink_to(folder.parent / "secret")
    for name in ("scan.toml", "scan.npz"):  # whatever it is called
        (folder / name).write_text(f'[raw_csr]\nindices_file = "{named}"\ndtype = "<u4"\n')
        with pytest.raises(ValueError, match="which is no file beside it"):
            Catalogue(folder).path(name)


def test_a_description_of_files_beside_it_is_opened(folder):
    (folder / "events.raw").write_bytes(b"x")
    (folder / "scan.toml").write_text(
        '[raw_csr]\nindices_file = "events.raw"\nindptr_file = "absent.raw"\ndtype = "<u4"\n'
    )
    assert Catalogue(folder).path("scan.toml") == folder / "scan.toml"


@pytest.mark.parametrize("link", ["link.raw", "link.dat"])
@pytest.mark.parametrize("name", ["scan.xml", "scan.npz"])
def test_a_link_beside_a_description_in_xml_is_not_followed(folder, name, link):
    (folder / link).symlink_to(folder.parent / "secret")
    (folder / name).write_text(f'<?xml version="1.0"?><root><raw_file filename="{link}"/></root>')
    with pytest.raises(ValueError, match=r"beside link.*, a link out of the folder"):
        check_contents(folder / name, folder)
    (folder / link).unlink()
    (folder / "real.raw").write_bytes(b"x")
    (folder / link).symlink_to(folder / "real.raw")
    check_contents(folder / name, folder)


def test_a_link_beside_an_unrelated_scan_does_no_harm(folder):
    (folder / "link.raw").symlink_to(folder.parent / "secret")
    (folder / "scan.npz").write_bytes(b"PK")
    check_contents(folder / "scan.npz", folder)


def test_what_is_no_container_of_files_is_left_to_its_reader(folder):
    (folder / "noise.h5").write_bytes(b"noise")
    (folder / "noise.toml").write_bytes(b"\xff = [")
    for name in ("noise.h5", "noise.toml"):
        check_contents(folder / name, folder)


def test_a_file_may_not_be_the_folder_or_above(folder):
    for name in ("", ".", "..", "below", "below/.."):
        with pytest.raises(Outside):
            resolve_inside(folder, name)
