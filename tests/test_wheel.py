"""What is installed from a wheel: the packages, and what lies beside them in a checkout."""

import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from importlib.metadata import distributions
from importlib.util import find_spec

import pytest
from packaging.version import Version

from tests.support.paths import ROOT

IN_TREE = ("pyproject.toml", "README.md", "app", "recon", "assets")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Names in the wheel of this checkout and what it says of itself; built without a network."""
    builder = next(distributions(name="setuptools"), None)
    if find_spec("pip") is None or builder is None or Version(builder.version) < Version("77"):
        pytest.skip("the wheel is built by pip with setuptools 77 or newer")
    # A copy, in which what a build leaves behind lies in nobody's way.
    copy, made = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheel")
    unwanted = shutil.ignore_patterns("__pycache__", "*.nbi", "*.nbc")
    for name in IN_TREE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=unwanted)
        else:
            shutil.copy(ROOT / name, copy / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps"]
    command += ["--no-index", "--disable-pip-version-check", "-w", made, copy]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = made.glob("livestem-*.whl")
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        (folder,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        said = Parser().parsestr(archive.read(folder).decode())
        entries = archive.read(folder.replace("METADATA", "entry_points.txt")).decode()
    return names, said, entries


def files(folder, pattern):
    """Paths below a folder of the project as the wheel would name them."""
    return {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob(pattern)}


def test_it_holds_every_module(wheel):
    names, _, _ = wheel
    assert files("app", "*.py") | files("recon", "*.py") <= names


def test_it_holds_every_asset_in_the_package(wheel):
    names, _, _ = wheel
    beside = {name for name in files("assets", "*") if (ROOT / name).is_file()}
    assert beside
    assert {f"app/{name}" for name in beside} <= names


def test_it_holds_nothing_else(wheel):
    names, _, _ = wheel
    assert {name.partition("/")[0] for name in names if "dist-info" not in name} == {"app", "recon"}
    left = {name for name in names if not name.startswith("app/assets/")}
    assert all(name.endswith(".py") or ".dist-info/" in name for name in left)


def test_it_brings_the_command_and_the_readme(wheel):
    _, said, entries = wheel
    assert "livestem = app.cli:run" in entries
    assert said["Name"] == "livestem"
    assert said.get_payload().startswith("# livestem")
