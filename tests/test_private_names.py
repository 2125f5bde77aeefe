"""Names that libraries keep to themselves and that are used here: where, and that they are there.

A new version of a library may take them away without a word: its upper bound in pyproject.toml is
raised once these tests pass with it.
"""

import ast
import inspect
import tomllib
from collections import defaultdict
from importlib import import_module

import pytest
from packaging.requirements import Requirement

from tests.support.paths import ROOT

PINNED = {
    ("bokeh.server.session", "_needs_document_lock"): ("app/page/admission.py", "func"),
    ("bokeh.server.session", "ServerSession._handle_pull"): (
        "app/page/admission.py",
        "self message connection",
    ),
    ("bokeh.server.session", "ServerSession._handle_patch"): (
        "app/server/restricted.py",
        "self message connection",
    ),
    ("bokeh.server.session", "ServerSession._handle_push"): (
        "app/server/restricted.py",
        "self message connection",
    ),
    ("bokeh.document.models", "DocumentModelManager._pop_freeze"): (
        "app/server/sending.py",
        "self",
    ),
    ("panel.io.application", "Application._set_session_prefix"): (
        "app/page/admission.py",
        "self doc",
    ),
    ("panel.auth", "BasicLoginHandler._login_endpoint"): ("app/server/guard.py", None),
    ("panel.auth", "BasicLoginHandler._login_template"): ("app/server/guard.py", None),
    ("param", "Parameter._validate"): ("app/state/link.py", "self val"),
    # Called by the library, and put before its own.
    ("tornado.web", "RequestHandler._log"): ("app/page/admission.py", "self"),
    ("panel", "Template._apply_root"): ("app/page/open.py", "self name model tags"),
    ("panel.custom", "JSComponent._get_properties"): ("app/views/component.py", "self doc"),
    ("panel.custom", "JSComponent._process_events"): ("app/views/component.py", "self events"),
    ("panel.custom", "JSComponent._process_event"): ("app/views/component.py", "self event"),
    ("panel.custom", "JSComponent._process_bokeh_event"): (
        "app/views/component.py",
        "self doc event",
    ),
    ("panel.custom", "JSComponent._update_model"): (
        "app/views/component.py",
        "self events msg root model doc comm",
    ),
    ("panel.custom", "JSComponent._set_on_model"): (
        "app/views/component.py",
        "self msg root model",
    ),
    ("panel.custom", "JSComponent._handle_msg"): ("app/views/component.py", "self data"),
    ("panel.custom", "JSComponent._server_event"): ("app/views/component.py", "self doc event"),
    ("panel.custom", "JSComponent._comm_event"): ("app/views/component.py", "self doc event"),
    ("panel.custom", "JSComponent._event_coroutine"): (
        "app/views/component.py",
        "self doc event",
    ),
    ("datashader.resampling", "_downsample_2d_mean"): ("app/drawing/aggregate.py", None),
    ("datashader.resampling", "_downsample_2d_min_max"): ("app/drawing/aggregate.py", None),
    ("datashader.resampling", "_get_dimensions"): ("app/drawing/aggregate.py", None),
    # Public by their names, documented nowhere.
    ("panel.io.document", "write_events"): ("app/server/sending.py", "doc connections events"),
    ("panel.io.document", "schedule_write_events"): (
        "app/server/sending.py",
        "doc connections events",
    ),
    ("numba.core.cgutils", "get_or_insert_function"): (
        "recon/kernels/cpu/simd.py",
        "module fnty name",
    ),
    ("numba.core.dispatcher", "Dispatcher.typeof_pyval"): ("recon/kernels/__init__.py", "self val"),
    ("numba.core.dispatcher", "Dispatcher.compile"): ("recon/kernels/__init__.py", "self sig"),
}
"""(module, name) of a library to the module that uses it, and its parameters."""

UNSEEN = {"_document", "_api", "_freeze_count", "_subscribed_connections", "_pending_writes"}
UNSEEN |= {"_new_models", "_in_process__events"}
"""Of an instance's own dictionary, and a package's module: tested below."""

