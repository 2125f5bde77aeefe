"""Rooms: one experiment, one pipeline and one undo history, seen and steered from several pages.

    Door ── opens ──> Room ── experiment, pipeline, history
                       ├── Member ── a page's own experiment, and what its pipeline shows
                       └── Member ── …

A page in a room keeps an experiment of its own, to which its views are tied. What a hand sets there
goes to the room at once; what is set in the room, and what its pipeline makes, each page fetches on
its own thread when its turn comes. Nothing of one page is touched from another's.
"""
