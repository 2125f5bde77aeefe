"""Electron counting: raw frames of a camera's analogue output into electron events.

Each electron leaves a charge of Landau-like spread in a few neighbouring pixels, over a noise that
is nearly Gaussian. A pixel's value is

    v = (raw - dark) / gain

with the dark reference and the response of each pixel to equal light, its median taken as one.
"""

import numpy as np

from recon.counting.correction import COMMON, PLAIN, Readout, correction
from recon.counting.thresholds import Thresholds, estimate_thresholds
from recon.device.backend import CPU, Device, guarded, on_host
from recon.kernels import threads
from recon.kernels.arguments import Camera
from recon.scan.events import ElectronEvents, Source
from recon.scan.frames import frames_of
from recon.scan.growing import Growing

METHODS = ("maximum", "cluster")
"""What one electron is: each local maximum (3 × 3), or all connected pixels together."""

SLAB_BYTES = 64 * 2**20
"""Raw frames held at a time; the next as many are read meanwhile."""

PARTS = 4
"""Pieces of a slab for each core: enough to balance them."""

FIRST_ROOM = 1 << 12
"""Electrons that a part of a slab is given room for at first; one that has more is done again."""

SAMPLE = 100
"""Frames, from all over the scan, that thresholds are estimated from, at most."""

SAMPLE_PIXELS = 1 << 24
"""Pixels of such a sample, at most: each takes a few times 8 bytes while it is looked at."""


def sample_frames(frames, most: int = SAMPLE) -> np.ndarray:
    """(n, Ky, Kx) raw frames, up to `most` and as memory allows, evenly from all over the scan."""
    frames = frames_of(frames)
    fit = max(1, SAMPLE_PIXELS // (frames.frame_shape[0] * frames.frame_shape[1]))
    number = min(most, fit, frames.positions)
    every = np.linspace(0, frames.positions - 1, number).round().astype(int)
    return np.concatenate([frames.read(i, i + 1) for i in np.unique(every)])


@guarded
def count_electrons(
    frames,
    scan_shape=None,
    dark=None,
    gain=None,
    thresholds: Thresholds | None = None,
    method: str = "maximum",
    progress=None,
    *,
    readout: Readout = PLAIN,
    subpixel: bool = False,
    device: Device = CPU,
):
    """Count the electrons in a camera's raw frames.

    Parameters
    ----------
    frames : DenseFrames, (F, Ky, Kx) or (Sy, Sx, Ky, Kx) array
        Raw frames in raster order; read in slabs.
    scan_shape : (Sy, Sx), optional
        Scan positions; by default as the frames have them.
    dark, gain, readout
        As for `correction`.
    thresholds : Thresholds, optional
        By default estimated from frames all over the scan.
    method : str
        "maximum": each pixel above the background that none of its eight neighbours exceeds is an
        electron, with its centroid over 3 × 3 pixels. "cluster": all pixels above the background
        that are connected, diagonals included, are one electron, with their centroid.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.
    device : Device
        Where to count: on a GPU, local maxima without common offsets.
    subpixel : bool
        Keep the place of each electron within its pixel, as `ElectronEvents.subpixel`.

    Returns
    -------
    ElectronEvents
        Electrons at the pixel in which their centroid lies, frame by frame in raster order of
        their peaks.

    Raises
    ------
    ValueError
        If shapes contradict each other, or a choice or a threshold makes no sense.
    UnreadableFile
        If frames cannot be read.
    DeviceError
        If the device fails, or has no memory left.

    Notes
    -----
    An event whose peak reaches the x-ray threshold is no electron, and its neighbours are none
    either. Decisions are made in double precision and do not depend on the number of cores.
    Pixels beyond the detector's edge count as empty.
    """
    frames = frames_of(frames, scan_shape)
    if method not in METHODS:
        raise ValueError(f"The method is one of {', '.join(METHODS)}, not {method!r}.")
    common = readout.common
    if common not in COMMON:
        raise ValueError(f"The common offset is one of {', '.join(COMMON)}, not {common!r}.")
    dtype = _counted_type(frames.dtype)
    correct = correction(frames.frame_shape, frames.dtype, dark, gain, readout)
    if thresholds is None:
        thresholds = estimate_thresholds(sample_frames(frames), dark, gain, readout)
    limits = correct.limits(thresholds.background, dtype)
    if device is not CPU and (method != "maximum" or common != "none"):
        raise ValueError(
            "On the GPU, electrons are local maxima without common offsets: choose the device "
            f"'cpu' for the method {method!r} and the offsets {common!r}."
        )
    camera = Camera(
        frames.frame_shape[1],
        device.xp.asarray(limits),
        device.xp.asarray(correct.dark),
        device.xp.asarray(correct.gain),
        correct.saturation,
        correct.level,
        float(thresholds.background),
        float(thresholds.xray),
    )
    settings = camera, method == "cluster", device.xp.asarray(COMMON[common])
    counts = np.empty(frames.positions, np.int64)
    room, electrons, places = FIRST_ROOM, Growing(np.uint32), Growing(np.uint8)
    for first, slab in frames.slabs(SLAB_BYTES):
        slab = slab.reshape(len(slab), -1).astype(dtype, copy=False)
        mine, found, pixels, within = _count_slab(slab, settings, room, device)
        room = pixels.shape[1]
        counts[first : first + len(slab)] = mine
        for part, number in enumerate(found):
            electrons.append(pixels[part, :number])
            if subpixel:
                places.append(within[part, :number])
        if progress is not None:
            progress((first + len(slab)) / frames.positions)
    return ElectronEvents(
        electrons.taken(),
        np.concatenate([[0], np.cumsum(counts)]),
        frames.scan_shape,
        frames.frame_shape,
        frames.metadata,
        Source(frames.source.name, f"electrons counted in {frames.source.format}"),
        subpixel=places.taken() if subpixel else None,
    )


def _count_slab(slab, settings, room, device):
    """Electrons of each frame and part, and their pixels and places part by part, on the host."""
    # On a GPU, each frame is a part.
    parts = PARTS * threads() if device is CPU else len(slab)
    xp = device.xp
    raw = xp.asarray(slab)
    while True:
        counts, found = xp.empty(len(slab), np.int64), xp.empty(parts, np.int64)
        pixels = xp.empty((parts, room), np.uint32)
        within = xp.empty((parts, room), np.uint8)
        device.kernels.count_electrons(raw, *settings, counts, found, pixels, within)
        most = int(found.max())
        if most <= room:
            return tuple(on_host(array) for array in (counts, found, pixels, within))
        room = int(1.2 * most) + 1


def _counted_type(dtype):
    """Type that frames are compared in: the smallest of three that holds all their numbers."""
    if dtype.kind in "bu" and dtype.itemsize <= 2:
        return np.dtype(np.uint16)
    return np.dtype(np.float32 if dtype.itemsize <= (4 if dtype.kind == "f" else 2) else np.float64)
