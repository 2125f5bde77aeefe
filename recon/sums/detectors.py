"""Sums straight from events: every electron is visited once, no frame is ever made dense."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite

import numpy as np

from recon.calibration import Calibration
from recon.device.backend import guarded, on_host
from recon.kernels import threads
from recon.kernels.cpu.events import FEW
from recon.scan.events import ElectronEvents, fitting_mask

PRESETS = {"bf": (0.0, 1.0), "abf": (0.5, 1.0), "adf": (1.05, inf)}
"""Inner and outer radius of the usual detectors, in units of the bright-field disc's radius."""

BATCH = 1 << 27
"""Electrons in one launch of a kernel: a fraction of a second."""

MOST_LABELS = np.iinfo(np.uint16).max

ALL_FRAMES = np.empty(0, bool)


@guarded
def pacbed(events: ElectronEvents, mask=None, progress=None) -> np.ndarray:
    """Sum of the frames: the position-averaged pattern, times the number of positions.

    Parameters
    ----------
    events : ElectronEvents
        The scan.
    mask : (Sy, Sx) bool array, optional
        Scan positions to sum; all of them by default.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    (Ky, Kx) int64 array
        Electrons in each detector pixel, on `events.device`.

    Raises
    ------
    ValueError
        If the mask's shape is not the scan's, or an electron lies outside the detector.
    DeviceError
        If the device fails or is full.
    """
    keep = ALL_FRAMES
    if mask is not None:
        keep = fitting_mask(mask, "scan", events.scan_shape).ravel()
    events.check_pixels()
    size = events.frame_shape[0] * events.frame_shape[1]
    # A core sums into its own copy; on a detector with more pixels than there are electrons for
    # each core, clearing and adding the copies would cost more than the electrons themselves.
    copies = int(min(threads(), 1 + events.electrons // size))
    xp, kernels = events.device.xp, events.device.kernels
    keep = xp.asarray(keep)
    total = xp.zeros(size, np.int64)
    for p in events.pieces(BATCH, progress):
        partial = xp.zeros((copies, size), np.uint32)
        kernels.histogram(p.pixels, p.offsets, p.first, p.last, keep[p.frames], partial)
        total += partial.sum(axis=0, dtype=np.int64)
    return total.reshape(events.frame_shape)


@guarded
def vacuum_probe(events: ElectronEvents, region) -> np.ndarray:
    """Mean pattern over a region of the scan, such as vacuum beside the specimen.

    Parameters
    ----------
    events : ElectronEvents
        The scan.
    region : (y0, y1, x0, x1)
        Rows y0 <= y < y1 and columns x0 <= x < x1 of the scan.

    Returns
    -------
    (Ky, Kx) float64 array
        Electrons in each detector pixel, per scan position, on `events.device`.

    Raises
    ------
    ValueError
        If the region is empty or leaves the scan.
    """
    y0, y1, x0, x1 = region
    height, width = events.scan_shape
    if not (0 <= y0 < y1 <= height and 0 <= x0 < x1 <= width):
        raise ValueError(
            f"The region of rows {y0} to {y1} and columns {x0} to {x1} does not lie "
            f"in the scan of {height} × {width} positions."
        )
    mask = np.zeros(events.scan_shape, bool)
    mask[y0:y1, x0:x1] = True
    return pacbed(events, mask) / mask.sum()


def virtual_detector(events: ElectronEvents, centre, inner, outer, progress=None) -> np.ndarray:
    """Image of one annular detector.

    Parameters
    ----------
    events : ElectronEvents
        The scan.
    centre : (float, float)
        Centre (y, x) in pixel-index coordinates; it may lie anywhere.
    inner, outer : float
        Radii [detector pixels]; pixels with inner <= r < outer count. `outer` may be infinite.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    (Sy, Sx) int32 array
        Electrons on the detector at each scan position, on `events.device`.

    Raises
    ------
    ValueError
        If the radii are negative or not in order, or the centre is not finite.
    """
    mask = annulus(events.frame_shape, centre, inner, outer)
    return sum_masks(events, {"": mask}, progress)[""]


def virtual_detectors(
    events: ElectronEvents,
    calibration: Calibration,
    detectors: Mapping[str, tuple[float, float]] = PRESETS,
    progress=None,
) -> dict[str, np.ndarray]:
    """Images of several annular detectors about the disc, in one pass over the electrons.

    Parameters
    ----------
    events : ElectronEvents
        The scan.
    calibration : Calibration
        Centre and radius of the bright-field disc.
    detectors : mapping of name to (inner, outer)
        Radii in units of the disc's radius; annuli may overlap.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    dict of name to (Sy, Sx) int32 array
        Electrons on each detector at each scan position, on `events.device`.

    Raises
    ------
    ValueError
        If radii are negative or not in order.
    """
    masks = {
        name: annulus(
            events.frame_shape,
            calibration.centre,
            inner * calibration.radius,
            outer * calibration.radius,
        )
        for name, (inner, outer) in detectors.items()
    }
    return sum_masks(events, masks, progress)


@guarded
def sum_masks(events: ElectronEvents, masks: Mapping[str, np.ndarray], progress=None):
    """Electrons on each of several detectors of any shape, in one pass.

    Parameters
    ----------
    events : ElectronEvents
        The scan.
    masks : mapping of name to (Ky, Kx) bool array
        At most 64 detectors, which may overlap.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    dict of name to (Sy, Sx) int32 array
        On `events.device`.

    Raises
    ------
    ValueError
        If a mask's shape is not the detector's, or there are too many masks.
    DeviceError
        If the device fails or is full.
    """
    return Detectors.of(masks, events.frame_shape).images(events, progress)


@dataclass(frozen=True, eq=False)
class Detectors:
    """Detectors of any shape that may overlap, ready for passes over electrons.

    Attributes
    ----------
    members : mapping of name to (n,) int64 array
        Labels that are part of each detector.
    labels : (Ky, Kx) integer array
        Of each detector pixel: pixels that the same detectors see have one label.
    number : int
        Of labels.
    """

    members: Mapping[str, np.ndarray]
    labels: np.ndarray
    number: int

    @classmethod
    def of(cls, masks: Mapping[str, np.ndarray], frame_shape) -> "Detectors":
        """The detectors of `sum_masks`, which says what is raised."""
        if len(masks) > 64:
            raise ValueError(f"{len(masks)} detectors are more than the 64 of one pass.")
        # One bit a detector; pixels with the same bits are one label, and an electron is counted
        # once under its label, however many detectors overlap there.
        bits = np.zeros(frame_shape, np.uint64)
        for number, (name, mask) in enumerate(masks.items()):
            mask = fitting_mask(mask, "detector", frame_shape, name)
            bits |= mask.astype(np.uint64) << np.uint64(number)
        if 1 << len(masks) <= FEW:
            kinds, labels = np.arange(1 << len(masks), dtype=np.uint64), bits
        else:
            kinds, labels = np.unique(bits, return_inverse=True)
        members = {
            name: np.flatnonzero((kinds >> np.uint64(number)) & np.uint64(1))
            for number, name in enumerate(masks)
        }
        return cls(members, labels, kinds.size)

    @guarded
    def images(self, events: ElectronEvents, progress=None) -> dict[str, np.ndarray]:
        """What `sum_masks` returns."""
        counts = _count_labels(events, self.labels, self.number, progress)
        xp = events.device.xp
        return {
            name: counts[xp.asarray(member)].sum(axis=0, dtype=np.int32).reshape(events.scan_shape)
            for name, member in self.members.items()
        }


@guarded
def radial_sums(events: ElectronEvents, centre, edges, progress=None) -> np.ndarray:
    """Electrons in each of a set of rings, at each scan position, in one pass.

    Parameters
    ----------
    events : ElectronEvents
        The scan.
    centre : (float, float)
        Centre (y, x) in pixel-index coordinates.
    edges : (n + 1,) sequence of float
        Increasing radii [detector pixels]; ring i holds edges[i] <= r < edges[i + 1].
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    (n, Sy, Sx) int32 array
        Electrons in each ring, on `events.device`.

    Raises
    ------
    ValueError
        If the edges do not increase from zero or more, or there are too many of them.
    """
    ring, number = _rings(events.frame_shape, centre, edges)
    counts = _count_labels(events, ring, number + 1, progress)
    return counts[:number].reshape(number, *events.scan_shape)


def radial_profile(pattern, centre, edges) -> np.ndarray:
    """Mean of a pattern over each of a set of rings.

    Parameters
    ----------
    pattern : (Ky, Kx) array
        Such as a PACBED or a vacuum probe.
    centre, edges
        As for `radial_sums`.

    Returns
    -------
    (n,) float64 array
        Mean per detector pixel, on the host; NaN for a ring so thin that no pixel's centre lies
        in it.
    """
    pattern = on_host(pattern)
    ring, number = _rings(pattern.shape, centre, edges)
    pixels = np.bincount(ring, minlength=number + 1)[:number]
    sums = np.bincount(ring, pattern.ravel(), minlength=number + 1)[:number]
    return np.divide(sums, pixels, out=np.full(number, np.nan), where=pixels > 0)


def annulus(frame_shape, centre, inner, outer) -> np.ndarray:
    """(Ky, Kx) bool: the detector pixels whose centres lie at inner <= r < outer [pixels]."""
    if not 0 <= inner < outer:
        raise ValueError(
            f"An annular detector from {inner:g} to {outer:g} pixels is empty: "
            "the inner radius must be zero or more, and less than the outer one."
        )
    radius = _radii(frame_shape, centre)
    return (radius >= inner) & (radius < outer)


def _radii(frame_shape, centre):
    if not all(isfinite(value) for value in centre):
        raise ValueError("The centre ({}, {}) is not a position in pixels.".format(*centre))
    y, x = np.ogrid[: frame_shape[0], : frame_shape[1]]
    return np.hypot(y - centre[0], x - centre[1])


def _rings(frame_shape, centre, edges):
    """Ring of each detector pixel, (Ky * Kx,) and the number of rings, which marks outside."""
    edges = np.asarray(edges, float)
    number = edges.size - 1
    if edges.ndim != 1 or not 1 <= number < MOST_LABELS:
        raise ValueError(f"Rings need 2 to {MOST_LABELS} edges in one list, not {edges.size}.")
    if not edges[0] >= 0 or not np.all(np.diff(edges) > 0):
        raise ValueError(
            f"The rings' edges must increase from zero or more; they run from {edges[0]:g} to "
            f"{edges[-1]:g} pixels, smallest step {np.diff(edges).min():g}."
        )
    radius = _radii(frame_shape, centre).ravel()
    ring = np.searchsorted(edges, radius, side="right") - 1
    ring[ring < 0] = number
    return ring, number


def _count_labels(events, labels, number, progress):
    """(number, F) int32: electrons of each label in each frame."""
    if number > MOST_LABELS:
        raise ValueError(
            f"The detectors overlap in {number} different ways, more than {MOST_LABELS}."
        )
    events.check_pixels()
    # A cache line of padding: rows a power of two apart would all compete for the same lines.
    xp, kernels = events.device.xp, events.device.kernels
    counts = xp.zeros((number, events.positions + 16), np.int32)
    if number <= FEW:
        count, labels = kernels.count_few_labels, (8 * labels.ravel()).astype(np.uint8)
    else:
        count, labels = kernels.count_labels, labels.ravel().astype(np.uint16)
    labels = xp.asarray(labels)
    for p in events.pieces(BATCH, progress):
        count(p.pixels, p.offsets, p.first, p.last, labels, counts[:, p.frames])
    return counts[:, : events.positions]
