"""A stand-in for an array of the package sparse."""

import numpy as np


class Coo:
    """What pydata's sparse.COO has: coordinates, counts, shape."""

    def __init__(self, array):
        self.coords = np.stack(np.nonzero(array))
        self.data, self.shape = array[array != 0], array.shape
