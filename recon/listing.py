"""Which files of a folder may be scans: told by the ends of their names, before any is opened."""

import os
from collections.abc import Iterator
from pathlib import Path

from recon import readers

EVENTS = (".h5", ".hdf5", ".npz", ".eer", ".tpx3", ".t3p", ".toml", ".csr")
FRAMES = (".emd", ".hspy", ".npy", ".mib", ".raw", ".xml", ".blo", ".tvips", ".dm3", ".dm4", ".mrc")

SUFFIXES = frozenset(EVENTS + FRAMES)
"""Endings of what may be a scan; what it is, and whether, is told by its contents."""

DEPTH = 4
"""How many folders deep scans are looked for."""


def suffixes() -> frozenset[str]:
    """Endings of the files that some reader may take, in lower case with their dot."""
    return SUFFIXES | readers.suffixes()


def readable(path: Path) -> bool:
    """Whether the name ends as a scan's does."""
    return path.suffix.lower() in suffixes()


def scans_below(root: Path) -> Iterator[Path]:
    """Files of a folder that may be scans, folder by folder and by name.

    Hidden files are left out, links to folders not followed, and of a series of one file a frame
    the first stands for all.

    Parameters
    ----------
    root : Path
        Looked through `DEPTH` levels deep.
    """
    # A page that opens no folder waits for none of this.
    from recon.io.dense.merlin import without_followers

    for folder, below, names in os.walk(root, followlinks=False):
        here = Path(folder)
        depth = len(here.relative_to(root).parts)
        below[:] = sorted(n for n in below if not n.startswith(".") and depth + 1 < DEPTH)
        for name in without_followers(here, sorted(names)):
            if not name.startswith(".") and readable(here / name):
                yield here / name
