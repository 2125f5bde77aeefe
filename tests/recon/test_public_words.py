"""What `help(recon.…)` says of the public names is complete: parameters, results, refusals.

Read from the source: nothing is imported but what names the homes.
"""

import ast
import re
from pathlib import Path

import pytest

import recon
from tests.support.paths import ROOT


def tree(module):
    path = ROOT / module.replace(".", "/")
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(Path(path).read_text(encoding="utf-8"))


def definition(module, name):
    """Where a name is defined, followed through modules that pass it on."""
    body = tree(module).body
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return node
    for node in body:
        if isinstance(node, ast.ImportFrom) and name in [each.name for each in node.names]:
            return definition(node.module, name)
    raise AssertionError(f"{module} has no {name}")


def fields(node):
    """Of a dataclass: those that are given, each with whether a text follows it."""
    for here, after in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(here, ast.AnnAssign) and "init=False" not in ast.unparse(here):
            told = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            yield here.target.id, told


def sections(text):
    """Of a docstring by their headings."""
    parts = re.split(r"^(\w+)\n-+\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def named(section):
    """Parameters of a section, `a, b` and `a, … z` included."""
    heads = re.findall(r"^(\S[^:\n]*?)(?: :.*)?$", section, re.MULTILINE)
    return {name.strip().lstrip("*") for head in heads for name in head.split(",")}


HOMES = {name: home for name, home in recon._HOMES.items() if name != "UnreadableFile"}


@pytest.mark.parametrize("name", HOMES)
def test_parameters_results_and_errors_are_told(name):
    node = definition(HOMES[name], name)
    text = ast.get_docstring(node)
    told = sections(text)
    parameters = named(told.get("Parameters", "") + told.get("Attributes", ""))
    if isinstance(node, ast.ClassDef):
        missing = {field for field, after in fields(node) if not after} - parameters
        if "…" in told.get("Parameters", ""):
            missing = set()  # coefficients of one kind, of which the first and the last are named
    else:
        given = node.args
        every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        missing = {each.arg for each in every if each is not None} - parameters
        gives = "" if node.returns is None else ast.unparse(node.returns)
        assert gives == "None" or "Returns" in told
        # An array has its shape.
        assert "ndarray" not in gives or re.search(r"\(\w+, .*\) .*array", told["Returns"])
    assert not missing, missing
    makes = {"__init__", "__post_init__"}
    parts = [node]
    if isinstance(node, ast.ClassDef):
        parts = [each for each in node.body if getattr(each, "name", "") in makes]
    for raised in {
        each.exc.func.id
        for part in parts
        for each in ast.walk(part)
        if isinstance(each, ast.Raise)
        and isinstance(each.exc, ast.Call)
        and isinstance(each.exc.func, ast.Name)
    } - {"AttributeError"}:
        assert raised in told.get("Raises", ""), raised
