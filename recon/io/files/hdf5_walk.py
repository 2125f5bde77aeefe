"""Walking through an HDF5 file of unknown origin, which can hold nobody up.

HDF5's own walk names each object by its whole path, with the lock held that all threads of h5py
share: 3000 groups within each other take it most of a minute. Here each object is opened from its
group, and there are limits of depth, number and time; between two objects the lock is free.
"""

from collections.abc import Callable
from time import monotonic

import h5py

from recon.errors import UnreadableFile

DEEPEST = 32
"""Groups within each other; scans have up to ten."""
MOST_OBJECTS = 100_000
LONGEST_S = 20.0


def visit(file: h5py.File, look: Callable, look_at_link: Callable | None = None) -> None:
    """Call `look(name, item)` for each group and dataset, until it returns something.

    As `file.visititems`: each object once, links not followed. `look_at_link(name, link)` is called
    likewise for each soft, external or other link, with its `h5py.h5l.LinkInfo`.

    Raises
    ------
    UnreadableFile
        If the file is deeper, or has more objects, than any scan, or takes too long.
    """
    until, left = monotonic() + LONGEST_S, MOST_OBJECTS
    seen, waiting = {_number(h5py.h5o.get_info(file["/"].id))}, [("", 0)]
    while waiting:
        path, depth = waiting.pop()
        group = file[path or "/"].id
        left -= group.get_num_objs()
        if left < 0:
            raise UnreadableFile(f"it has more than {MOST_OBJECTS} groups and arrays")
        inside = []
        for own in group:
            if monotonic() > until:
                raise UnreadableFile(
                    f"looking through it took longer than {LONGEST_S:g} s and was stopped; store "
                    "the scan in a file of its own"
                )
            name = f"{path}/" * bool(path) + own.decode("utf-8", "surrogateescape")
            link = group.links.get_info(own)
            if link.type != h5py.h5l.TYPE_HARD:
                if look_at_link is not None and look_at_link(name, link) is not None:
                    return
                continue
            number = _number(h5py.h5o.get_info(group, own))
            if number in seen:
                continue
            seen.add(number)
            found = h5py.h5o.open(group, own)
            if isinstance(found, h5py.h5g.GroupID):
                inside.append((name, depth + 1))
                item = h5py.Group(found)
            elif isinstance(found, h5py.h5d.DatasetID):
                item = h5py.Dataset(found)
            else:
                continue  # A named type.
            if look(name, item) is not None:
                return
        if inside and depth >= DEEPEST:
            raise UnreadableFile(
                f"its groups lie more than {DEEPEST} deep within each other; store the scan in a "
                "file of its own"
            )
        waiting += reversed(inside)


def _number(info):
    """What tells an object of a file from the others."""
    return info.fileno, info.addr
