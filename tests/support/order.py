"""In which order files of tests are taken where several processes share them: the longest first.

So that none is left with a long file while the others have nothing to do. In a fresh clone Numba
compiles what sessions need for a minute: one process does that at first, and keeps it on the disk,
while the other has tests of what is compiled for them alone. Every server would compile it too.
"""

COMPILING = (
    "tests/recon/test_warm.py",
    "tests/recon/counting/test_count.py",
    "tests/recon/io/events/test_fuzz.py",
    "tests/test_elsewhere.py",
)
LONGEST = (
    "tests/ui/test_connection.py",
    "tests/ui/test_browser.py",
    "tests/app/pipeline/test_one_recipe.py",
    "tests/recon/orientation/test_eight_ways.py",
    "tests/recon/focus/test_fit.py",
    "tests/recon/focus/test_causes.py",
    "tests/app/server/test_quiet.py",
    "tests/ui/test_steps.py",
    "tests/ui/test_health_page.py",
    "tests/ui/test_focus.py",
    "tests/ui/test_files.py",
    "tests/ui/test_dose_page.py",
    "tests/ui/test_help.py",
    "tests/ui/test_locked.py",
    "tests/recon/simulate/test_demo.py",
    "tests/app/test_cli.py",
)
"""Those that would end last, by name or by number of tests: browsers, servers and fits."""


PLACES = {path: place for place, path in enumerate(COMPILING + LONGEST)}


def place_of(item):
    """Where the file of a test stands among those; behind them all if it does not."""
    return PLACES.get(item.nodeid.partition("::")[0], len(PLACES))
