"""The models of a document while HoloViews draws on one of its figures."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def looked_through_if_new(document) -> Iterator[None]:
    """Have Bokeh look through a document's models only if they may have become others.

    After each picture HoloViews has it look through all of them, of all figures and controls,
    which takes several times as long as the picture. What is set to another model, or was one,
    tells of it as ever.

    Parameters
    ----------
    document : bokeh Document or None
        Of the figure that is drawn on; None where it stands in none.
    """
    if document is None:
        yield
        return
    models, new = document.models, False

    def invalidate() -> None:
        nonlocal new
        new = True

    models.invalidate, models.recompute = invalidate, lambda: None
    try:
        yield
    finally:
        del models.invalidate, models.recompute
        if new:
            models.invalidate()
