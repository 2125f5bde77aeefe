"""Fit of the bright-field disc in a position-averaged pattern."""

from recon.errors import DiscNotFound
from recon.geometry.circle import GOOD, Disc, checked_pattern, fit_circle
from recon.geometry.ellipse import ellipse_instead

LONG = 1.4
"""Ratio of the axes from which on an ellipse is not taken for a circle that fits badly."""


def fit_disc(pacbed, start=None) -> Disc:
    """Bright-field disc of a pattern of counts, found and fitted on its own.

    Parameters
    ----------
    pacbed : (Ky, Kx) array
        Sum of a scan's frames [counts], on any device. What is below zero, as noise of frames
        less their dark reference is, counts as nothing.
    start : ((float, float), float), optional
        Rough centre (y, x) and radius [px], where the disc need not be looked for.

    Returns
    -------
    Disc
        Its centre (y, x) and radius [detector pixels], and `statement`, which says them in words.

    Raises
    ------
    DiscNotFound
        If nothing in the pattern could be a disc; the sentence says why.
    ValueError
        If the pattern is not a two-dimensional array of finite numbers, some above zero.

    Notes
    -----
    A circle is fitted to the drop of intensity at the rim, blurred as an error function. Inside
    and outside levels are free in sectors of the azimuth, so that neither diffracted discs that
    overlap, nor a halo, nor uneven illumination pull the circle. Weights are those of counting,
    with an allowance for structure, and a robust loss bounds what any pixel can do.
    """
    pattern = checked_pattern(pacbed)
    try:
        disc = fit_circle(pattern, start)
    except DiscNotFound as error:
        raise DiscNotFound(f"{error}{ellipse_instead(pattern)}") from None
    if not disc.statement.endswith(GOOD) and (
        said := ellipse_instead(pattern, LONG, disc.residual)
    ):
        (y, x), radius = disc.centre, disc.radius
        raise DiscNotFound(
            f"No disc: a circle, of {radius:.1f} px radius at ({y:.1f}, {x:.1f}), misses its rim. "
            f"Give centre and radius instead.{said}"
        )
    return disc
