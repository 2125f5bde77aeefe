"""The public face: what `recon` offers, at which price, and the README's way through it."""

import ast
import inspect
import re
import subprocess
import sys

import numpy as np
import pytest

import recon
from recon.simulate.demo import ABERRATIONS, ROTATION_DEG, simulate_nanotube
from tests.support.paths import ROOT

HEAVY = {"numpy", "scipy", "numba", "h5py", "zarr", "platformdirs", "panel", "bokeh"}
README, GUIDE = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "assets/guide/python.md")
)


def fresh(code):
    """What a new interpreter prints that runs some code."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_importing_it_imports_nothing_but_itself():
    loaded = fresh("import sys, recon; print(*sys.modules)").split()
    assert not HEAVY & {name.partition(".")[0] for name in loaded}
    assert [name for name in loaded if name.startswith("recon")] == ["recon"]


def test_nothing_that_it_offers_brings_the_page_along():
    loaded = fresh(
        "import sys, recon; [getattr(recon, name) for name in recon.__all__]; print(*sys.modules)"
    ).split()
    assert not {"app", "panel", "holoviews", "bokeh", "param"} & set(loaded)


@pytest.mark.parametrize("name", recon.__all__)
def test_a_name_is_there_and_says_what_it_is(name):
    offered = getattr(recon, name)
    assert offered.__name__ == name
    assert inspect.getdoc(offered)
    assert re.search(rf"^    {name}  +\S", recon.__doc__, re.MULTILINE)
    assert name in dir(recon)


def test_help_lists_nothing_that_is_not_there():
    assert re.findall(r"^    (\w+)   *\S", recon.__doc__, re.MULTILINE)
    listed = set(re.findall(r"^    (\w+)   *\S", recon.__doc__, re.MULTILINE))
    assert listed == set(recon.__all__)


def test_another_name_is_refused_with_those_there_are():
    with pytest.raises(AttributeError, match=r"no 'open_file': it offers .*open_scan"):
        recon.open_file  # noqa: B018


@pytest.fixture(scope="module")
def scan_file(tmp_path_factory):
    """A folder with a simulated scan by the README's name, of its energy, step and rotation."""
    folder = tmp_path_factory.mktemp("scan")
    events = simulate_nanotube(scan_shape=(96, 96), frame_shape=(96, 96), dose=4e3)
    recon.write_events(folder / "scan.h5", events)
    return folder


def blocks(page, heading):
    """A page's blocks of Python under a heading."""
    section = re.search(rf"^## {heading}$(.*?)^## ", page, re.DOTALL | re.MULTILINE)[1]
    return re.findall(r"^```python\n(.*?)^```", section, re.DOTALL | re.MULTILINE)


def test_the_guides_lines_do_all_at_once(scan_file, monkeypatch, capsys):
    monkeypatch.chdir(scan_file)
    names = {"recon": recon, "scan": recon.open_scan("scan.h5")}
    exec(compile(ast.parse(blocks(GUIDE, "All at once")[0]), "python.md", "exec"), names)
    phase, parameters = names["phase"], names["parameters"]
    assert capsys.readouterr().out == "SSB phase [rad], a pixel is (0.31, 0.31) Å\n"
    assert phase.extent == pytest.approx((0, 96 * 0.31, 96 * 0.31, 0))
    for name, error in parameters["fit"]["errors"].items():
        off = parameters["aberrations"][name] - getattr(ABERRATIONS, name)
        assert abs(off) < 5 * error, name
    assert parameters["sources"]["rotation_deg"] == "file"
    assert parameters["calibration"]["rotation_deg"] == ROTATION_DEG
    calibration = recon.Calibration(**parameters["calibration"])
    g = recon.build_g(names["scan"], calibration)
    truth = recon.single_sideband(g, ABERRATIONS, band_limit=parameters["band_limit"])
    assert np.corrcoef(np.ravel(phase), truth.ravel())[0, 1] > 0.99


def test_the_readmes_ten_lines_focus_a_scan(scan_file, monkeypatch):
    block = blocks(README, "In Python")[0]
    assert len([line for line in block.splitlines() if line.strip()]) <= 10
    monkeypatch.chdir(scan_file)
    names = {}
    exec(compile(ast.parse(block), "README.md", "exec"), names)

    scan, fit, phase = names["scan"], names["fit"], names["phase"]
    assert names["pacbed"].sum() == scan.electrons
    # 25 mrad lie a sixth of the detector's 96 pixels from the centre.
    assert names["disc"].radius == pytest.approx(16, abs=0.05)
    for name, error in fit.errors.items():
        assert abs(getattr(fit.aberrations, name) - getattr(ABERRATIONS, name)) < 5 * error, name
    assert fit.flatness_after > 0.5 > fit.flatness_before
    assert isinstance(phase, np.ndarray)
    assert phase.shape == scan.scan_shape
    truth = recon.single_sideband(names["g"], ABERRATIONS)
    assert np.corrcoef(phase.ravel(), truth.ravel())[0, 1] > 0.99


def test_the_guides_other_images_follow_from_the_readmes_lines(scan_file, monkeypatch, capsys):
    monkeypatch.chdir(scan_file)
    names = {}
    lines = blocks(README, "In Python")[:1] + blocks(GUIDE, "Other images of the same scan")
    for block in lines:
        exec(compile(ast.parse(block), "python.md", "exec"), names)
    scan, g, other = names["scan"], names["g"], names["other"]
    assert names["dark"].shape == names["dpc"].shape == scan.scan_shape
    moved, _, fitted = capsys.readouterr().out.split()
    assert 0.5 < float(moved) <= 1
    assert 0.5 < float(fitted) <= 1
    weighed = recon.single_sideband(g.through(recon.Specimen(120, (4, -4.2))), other)
    assert names["phase"] == pytest.approx(weighed, abs=1e-6)
    assert not np.allclose(weighed, recon.single_sideband(g, other), atol=1e-3)
