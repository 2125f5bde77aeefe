"""Which documents have their page already."""

from weakref import WeakSet

_made = WeakSet()


def is_made(doc) -> bool:
    """Whether the page of a document has been made already."""
    return doc in _made
