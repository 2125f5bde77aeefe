"""Lists of numbers of different lengths, one behind the other, in another order."""

import numpy as np


def regrouped(keys, counts) -> np.ndarray:
    """Index that puts lists in ascending order of their keys; of equal ones the first stays first.

    Parameters
    ----------
    keys, counts : (n,) int array
        Key and length of each list.

    Returns
    -------
    (sum of counts,) int64 array
        Places of the elements in the lists as they are.
    """
    counts = np.asarray(counts, np.int64)
    order = np.argsort(keys, kind="stable")
    starts, counts = (np.cumsum(counts) - counts)[order], counts[order]
    return np.arange(counts.sum()) + np.repeat(starts - (np.cumsum(counts) - counts), counts)
