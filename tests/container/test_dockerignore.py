"""What stays out of the image; the rules against the examples of Docker's reference."""

import subprocess

import pytest

from tests.container.dockerignore import ignored, patterns
from tests.support.paths import ROOT


@pytest.mark.parametrize(
    ("text", "left_out", "taken"),
    [
        ("*/temp*", ["a/temporary.txt", "a/temp", "a/temp/x"], ["temp", "a/b/temporary.txt"]),
        ("*/*/temp*", ["a/b/temporary.txt"], ["a/temporary.txt"]),
        ("temp?", ["tempa", "tempb/x"], ["temp", "tempab", "a/tempa"]),
        ("**/*.go", ["a.go", "a/b/c.go"], ["a.gone", "go"]),
        ("*.md\n!README.md", ["a.md"], ["README.md", "x/a.md"]),
        ("!README.md\n*.md", ["README.md"], []),
        ("# words\n\n/tests/", ["tests", "tests/a/b"], ["a/tests", "tests.py"]),
        (".git", [".git/config"], [".gitignore"]),
        ("a[0-9].txt", ["a1.txt"], ["ax.txt"]),
    ],
)
def test_rules(text, left_out, taken):
    rules = patterns(text)
    assert [path for path in left_out if not ignored(path, rules)] == []
    assert [path for path in taken if ignored(path, rules)] == []


def test_the_image_gets_what_it_runs_and_nothing_more():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    names = listed.stdout.splitlines()
    if listed.returncode:
        pytest.skip("this is no checkout")
    rules = patterns((ROOT / ".dockerignore").read_text())
    taken = {name for name in names if not ignored(name, rules)}
    assert {name for name in names if name.startswith(("app/", "recon/", "assets/"))} <= taken
    assert {"pyproject.toml", ".ci/constraints.txt"} <= taken
    assert not [name for name in taken if name.startswith(("tests/", ".git/"))]
    for name in (
        ".git/config",
        ".venv/bin/python",
        "app/__pycache__/x.pyc",
        ".env",
        "x.egg-info/a",
    ):
        assert ignored(name, rules), name
