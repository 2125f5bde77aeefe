"""In which order files of tests are taken where several processes share them: the longest first.

So that none is left with a long file while the others have nothing to do.
"""

LONGEST = (
    "tests/ui/test_connection.py",
    "tests/ui/test_browser.py",
    "tests/app/pipeline/test_one_recipe.py",
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


def place_of(item):
    """Where the file of a test stands in `LONGEST`; behind them all if it does not."""
    path = item.nodeid.partition("::")[0]
    return LONGEST.index(path) if path in LONGEST else len(LONGEST)
