"""Memory of the machine: as Linux's file says it, and as psutil does where there is none."""

import sys
from types import SimpleNamespace

import pytest

from recon.device import host_memory as module
from recon.device.backend import CPU, memory
from recon.device.host_memory import host_memory

FILE = """MemTotal:       16384 kB
MemFree:         1024 kB
MemAvailable:    8192 kB
Active(anon):     100 kB
"""


@pytest.fixture
def told(monkeypatch, tmp_path):
    """Where Linux would say it; not there yet."""
    monkeypatch.setattr(module, "TOLD", tmp_path / "meminfo")
    return tmp_path / "meminfo"


def test_what_the_system_keeps_of_files_is_free_memory(told):
    told.write_text(FILE)
    assert host_memory() == (16384 * 1024, 8192 * 1024)
    told.write_text(FILE.replace("MemAvailable", "Mapped"))  # a kernel of before 2014
    assert host_memory() == (16384 * 1024, 1024 * 1024)


def test_where_there_is_no_such_file_psutil_tells(told, monkeypatch):
    found = SimpleNamespace(total=16 << 30, available=5 << 30)
    psutil = SimpleNamespace(virtual_memory=lambda: found)
    monkeypatch.setitem(sys.modules, "psutil", psutil)
    room = memory(CPU)
    assert (room.total, room.usable) == (16 << 30, 5 << 30)


@pytest.mark.skipif(not module.TOLD.exists(), reason="no Linux")
def test_it_is_that_of_this_machine():
    psutil = pytest.importorskip("psutil")
    total, free = host_memory()
    assert total == psutil.virtual_memory().total
    assert 0 < free <= total
