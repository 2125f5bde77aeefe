"""What kernels take together: the same for the CPU's and for CUDA's."""

from typing import Any, NamedTuple


class Camera(NamedTuple):
    """What a camera's raw numbers are turned into values with, and judged by.

    Attributes
    ----------
    width : int
        Detector columns.
    limits : (P,) array of the frames' type
        A pixel is looked at if its raw number is above its limit.
    dark, gain : (P,) float32 arrays
        `gain` is infinite where a pixel is dead.
    saturation, level : float
        Raw number from which on a pixel is saturated, and the value that it then counts as.
    background, xray : float
        Thresholds of a value.
    """

    width: int
    limits: Any
    dark: Any
    gain: Any
    saturation: float
    level: float
    background: float
    xray: float
