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


class Geometry(NamedTuple):
    """Where a binned pixel's disc overlaps those of the beams that are q away from it.

    Attributes
    ----------
    q_y : (Sy,) float64
        Row frequencies [1/Å].
    k : (2, K) float64
        Pixels (ky, kx) in the scan's frame [1/Å].
    points : (2, 16) float64
        Sub-points of a pixel about its centre, in the scan's frame [1/Å].
    k0, step : float
        Radius of the disc, and the distance of columns [1/Å].
    columns : int
    triple : bool
        Whether the overlap of all three discs is kept too.
    """

    q_y: Any
    k: Any
    points: Any
    k0: float
    step: float
    columns: int
    triple: bool


class Depth(NamedTuple):
    """What thickness, tilt and focal spread make of a term of gamma; None where that is nothing.

    The weight of the first term is sinc(U) exp(-(πV)²), with U = curve (|k|² - |k - q|²) - lean·q
    and V = spread (|k|² - |k - q|²); k and q are in units of k0. See `recon.specimen`.

    Attributes
    ----------
    curve, lean_y, lean_x, spread : float32
    """

    curve: Any
    lean_y: Any
    lean_x: Any
    spread: Any


class Tables(NamedTuple):
    """Which entries of G are kept; empty where they are only counted.

    Attributes
    ----------
    runs : (R, 4) uint16
        Plane, first column, length, kind; entries follow one another in this order.
    hard : (H, 4) uint16
        The same for the hard masks of the pixels' centres: plane, column, length, side.
    hard_at : (H,) int32
        First entry of each hard run, from its row's first entry.
    masks : (M,) uint16
        Sub-point bits of the partly covered entries; for two terms `here`, then `there`.
    """

    runs: Any
    hard: Any
    hard_at: Any
    masks: Any
