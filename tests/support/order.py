"""In which order files of tests are taken where several processes share them: the longest first.

So that none is left with a long file while the others have nothing to do.
"""

LONGEST = ()
"""Files that take more than ten seconds, the longest first."""


def place_of(item):
    """Where the file of a test stands in `LONGEST`; behind them all if it does not."""
    path = item.nodeid.partition("::")[0]
    return LONGEST.index(path) if path in LONGEST else len(LONGEST)
