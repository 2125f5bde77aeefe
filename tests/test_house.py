"""The house's own rules: what no linter checks."""

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support import order
from tests.support.paths import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "assets/guide").glob("*.md"))]
REGISTRIES = ("pypi" + ".org", "python" + "hosted", "extra-" + "index", "conda" + ".anaconda")


def tracked(pattern="*"):
    """Files that git tracks; without git (a source archive), every file of the project."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", pattern], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode == 0:
        names = [name for name in listed.stdout.split("\0") if name]
        return [ROOT / name for name in names if (ROOT / name).is_file()]
    folders = (ROOT / name for name in ("app", "recon", "tests", ".ci"))
    return [path for folder in folders for path in folder.rglob(pattern) if path.is_file()]


def readme_command(name):
    spec = importlib.util.spec_from_file_location("readme_command", ROOT / ".ci/readme_command.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.command(name)


@pytest.mark.parametrize("path", tracked("*.py"), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_one_concept_of_under_400_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < 400


def test_imports_go_down_only():
    pytest.importorskip("importlinter")
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_tracked_file_names_a_package_registry():
    for path in tracked():
        content = path.read_bytes()
        named = [host for host in REGISTRIES if host.encode() in content]
        assert not named, f"{path.relative_to(ROOT)} names {named}"


def test_constraints_pin_every_dependency_to_one_version():
    lines = (ROOT / ".ci/constraints.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines]
    assert all([s.operator for s in pin.specifier] == ["=="] and not pin.url for pin in pins)

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = chain.from_iterable(project["optional-dependencies"].values())
    wanted = [Requirement(line) for line in [*project["dependencies"], *extras]]
    pinned = {normal(pin.name): next(iter(pin.specifier)).version for pin in pins}
    for requirement in wanted:
        if requirement.name != project["name"]:
            assert requirement.specifier.contains(pinned[normal(requirement.name)]), requirement


def normal(name):
    return re.sub("[-_.]+", "-", name).lower()


def test_readme_runs_and_tests_from_one_line_each():
    run, test = readme_command("run"), readme_command("test")
    assert "\n" not in run
    assert "\n" not in test
    assert run.endswith("livestem serve")
    assert test.endswith(" .venv/bin/pytest -n auto --dist loadfile")
    for line in (run, test):
        assert "-c .ci/constraints.txt" in line


def test_ci_runs_the_test_command_of_the_readme():
    script = (ROOT / ".ci/run").read_text()
    assert 'command=$("$venv/bin/python" .ci/readme_command.py test)' in script


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_headings_named_in_readme_and_guide_exist(page):
    text = page.read_text(encoding="utf-8")
    for name, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", text):
        target = page.parent / name if name else page
        assert target.exists(), name
        if anchor:
            headings = re.findall(r"^#+ +(.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}
    named = re.findall(r"`((?:app|recon|tests|assets|\.ci)/[\w./-]+)`", text)
    missing = [name for name in named if not (ROOT / name).exists()]
    assert not missing


PACKAGES = {"app", "recon"}

LONGEST = 80
"""Lines of code of a function, its docstring not counted; a command's options neither."""

MOST_PARAMETERS = 10
"""What belongs together travels as one NamedTuple or dataclass; a command has its options."""

