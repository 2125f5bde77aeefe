"""G at the strongest frequencies on all pixels of the disc: before it is known how the scan lies.

Sidebands are where the scan's frequencies, turned to the detector, displace the disc. With all
pixels at hand, any rotation and transpose can be tried without another transform.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recon.calibration import Calibration
from recon.device.backend import CPU, Device, guarded, on_host
from recon.focus.overlaps import FARTHEST, FEWEST, NEAREST, Overlaps
from recon.scan.kinds import ScanData, by_kind
from recon.ssb.bright_field import BrightField, bright_field, plane_counts
from recon.sums.current import BeamCurrent, beam_current, take_out
from recon.sums.dense import binned_planes, current_of_planes

FREQUENCIES = 2000
"""Frequencies that are kept, the strongest."""

BATCH_BYTES = 2**28
KEPT_BYTES = 2**29
"""Transforms held at a time, and all of them on the CPU if they fit: else they are made twice."""


@dataclass(frozen=True, eq=False)
class DiscEntries:
    """Entries of G at some frequencies.

    Attributes
    ----------
    values : (M, K) complex128 array
        G of each frequency on each binned pixel, strongest frequency first.
    offsets : (2, M) int array
        Rows and columns of the frequencies, from DC.
    weights : (K,) float64 array
        Variance of each pixel's entries for independent electrons.
    scan_shape : (int, int)
    disc : BrightField
    calibration : Calibration
        Its rotation and transpose are not used.
    """

    values: np.ndarray
    offsets: np.ndarray
    weights: np.ndarray
    scan_shape: tuple[int, int]
    disc: BrightField
    calibration: Calibration

    @cached_property
    def q(self) -> np.ndarray:
        """(2, M) float64 frequencies (y, x) along the scan's axes [1/Å]."""
        sampling = self.calibration.scan_sampling
        steps = [1 / (n * s) for n, s in zip(self.scan_shape, sampling, strict=True)]
        return self.offsets * np.array(steps)[:, None]

    @cached_property
    def lit(self) -> np.ndarray:
        """(K,) which pixels hold any electrons."""
        return self.weights > 0

    @cached_property
    def whole(self):
        """Number of each frequency's entries, and their power Σ |G|² / w, (M,) each."""
        lit = self.lit
        power = np.sum(np.abs(self.values[:, lit]) ** 2 / self.weights[lit], axis=1)
        return np.full(len(power), float(np.count_nonzero(lit))), power

    def places(self, q) -> np.ndarray:
        """(2, n) int row and column in the transform's half plane of (2, n) frequencies."""
        sampling = self.calibration.scan_sampling
        sizes = [n * s for n, s in zip(self.scan_shape, sampling, strict=True)]
        offsets = np.rint(q * np.array(sizes)[:, None]).astype(int)
        return np.stack([offsets[0] % self.scan_shape[0], offsets[1]])

    def laid(self, rotation_deg: float, transpose: bool, count: int | None = None) -> Overlaps:
        """The sidebands as they are for one rotation and transpose.

        Parameters
        ----------
        rotation_deg, transpose
            As in `Calibration`.
        count : int, optional
            Of the strongest frequencies; those whose sidebands hold too few pixels are left out.
        """
        calibration, disc = self.calibration, self.disc
        q = self.q[:, :count]
        empty = np.empty(0)
        frame = calibration.k0, disc.width, calibration.wavelength, rotation_deg, transpose
        nothing = empty, np.empty((2, 0)), empty, empty, empty
        laid = Overlaps(*nothing, np.zeros(1, int), q, *frame)
        # Entries are judged in the detector's frame; pixels that an edge cuts count in part.
        axes = zip(disc.k[:, None], laid.q_on_detector()[..., None], strict=True)
        (k_y, q_y), (k_x, q_x) = axes
        right, left = (
            np.clip(
                (calibration.k0 - np.hypot(k_y - s * q_y, k_x - s * q_x)) / disc.width + 0.5, 0, 1
            )
            for s in (1, -1)
        )
        kept = (right + left > 0) & self.lit
        kept &= (kept.sum(axis=1) >= FEWEST)[:, None]
        frequency, plane = np.nonzero(kept)
        used = np.flatnonzero(kept.any(axis=1))
        starts = np.concatenate([[0], np.cumsum(kept.sum(axis=1)[used])])
        return Overlaps(
            self.values[frequency, plane],
            disc.k[:, plane],
            right[kept],
            left[kept],
            self.weights[plane],
            starts,
            q[:, used],
            *frame,
            whole=tuple(part[used] for part in self.whole),
        )


