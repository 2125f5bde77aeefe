"""`python -m tests.support.cold serve …` is `livestem serve …` that does nothing unasked.

For tests of a server's doors, sockets and sentences: to import what pages are made of, and to load
what they compute with, takes it longer than all that they ask. A page works there too: the first
waits for its parts, and each picture for its kernels.
"""

import sys
from types import ModuleType

PROGRAM = "-m", "tests.support.cold"


def nothing(*arguments, **options):
    pass


def main():
    from app import cli
    from app.server import warming

    prepare = warming.prepare

    def begin():
        """Where the server would begin to prepare; Bokeh may not be imported before."""
        from app.page import admission

        admission._prepare = nothing
        warming.prepare = prepare  # for the first page

    warming.prepare = begin
    ahead = ModuleType("recon.warm")
    ahead.warm_up = ahead.warm_up_later = nothing
    sys.modules["recon.warm"] = ahead
    cli.run()


if __name__ == "__main__":
    main()
