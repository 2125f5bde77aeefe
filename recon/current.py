"""The beam's current, frame by frame: lost frames and noise of the current, taken out of G.

A frame that holds n(R) electrons of n̄ holds n(R) / n̄ times what it should: G gains
P(k) FFT(n / n̄ - 1), the same on all of the disc. A specimen adds nothing of the kind: to first
order it only moves electrons within the disc, Σ_k γ(k, K) = 0.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
import scipy.fft

from recon.calibration import Calibration
from recon.resolution import HANN

SURE = 5.0
"""Standard deviations by which noise of the current has to exceed that of counting."""

LEAST_EXCESS = 0.5
"""Of the counting noise: less does not matter, and electrons counted twice make as much."""

LEAST_NOISE = 1e-3
"""Of the current: less is rounding."""

FEWEST = 16
"""Independent frequencies beyond 2 k0 without which noise is not told from the specimen."""

FEW = 8
"""Frequencies beyond 2 k0 without which a column is taken for one like the others."""

CLIP = 3.0
"""Standard deviations of the noise at a frequency: what exceeds them is the specimen's."""

SMALLEST = 8
"""Positions along an axis without which a spectrum tells nothing."""

SLOW = 2
"""Frequencies along the fast axis, from 0, at which the current changes from row to row: noise of
any size lives there, and hardly a specimen."""

BESIDE = 2
"""Frequencies beside a column that tell of its noise too, and that a window spreads over."""


@dataclass(frozen=True, eq=False)
class BeamCurrent:
    """What is wrong with the current of a scan.

    Attributes
    ----------
    excess : (Sy, Sx) float32 array
        What each frame holds too much of the mean pattern, as a share of it; of mean 0.
    empty : (Sy, Sx) bool array
        Frames without any electron, beyond chance: the mean pattern stands in for them.
    noise : float
        Relative standard deviation of the current from frame to frame; 0 where it is not told
        from counting noise.
    """

    excess: np.ndarray
    empty: np.ndarray
    noise: float

    @property
    def statement(self) -> str:
        """What is done, in a sentence or two."""
        said, number = [], int(self.empty.sum())
        if number:
            share = f"{number} of {self.empty.size} frames ({100 * self.empty.mean():.2g} %)"
            are = (
                "are empty: the mean pattern stands in for them"
                if number > 1
                else ("is empty: the mean pattern stands in for it")
            )
            said.append(f"{share} {are} in G.")
        if self.noise:
            said.append(
                f"The beam current varies by {100 * self.noise:.2g} % (rms) from frame to frame, "
                "beyond counting noise: it is taken out of G, down to counting noise."
            )
        return " ".join(said)

    def record(self) -> dict:
        """What is said of it, for JSON."""
        return {
            "empty_frames": int(self.empty.sum()),
            "current_noise": self.noise,
            "statement": self.statement,
        }

    def added(self, xp):
        """(Sy, Qx) complex64: FFT(excess) over its value for a whole frame, 0 at q = 0; in `xp`."""
        spectrum = scipy.fft.rfft2(self.excess) / np.float32(self.excess.size)
        spectrum[0, 0] = 0
        return xp.asarray(spectrum.astype(np.complex64))


def take_out(transform, added) -> None:
    """Subtract P(k) FFT(excess) from (n, Sy, Qx) transforms of planes, in place.

    P(k) is each plane's mean, which its transform at q = 0 tells. `added` is `BeamCurrent.added`,
    or None where there is nothing to be taken out.
    """
    if added is None:
        return
    # One plane at a time: the product of all of them would be as large as they are.
    for plane in transform:
        plane -= plane[0, 0].real * added


