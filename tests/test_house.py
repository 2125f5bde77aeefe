"""The house's own rules: what no linter checks."""

import importlib.util
import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from typer.main import get_command

from app.cli import app
from tests.support.paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
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
    assert test.endswith("pytest")
    for line in (run, test):
        assert "-c .ci/constraints.txt" in line


def test_ci_runs_the_test_command_of_the_readme():
    script = (ROOT / ".ci/run").read_text()
    assert 'command=$("$venv/bin/python" .ci/readme_command.py test)' in script


def test_commands_and_options_in_the_readme_exist():
    commands = get_command(app).commands
    code = "\n".join(re.findall(r"^```\w*\n(.*?)^```", README, re.DOTALL | re.MULTILINE))
    code = re.sub("^docker .*", "", code.replace("\\\n", " "), flags=re.MULTILINE)
    used = re.findall(r"livestem +([a-z]+)([^\n&|#]*)", code)
    assert used
    for name, rest in used:
        assert name in commands, name
        known = {flag for p in commands[name].params for flag in (*p.opts, *p.secondary_opts)}
        unknown = set(re.findall(r"(?<= )--[a-z-]+", rest)) - known - {"--help"}
        # `serve` hands further options to Panel's own server.
        assert name == "serve" or not unknown, f"livestem {name} has no {unknown}"


def test_files_named_in_the_readme_exist():
    named = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    named += re.findall(r"`((?:app|recon|tests|assets|\.ci)/[\w./-]+)`", README)
    missing = [name for name in named if not (ROOT / name).exists()]
    assert not missing
