"""A list of numbers that grows without being held twice."""

import numpy as np

SHARE = 8
"""A full list grows by this part of itself."""


class Growing:
    """Numbers that are appended array by array and taken as one in the end.

    Parts kept until the end and then joined would need twice their memory at once.

    Parameters
    ----------
    dtype : dtype
    """

    def __init__(self, dtype):
        self._array, self._size = np.empty(1 << 16, dtype), 0

    def append(self, numbers) -> None:
        """Put (n,) numbers at the end."""
        size = self._size + len(numbers)
        if size > self._array.size:
            # For large arrays the system moves pages, not bytes.
            self._array.resize(size + size // SHARE, refcheck=False)
        self._array[self._size : size] = numbers
        self._size = size

    def taken(self) -> np.ndarray:
        """All numbers; nothing can be appended after it."""
        array, self._array = self._array, None
        array.resize(self._size, refcheck=False)
        return array
