"""A scan without what some detector pixels saw."""

from dataclasses import replace

import numpy as np

from recon.device.backend import CPU
from recon.kernels.host import masking as kernels
from recon.scan import spill as room
from recon.scan.events import ElectronEvents, checked_mask
from recon.scan.kinds import by_kind


def without(scan, excluded):
    """The scan without the `excluded` pixels, on the device of the scan.

    Parameters
    ----------
    scan : ElectronEvents or DenseFrames
    excluded : (Ky, Kx) bool array, or None
        Joined to what the scan leaves out already.

    Returns
    -------
    ElectronEvents or DenseFrames
        Whose `excluded` says what is left out.

    Raises
    ------
    ValueError
        If the mask is not the detector's, or an electron lies outside the detector.
    UnreadableFile
        If there is no room for the electrons, in memory or for temporary files.

    Notes
    -----
    The electrons go, once, and every sum after it has the mask; frames read zero there. An even
    pattern loses a little on one side, a constant for all frames, which COM's mean takes away
    again. The sideband sum looks at `excluded`, for the share of a binned pixel that is left: see
    `recon.ssb.bright_field.bright_field`.
    """
    excluded = checked_mask(excluded, scan.frame_shape)
    if excluded is None:
        return scan
    if scan.excluded is not None:
        excluded = excluded | scan.excluded
    return by_kind(scan, _fewer_electrons, _read_as_zero)(scan, excluded)


def _read_as_zero(frames, excluded):
    return replace(frames, excluded=excluded)


def _fewer_electrons(events: ElectronEvents, excluded) -> ElectronEvents:
    events.check_pixels()
    keep = ~excluded.ravel()
    kept = np.zeros(events.positions, np.int64)
    for first, last in events.batches():
        kernels.count_kept(events.pixels, events.offsets, first, last, keep, kept)
    offsets = np.zeros(events.positions + 1, np.int64)
    np.cumsum(kept, out=offsets[1:])

    def left_of(values):
        if values is None:
            return None
        out = room.array(int(offsets[-1]), values.dtype)
        for first, last in events.batches():
            kernels.keep_values(
                values, events.pixels, events.offsets, first, last, keep, offsets, out
            )
        return out

    parts = {"pixels": left_of(events.pixels), "subpixel": left_of(events.subpixel)}
    masked = replace(events, device=CPU, offsets=offsets, excluded=excluded, **parts)
    return masked.to_device(events.device)
