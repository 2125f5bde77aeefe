"""Positions finer than a pixel, made use of: the same electrons on a finer detector.

Centring, binning, centre of mass and G all take an electron's pixel for its place. On a detector
whose pixels are as small as the places that the source tells apart, that is as good as the source.
"""

from dataclasses import replace

import numpy as np

from recon.device.backend import CPU
from recon.kernels.host import subpixel as kernels
from recon.scan import spill as room
from recon.scan.events import ElectronEvents

FACTORS = (2, 4, 8, 16)

MOST_PIXELS = 1 << 27
"""Of the finer detector: sums over it are dense."""


def refine_detector(events: ElectronEvents, factor: int = 4) -> ElectronEvents:
    """The same electrons on a detector with `factor` times as many pixels along each axis.

    Parameters
    ----------
    events : ElectronEvents
        With places in their pixels (`subpixel`).
    factor : {2, 4, 8, 16}
        Falcon cameras tell 4 places apart, centroids of clusters up to 16.

    Returns
    -------
    ElectronEvents
        Centre and radius in the metadata are those on the finer detector, (c + 1/2) factor - 1/2
        and r factor.

    Raises
    ------
    ValueError
        If the source tells no places, the factor is none of these, or the finer detector is too
        large; crop the detector to the disc first.
    UnreadableFile
        If there is no room for the electrons, in memory or for temporary files.
    """
    if events.subpixel is None:
        raise ValueError(
            "The source of these events does not say where in its pixel an electron was: a finer "
            "detector would show nothing more."
        )
    if factor not in FACTORS:
        raise ValueError(f"A detector is refined by 2, 4, 8 or 16, not {factor}.")
    height, width = (int(n) * factor for n in events.frame_shape)
    if height * width > MOST_PIXELS:
        raise ValueError(
            f"A detector of {height} × {width} pixels is too large ({MOST_PIXELS} pixels at "
            "most): crop it to the disc first, or refine it less."
        )
    events.check_pixels()
    pixels, left = (room.array(events.electrons, dtype) for dtype in (np.uint32, np.uint8))
    kernels.refine(
        events.pixels, events.subpixel, np.int64(events.frame_shape[1]), factor, pixels, left
    )
    metadata = dict(events.metadata)
    if "centre" in metadata:
        metadata["centre"] = tuple((c + 0.5) * factor - 0.5 for c in metadata["centre"])
    if "radius" in metadata:
        metadata["radius"] = metadata["radius"] * factor
    moved = replace(
        events,
        pixels=pixels,
        subpixel=left if factor < kernels.STEPS else None,
        frame_shape=(height, width),
        excluded=_finer(events.excluded, factor),
        metadata=metadata,
        device=CPU,
    )
    return moved.to_device(events.device)


def factor_for(events: ElectronEvents, radius: float, pixels_across: int) -> int:
    """The factor of `refine_detector` that is worth it for `pixels_across` pixels over the disc.

    Parameters
    ----------
    events : ElectronEvents
    radius : float
        Of the bright-field disc [pixels].
    pixels_across : int
        As for `recon.ssb.gfunction.build_sidebands`.

    Returns
    -------
    {1, 2, 4, 8, 16}
        1 where the source tells no places.

    Notes
    -----
    The detector is binned to the wanted pixels by a whole number. From a number of two on, an
    electron's place in its pixel is lost in the binned one, and so it is in COM, where it adds
    1 / (3 r²) to the variance of an electron's place in the disc. So the factor is the least that
    gives two pixels to a binned one; no more than the places that the source tells apart, and than
    the largest detector holds.
    """
    if events.subpixel is None or not events.electrons:
        return 1
    told = max(np.unique(events.subpixel >> 4).size, np.unique(events.subpixel & 15).size)
    factor, room = 1, MOST_PIXELS // (events.frame_shape[0] * events.frame_shape[1])
    while 2 * radius * factor < 2 * pixels_across and factor < told and 4 * factor**2 <= room:
        factor *= 2
    return min(factor, max(FACTORS))


def _finer(excluded, factor):
    return None if excluded is None else excluded.repeat(factor, axis=0).repeat(factor, axis=1)