BOUNDED = ("panel", "bokeh", "param", "numba", "datashader", "rosettasciio")


def parsed():
    """Path and syntax tree of every module."""
    for package in ("app", "recon"):
        for path in (ROOT / package).rglob("*.py"):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def private(name):
    """Whether a name is one that its owner keeps to himself."""
    return name.startswith("_") and not name.startswith("__")


def foreign_names():
    """Private names that are used and that none of our modules defines, with their users."""
    ours, used = set(), defaultdict(set)
    for path, tree in parsed():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                ours.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                ours.add(node.id)
            elif isinstance(node, ast.Attribute):
                own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
                if own and isinstance(node.ctx, ast.Store):
                    ours.add(node.attr)
                elif private(node.attr):
                    used[node.attr].add(path)
            elif isinstance(node, ast.ImportFrom):
                names = [alias.name for alias in node.names] + (node.module or "").split(".")
                for name in filter(private, names):
                    used[name].add(path)
    return {name: paths for name, paths in used.items() if name not in ours}


def test_no_other_private_name_is_used_and_each_in_one_module():
    known = {name.rpartition(".")[2]: user for (_, name), (user, _) in PINNED.items()}
    for name, users in foreign_names().items():
        assert len(users) == 1, f"{name} is used in {sorted(users)}"
        if name not in UNSEEN:
            assert users == {known.get(name)}, f"{name} in {users} is pinned by no test"


def test_parts_of_numba_that_it_does_not_document_are_imported_by_one_module():
    users = set()
    for path, tree in parsed():
        for node in ast.walk(tree):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if any(f"{name}.".startswith("numba.core.") for name in names):
                users.add(path)
    assert users == {"recon/kernels/cpu/simd.py"}


@pytest.mark.parametrize(("module", "name"), PINNED, ids="{}".format)
def test_a_name_is_there_and_takes_what_we_give(module, name):
    user, parameters = PINNED[module, name]
    found = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    if parameters is not None:
        assert " ".join(inspect.signature(found).parameters) == parameters
    assert name.rpartition(".")[2] in (ROOT / user).read_text(encoding="utf-8")


def test_a_session_of_bokeh_keeps_its_websockets_and_messages_where_we_look():
    from bokeh.document import Document
    from bokeh.server.session import ServerSession

    session = ServerSession("name", Document())
    assert session._subscribed_connections == set()
    assert session._pending_writes is None  # while nobody holds its lock


def test_a_document_of_bokeh_counts_its_freezes_where_we_look():
    from bokeh.document import Document

    models = Document().models
    with models.freeze(), models.freeze():
        assert models._freeze_count == 2
    assert models._freeze_count == 0


def test_a_document_of_bokeh_knows_which_models_the_browser_has_not():
    from bokeh.document import Document
    from bokeh.models import Div

    document, div = Document(), Div()
    document.add_root(div)
    assert document.models._new_models == {div}
    document.models.flush_synced()
    assert document.models._new_models == set()


def test_a_component_of_panel_notes_what_the_browser_says_where_we_look():
    from panel.custom import JSComponent

    class Bare(JSComponent):
        _esm = "export function render() {}"

    assert Bare()._in_process__events == {}


def test_a_session_of_bokeh_keeps_its_document_where_we_look():
    from bokeh.document import Document
    from bokeh.server.contexts import BokehSessionContext

    document = Document()
    assert BokehSessionContext("session", None, document)._document is document


def test_rosettasciios_reader_of_dm_files_is_where_we_look():
    from rsciio.digitalmicrograph._api import DigitalMicrographReader

    assert callable(DigitalMicrographReader)


@pytest.mark.parametrize("name", BOUNDED)
def test_a_library_whose_private_names_are_used_has_an_upper_bound(name):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (wanted,) = (r for r in map(Requirement, project["dependencies"]) if r.name == name)
    assert any(bound.operator == "<" for bound in wanted.specifier), wanted
