"""What the tests share."""

import gc
import os
import sys
from pathlib import Path

import pytest

from recon.kernels import use_threads
from tests.support import order, surroundings
from tests.support.paths import SHARED

try:
    from hypothesis import HealthCheck, settings
except ImportError:  # on a machine that has what `recon` needs and no more
    pass
else:
    # The first example of a test may wait for a kernel to be compiled; each launches all cores.
    # How long the making of examples takes says what else the machine does.
    settings.register_profile(
        "livestem",
        deadline=None,
        max_examples=25,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("livestem")


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run what is marked slow, too")


def pytest_configure(config):
    """Before anything is imported that would read the settings."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False  # by number of tests, which says little
        config.option.maxworkerrestart = "0"  # or a test that hangs is begun again and again
    surroundings.take_settings_back()
    sys.dont_write_bytecode = False  # read from a setting that is taken back, at the start
    if sentence := surroundings.want_of_room():
        raise pytest.UsageError(sentence)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """With `-n auto`."""
    return order.processes()


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Nothing that is there before the tests is looked through for garbage again and again.

    Nor what comes later as often as Python would: to compile the kernels took 8 s of that.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(10_000)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """Nor what a file of tests has left: modules, compiled kernels, what is kept for the next."""
    result = yield
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
        gc.freeze()
    return result


def pytest_collection_modifyitems(config, items):
    """Where processes share the files, the longest come first; what is slow waits for --slow."""
    if hasattr(config, "workerinput"):
        items.sort(key=order.place_of)
    if not config.getoption("--slow"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="slow: add --slow"))


@pytest.fixture(scope="session", autouse=True)
def settled(tmp_path_factory):
    """The same surroundings in each process that runs tests, whoever started it and from where."""
    surroundings.let_children_be_stopped()
    os.environ["LIVESTEM_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    guard = surroundings.end_children_with_this_process()
    if "PYTEST_XDIST_WORKER" in os.environ:
        # Kernels whose threads wait for each other take four times as long beside other processes:
        # here, and in the servers and commands that are started from here.
        use_threads(1)
        os.environ["LIVESTEM_THREADS"] = "1"
    yield
    guard.stdin.close()
    guard.wait()


@pytest.fixture
def all_threads(monkeypatch):
    """Kernels take the threads that Numba is told of, also where processes share the tests."""
    monkeypatch.setattr("recon.kernels._most", None)


@pytest.fixture
def few_frequencies(monkeypatch):
    """A third of the frequencies judge an orientation by its sidebands, in a third of the time."""
    monkeypatch.setattr("recon.orientation.by_sidebands.FREQUENCIES", 40)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real scans and format samples; tests that want it skip where it is absent."""
    default = SHARED / "data"
    folder = Path(os.environ.get("LIVESTEM_TEST_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no sample data in {folder.name}: set LIVESTEM_TEST_DATA")
    return folder
