"""How many processes share the tests, and in which order they take files: the longest first.

So that none is left with a long file while the others have nothing to do. In a fresh clone Numba
compiles what sessions need for a minute: one process does that at first, and keeps it on the disk,
while the others have tests of what is compiled for them alone. Every server would compile it too.
"""

import os

from recon.device.host_memory import host_memory

EACH = 3 << 30
"""Bytes that a process takes with its server and its browser."""


def processes():
    """Three for two cores: servers and browsers are waited for, and each has some of its own."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        cores = os.cpu_count() or 1
    return max(1, min(3 * cores // 2, host_memory()[1] // EACH))


COMPILING = (
    "tests/recon/test_warm.py",
    "tests/recon/kernels/cuda/test_ptx.py",
    "tests/recon/counting/test_count.py",
    "tests/recon/io/events/test_fuzz.py",
    "tests/recon/live/sources/test_serval.py",
    "tests/recon/io/events/test_stempy_hdf5.py",
    "tests/recon/io/files/test_apart.py",
    "tests/test_elsewhere.py",
    "tests/recon/io/test_rewritten.py",
    "tests/recon/io/test_conversion.py",
    "tests/recon/io/dense/test_reading.py",
    "tests/recon/io/dense/test_fuzz.py",
    "tests/test_wheel.py",
    "tests/test_house.py",
)
LONGEST = (
    "tests/ui/test_connection.py",
    "tests/ui/test_browser.py",
    "tests/ui/test_rooms.py",
    "tests/ui/test_phone.py",
    "tests/ui/test_saving.py",
    "tests/app/rooms/test_on_the_wire.py",
    "tests/app/server/test_quiet.py",
    "tests/ui/test_focus.py",
    "tests/app/engine/test_any_scan.py",
    "tests/ui/test_files.py",
    "tests/app/server/test_serve.py",
    "tests/app/server/test_serve_login.py",
    "tests/app/page/test_admission.py",
    "tests/app/server/test_stop.py",
    "tests/app/engine/test_on_device.py",
    "tests/app/server/test_users.py",
    "tests/ui/test_health_page.py",
    "tests/ui/test_steps.py",
    "tests/ui/test_dose_page.py",
    "tests/ui/test_live_page.py",
    "tests/ui/test_help.py",
    "tests/ui/test_frames.py",
    "tests/ui/test_units.py",
    "tests/recon/test_specimen.py",
    "tests/ui/test_locked.py",
    "tests/recon/batch/test_reconstruct.py",
    "tests/recon/orientation/test_eight_ways.py",
    "tests/recon/focus/test_fit.py",
    "tests/app/page/test_page.py",
    "tests/recon/batch/test_fitting.py",
    "tests/recon/treatment/test_straighten.py",
    "tests/recon/focus/test_causes.py",
    "tests/recon/focus/test_fit_refused.py",
    "tests/recon/cluster/test_faults.py",
    "tests/recon/ssb/test_phase.py",
    "tests/recon/ssb/test_sidebands.py",
    "tests/app/features/test_recall.py",
    "tests/app/features/test_focus_card.py",
    "tests/recon/quality/health/test_report_of_frames.py",
    "tests/recon/test_process_state.py",
    "tests/app/commands/test_receive.py",
    "tests/app/commands/test_bench.py",
    "tests/recon/device/test_residence.py",
    "tests/recon/bench/test_device.py",
    # In the simulator of a GPU.
    "tests/recon/kernels/cuda/test_sidebands_cuda.py",
    "tests/recon/bench/test_stages_cuda.py",
    "tests/recon/device/test_chain_cuda.py",
)
"""Those that would end last, by name or by number of tests: browsers, servers and fits."""

PLACES = {path: place for place, path in enumerate(COMPILING + LONGEST)}


def place_of(item):
    """Where the file of a test stands among those; behind them all if it does not."""
    return PLACES.get(item.nodeid.partition("::")[0], len(PLACES))
