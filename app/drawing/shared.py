"""What several pages draw of one array is computed once."""

from collections.abc import Callable
from functools import wraps
from weakref import ref


def once_for_all(function: Callable) -> Callable:
    """Have `function(array, *more)` give the pages that show one array what it gave the first.

    Remembered is the last result, for as long as the array itself is given again (not one that is
    equal to it) with equal arguments. It does not keep the array in memory. Results of the
    pipeline are never written to, and neither is what is given here.
    """
    last: tuple = (lambda: None), (), None

    @wraps(function)
    def shared(array, *more):
        nonlocal last
        of, arguments, result = last  # at once: other sessions may draw on other threads
        if of() is not array or arguments != more:
            result = function(array, *more)
            last = ref(array), more, result
        return result

    return shared