REDRAW = "called at every redraw with handles made before: on the CPU a tuple takes 0.9 µs to open"
EVERY_RUN = "called for every run of entries: there a tuple of arrays would count references"
LAUNCHED = "what its launcher takes as tuples, as it goes to the device"
LARGER = {
    "recon/kernels/cpu/sideband_exact.py _add": EVERY_RUN,
    "recon/kernels/cpu/sideband_exact.py _add_whole": EVERY_RUN,
    "recon/kernels/cpu/sideband_exact.py _add_part": EVERY_RUN,
    "recon/kernels/cpu/sideband_exact.py _add_two": EVERY_RUN,
    "recon/kernels/cpu/sideband_exact.py sum_averaged": REDRAW,
    "recon/kernels/cpu/sidebands.py _add_run": EVERY_RUN,
    "recon/kernels/cpu/sidebands.py sum_hard": REDRAW,
    "recon/kernels/cpu/weighing.py weighed_power": REDRAW,
    "recon/kernels/cuda/sideband_exact.py _kernel_of_averaged_sums": REDRAW,
    "recon/kernels/cuda/sideband_exact.py kernel": REDRAW,
    "recon/kernels/cuda/sideband_exact.py sum_averaged": REDRAW,
    "recon/kernels/cuda/sideband_geometry.py _write": LAUNCHED,
    "recon/kernels/cuda/sideband_geometry.py _fill_runs": LAUNCHED,
    "recon/kernels/cuda/sidebands.py _kernel_of_hard_sums": REDRAW,
    "recon/kernels/cuda/sidebands.py kernel": REDRAW,
    "recon/kernels/cuda/sidebands.py sum_hard": REDRAW,
    "recon/kernels/cuda/weighing.py _weighed_power": REDRAW,
    "recon/kernels/cuda/weighing.py weighed_power": REDRAW,
}
"""Functions that are longer or take more, each with the reason. It may only become shorter."""


def too_large(path):
    """Functions of a module that are too long or take too much."""
    name = path.relative_to(ROOT).as_posix()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        command = name.startswith("app/commands/") and not node.name.startswith("_")
        first, given = node.body[0], node.args
        documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        lines = node.end_lineno - (first.lineno if command else node.lineno) + 1
        if documented:
            lines -= first.end_lineno - first.lineno + 1
        taken = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        taken = [one for one in taken if one is not None and one.arg not in ("self", "cls")]
        if lines > LONGEST or (len(taken) > MOST_PARAMETERS and not command):
            yield f"{name} {node.name}"


def test_functions_are_short_and_take_little():
    modules = [path for path in tracked("*.py") if PACKAGES & {*path.relative_to(ROOT).parts[:1]}]
    found = {name for path in modules for name in too_large(path)}
    assert found - set(LARGER) == set()
    assert set(LARGER) - found == set(), "these are small by now: strike them off the list"


def test_the_files_that_are_taken_first_exist():
    assert [name for name in order.PLACES if not (ROOT / name).is_file()] == []


ONE_SIDED = {"dealing", "densify", "simd", "scratch"}
"""Rows dealt to threads, frames to events and vectors of the CPU; memory between kernels on a GPU.
"""


def test_kernel_twins_files_have_equal_names():
    folders = (ROOT / "recon/kernels" / kind for kind in ("cpu", "cuda"))
    cpu, cuda = ({path.stem for path in folder.glob("*.py")} for folder in folders)
    assert cpu ^ cuda == ONE_SIDED


KINDS = {"DenseFrames", "ElectronEvents", "ScanData"}
"""Types whose names in `isinstance` ask whether a scan is electrons or frames."""


def asks_for_the_kind(path):
    """Lines of a module that ask of which kind a scan is."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    # `recon.io` has an `is_dense` of its own, which is about a file.
    asking = {"is_dense"} if path.parent == ROOT / "recon/scan" else set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "recon.scan.kinds":
            asking |= {a.asname or a.name for a in node.names if a.name == "is_dense"}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
        called = called.id if isinstance(called, ast.Name) else called
        words = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        if (called in ("isinstance", "issubclass") and words & KINDS) or called in asking:
            yield f"{path.relative_to(ROOT).as_posix()}:{node.lineno}"


def test_electrons_or_frames_is_asked_in_the_scans_own_room_only():
    modules = [path for path in tracked("*.py") if PACKAGES & {*path.relative_to(ROOT).parts[:1]}]
    places = [place for path in modules for place in asks_for_the_kind(path)]
    assert [place for place in places if not place.startswith("recon/scan/")] == []
    rooms = Counter(place.partition(":")[0] for place in places)
    assert rooms == {
        "recon/scan/frames.py": 1,
        "recon/scan/kinds.py": 9,
        "recon/scan/low_counts.py": 1,
    }, places