def beam_current(
    totals, calibration: Calibration, *, halves=None, whole: BeamCurrent | None = None
) -> BeamCurrent | None:
    """Empty frames, and noise of the current beyond that of counting; None where all is well.

    Parameters
    ----------
    totals : (Sy, Sx) array
        What each frame holds: of electrons those of the whole detector, so that the specimen, which
        scatters some out of the disc, is hardly in it.
    calibration : Calibration
        For k0 and the scan step.
    halves : (2, Sy, Sx) array, optional
        What two parts of the detector hold, where `totals` are no numbers of electrons: then what
        both have in common is the current's, and the rest is noise. Without it noise is Poisson.
    whole : BeamCurrent, optional
        Of a scan of which this one has a part of the electrons. What is wrong is the same, and is
        taken out to the last, so that two parts have nothing of it in common.

    Notes
    -----
    Whatever the specimen, intensities hold no frequency beyond 2 k0, so there the spectrum of the
    totals is noise; that of the current is uneven along the fast axis at most, and is known for
    each column from the frequencies beyond 2 k0 in it. What exceeds it threefold at a frequency is
    the specimen's, and is taken out up to there alone; only what changes from row to row, and not
    along it, is the current's in any size. Scans so coarse that hardly any
    frequency lies beyond 2 k0 do not tell noise of the current.

    Totals hold the noise of counting too. All of them taken out would leave G without noise where
    it is alike on the whole disc, and a fit finds its way there; so much is taken out that what is
    left is as large as counting noise.
    """
    totals = np.asarray(totals, float)
    empty = empty_frames(totals, halves is None) if whole is None else whole.empty
    noisy = min(totals.shape) >= SMALLEST and (whole is None or whole.noise > 0)
    if empty.all() or not totals[~empty].any() or not (noisy or empty.any()):
        return None
    mean = totals[~empty].mean()
    change, noise = _change(totals, empty), 0.0
    if noisy:
        parts = None if halves is None else [_change(half, empty) for half in halves]
        counting = 1 / mean if halves is None else None
        noise, change = _noise(change, parts, calibration, counting, whole)
    if not noise and not empty.any():
        return None
    share = mean / totals.mean()
    excess = np.where(empty, 0, share * (1 + (change if noise else 0))) - 1
    return BeamCurrent(excess.astype(np.float32), empty, noise)


def _change(totals, empty):
    """Relative deviation of each frame from the mean; none where it is empty."""
    return np.where(empty, 0, totals / totals[~empty].mean() - 1)


def empty_frames(totals, counted: bool = True) -> np.ndarray:
    """(Sy, Sx) bool: frames that hold nothing, where chance would leave hardly any so."""
    totals = np.asarray(totals, float)
    empty = totals == 0
    if not empty.any() or empty.all():
        return np.zeros_like(empty)
    from recon.health import outliers  # whose package knows of G

    typical = float(np.median(totals[~empty])) / outliers.dispersion_of(totals, counted)
    return empty & (np.exp(-typical) * totals.size < outliers.FALSE_ALARMS)


def _noise(change, parts, calibration, counting, whole):
    """Standard deviation of the current, 0 if it is not told; and the change to be taken out."""
    shape = change.shape
    window = np.outer(*(np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in shape))

    def spectrum(image):
        """Its power is that of the image without a window, where that is noise."""
        return scipy.fft.rfft2((image - image.mean()) * window) / sqrt(np.mean(window**2))

    beyond = _beyond(shape, calibration)
    independent = beyond.sum() / HANN**2
    if independent < FEWEST:
        return 0.0, change
    power = np.where(beyond, np.abs(spectrum(change)) ** 2 / change.size, 0)
    total = power.sum() / beyond.sum()
    if counting is None:
        first, second = (spectrum(part)[beyond] for part in parts)
        counting = total - (first * second.conj()).real.mean() / change.size
    noise = sqrt(max(total - counting, 0))
    if whole is not None:
        return whole.noise, change
    least = max(SURE * total / sqrt(independent), LEAST_EXCESS * counting, LEAST_NOISE**2)
    if noise**2 <= least:
        return 0.0, change
    number, sums = (_beside(a.sum(axis=0)) for a in (beyond, power))
    level = np.where(number >= FEW, sums / np.maximum(number, 1), total)
    return noise, _taken(change, level, counting)


def _taken(change, level, counting):
    """The part of the change that is taken out, by the power of all noise in each column."""
    spectrum = scipy.fft.rfft2(change)
    spectrum[0, 0] = 0
    most = CLIP * np.sqrt(level * change.size)
    clipped = np.minimum(1, most / np.maximum(np.abs(spectrum), 1e-300))
    share = clipped * (1 - np.sqrt(np.minimum(counting / level, 1)))
    share[:, :SLOW] = 1
    spectrum *= share
    return scipy.fft.irfft2(spectrum, change.shape)


def _beyond(shape, calibration):
    """(Sy, Qx) bool: frequencies that no specimen reaches, and no window spreads it to."""
    steps = calibration.scan_sampling
    q_y, q_x = np.fft.fftfreq(shape[0], steps[0]), np.fft.rfftfreq(shape[1], steps[1])
    pixel = max(1 / (n * step) for n, step in zip(shape, steps, strict=True))
    return np.hypot(q_y[:, None], q_x) > 2 * calibration.k0 + BESIDE * pixel


def _beside(columns):
    """Sums over each column and those beside it."""
    return np.convolve(columns, np.ones(2 * BESIDE + 1), "same")
