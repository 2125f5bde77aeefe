"""An array that knows its unit and its sampling."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Result:
    """What a reconstruction has made: NumPy and Matplotlib take it for the array that it holds.

    Parameters
    ----------
    values : array
        In the host's memory.
    unit : str
        Of the values, such as "rad"; empty for a number without one.
    sampling : (float, float), optional
        Distance of pixels along the last two axes, (y, x); None where there is none to tell.
    sampling_unit : str
        Of that: "Å" over the scan, "mrad" over the detector.
    title : str
        What it is, in words.
    origin : (float, float)
        Where the first pixel lies along those axes, in `sampling_unit`: (0, 0) over the scan, off
        the disc's centre over the detector.
    """

    values: np.ndarray
    unit: str = ""
    sampling: tuple[float, float] | None = None
    sampling_unit: str = "Å"
    title: str = ""
    origin: tuple[float, float] = (0.0, 0.0)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.array(self.values, dtype=dtype, copy=copy)

    def __getitem__(self, where) -> Any:
        return self.values[where]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the values."""
        return self.values.shape

    @property
    def dtype(self) -> np.dtype:
        """Of the values."""
        return self.values.dtype

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """(left, right, bottom, top) of the whole image, for Matplotlib's `imshow`.

        Raises
        ------
        ValueError
            If the sampling is not known.
        """
        if self.sampling is None:
            raise ValueError(f"{self.title or 'This'} has no sampling, and so no extent.")
        height, width = (n * s for n, s in zip(self.shape[-2:], self.sampling, strict=True))
        return 0.0, width, height, 0.0