def disc_entries(
    scan: ScanData, calibration: Calibration, pixels_across: int, progress=None
) -> DiscEntries:
    """The strongest frequencies of a scan.

    Parameters
    ----------
    scan : ElectronEvents or DenseFrames
    calibration : Calibration
    pixels_across : int
        Binned bright-field pixels over the disc's diameter.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Raises
    ------
    ValueError
        As `recon.ssb.bright_field.bright_field`.
    DeviceError
        If the scan's device fails.
    """
    disc = bright_field(calibration, scan.frame_shape, pixels_across, scan.excluded)
    return by_kind(scan, _of_events, _of_frames)(scan, disc, calibration, progress)


def _of_events(events, disc, calibration, progress) -> DiscEntries:
    def planes(start, stop):
        return plane_counts(events, disc.lookup, start, stop)

    current = beam_current(events.counts, calibration)
    how = events.device, progress, current
    return entries_of_planes(planes, events.scan_shape, disc, calibration, *how)


def _of_frames(frames, disc, calibration, progress) -> DiscEntries:
    tell, shape = progress or (lambda fraction: None), frames.scan_shape
    planes, _ = binned_planes(frames, disc.lookup, disc.size, lambda part: tell(0.5 * part))
    how = CPU, lambda part: tell(0.5 + 0.5 * part), current_of_planes(planes, shape, calibration)
    return entries_of_planes(lambda a, b: planes[a:b], shape, disc, calibration, *how)


@guarded
def entries_of_planes(
    planes,
    scan_shape,
    disc: BrightField,
    calibration: Calibration,
    device: Device = CPU,
    progress=None,
    current: BeamCurrent | None = None,
) -> DiscEntries:
    """The strongest frequencies of binned planes.

    Parameters
    ----------
    planes : callable
        `planes(start, stop)` returns the (stop - start, Sy, Sx) counts of those planes, on the
        host or on `device`.

    Others as for `disc_entries` and `recon.ssb.gfunction.sidebands_of_planes`.
    """
    tell = progress or (lambda fraction: None)
    rows, columns = scan_shape
    batch = max(1, BATCH_BYTES // (8 * rows * columns))
    starts = range(0, disc.size, batch)
    added = current and current.added(device.xp)
    keep = device is CPU and 4 * rows * columns * disc.size <= KEPT_BYTES

    def transform(start):
        part = device.xp.asarray(planes(start, min(start + batch, disc.size)))
        transform = device.fft.rfft2(part.astype(np.float32), **device.fft_options)
        take_out(transform, added)
        return transform

    power = device.xp.zeros((rows, columns // 2 + 1), np.float32)
    sums, parts = np.zeros(disc.size), {}
    for start in starts:
        part = transform(start)
        sums[start : start + len(part)] = on_host(part[:, 0, 0].real)
        power += (part.real**2 + part.imag**2).sum(axis=0)
        if keep:
            parts[start] = part
        tell((start + len(part)) / disc.size * (1 if keep else 0.5))
    offset_y = np.fft.fftfreq(rows, 1 / rows).astype(int)
    offset_x = np.arange(columns // 2 + 1)
    steps = [1 / (n * s) for n, s in zip(scan_shape, calibration.scan_sampling, strict=True)]
    radius = np.hypot(offset_y[:, None] * steps[0], offset_x * steps[1]) / calibration.k0
    # Rows and columns through DC and beside it hold the scan's noise and its flyback.
    allowed = (abs(offset_y)[:, None] > 1) & (offset_x > 1)
    allowed &= (radius > NEAREST) & (radius < FARTHEST)
    ranked = np.where(allowed, on_host(power), 0).ravel()
    best = np.argsort(-ranked, kind="stable")[:FREQUENCIES]
    y, x = np.unravel_index(best[ranked[best] > 0], power.shape)
    values = np.empty((len(y), disc.size), complex)
    at = device.xp.asarray(y), device.xp.asarray(x)
    for start in starts:
        part = parts[start] if keep else transform(start)
        values[:, start : start + len(part)] = on_host(part[:, at[0], at[1]]).T
        tell(1.0 if keep else 0.5 + 0.5 * (start + len(part)) / disc.size)
    offsets = np.stack([offset_y[y], offset_x[x]])
    # Pixels of which some were excluded stand for whole ones.
    return DiscEntries(
        values / disc.kept, offsets, sums / disc.kept**2, tuple(scan_shape), disc, calibration
    )
