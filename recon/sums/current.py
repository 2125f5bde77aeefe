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
from recon.sums import outliers
from recon.sums.window import HANN

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

CHI_SQUARE = 0.455
"""Median of a χ² of one degree of freedom."""

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
    rows : float
        The same from row to row.
    """

    excess: np.ndarray
    empty: np.ndarray
    noise: float = 0.0
    rows: float = 0.0

    @property
    def statement(self) -> str:
        """What is done, in a sentence or two."""
        said, number = [], int(self.empty.sum())
        if number:
            share = f"{number} of {self.empty.size} frames ({100 * self.empty.mean():.2g} %)"
            stands = "are empty: the mean pattern stands in for them"
            if number == 1:
                stands = "is empty: the mean pattern stands in for it"
            said.append(f"{share} {stands} in G.")
        varies = [
            f"{100 * size:.2g} % (rms) from {what} to {what}"
            for size, what in ((self.noise, "frame"), (self.rows, "row"))
            if size
        ]
        if varies:
            said.append(
                f"The beam current varies by {' and '.join(varies)}, beyond counting noise: it is "
                "taken out of G, down to counting noise."
            )
        return " ".join(said)

    def record(self) -> dict:
        """What is said of it, for JSON."""
        return {
            "empty_frames": int(self.empty.sum()),
            "current_noise": self.noise,
            "current_noise_of_rows": self.rows,
            "statement": self.statement,
        }

    def added(self, xp):
        """(Sy, Qx) complex64: FFT(excess) over its value for a whole frame, 0 at q = 0; in `xp`."""
        spectrum = _rfft2(self.excess) / np.float32(self.excess.size)
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
    along it, is the current's in any size. Scans so coarse that hardly any frequency lies beyond
    2 k0 do not tell noise of frames. That of rows lies on the column of qx = 0 alone, up to the
    highest qy, where a specimen's power is that of the columns beside it.

    Totals hold the noise of counting too. All of them taken out would leave G without noise where
    it is alike on the whole disc, and a fit finds its way there; so much is taken out that what is
    left is as large as counting noise.
    """
    totals = np.asarray(totals, float)
    empty = empty_frames(totals, halves is None) if whole is None else whole.empty
    if empty.all() or not totals[~empty].any():
        return None
    mean = totals[~empty].mean()
    change, told = _change(totals, empty), _Told()
    if whole is not None:
        told = _Told(whole.noise, whole.rows)
    elif min(totals.shape) >= SMALLEST:
        parts = None if halves is None else [_change(half, empty) for half in halves]
        told = _told(change, parts, calibration, 1 / mean if halves is None else None)
    if not (told.noise or told.rows or empty.any()):
        return None
    excess = np.where(empty, 0, mean / totals.mean() * (1 + told.of(change))) - 1
    return BeamCurrent(excess.astype(np.float32), empty, told.noise, told.rows)


@dataclass(frozen=True, eq=False)
class _Told:
    """Standard deviations of the current, 0 if not told, and how much of them is taken out."""

    noise: float = 0.0
    rows: float = 0.0
    level: np.ndarray | None = None
    """(Qx,) power of all noise in each column; None where all of it is taken out."""
    counting: float = 0.0

    def of(self, change):
        """(Sy, Sx) what is taken out of the change."""
        if not self.noise and not self.rows:
            return np.zeros_like(change)
        spectrum = _rfft2(change)
        spectrum[0, 0] = 0
        if not self.noise:
            spectrum[:, 1:] = 0
        elif self.level is not None:
            most = CLIP * np.sqrt(self.level * change.size)
            shares = np.minimum(1, most / np.maximum(np.abs(spectrum), 1e-300))
            shares *= 1 - np.sqrt(np.minimum(self.counting / self.level, 1))
            shares[:, :SLOW] = 1
            spectrum *= shares
        return scipy.fft.irfft2(spectrum, change.shape, workers=-1)


def _rfft2(image):
    return scipy.fft.rfft2(image, workers=-1)


def _change(totals, empty):
    """Relative deviation of each frame from the mean; none where it is empty."""
    return np.where(empty, 0, totals / totals[~empty].mean() - 1)


def empty_frames(totals, counted: bool = True) -> np.ndarray:
    """(Sy, Sx) bool: frames that hold nothing, where chance would leave hardly any so."""
    totals = np.asarray(totals, float)
    nothing = totals == 0
    return outliers.empty(totals, nothing, outliers.dispersion_of(totals, counted, nothing))


def _told(change, parts, calibration, counting) -> _Told:
    """What the totals tell of the current beyond counting noise."""
    window = np.outer(*(np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in change.shape))
    scale = sqrt(np.sum(window**2))

    def spectrum(image):
        """Its power is that of the image, a variance, where that is noise."""
        return _rfft2((image - image.mean()) * window) / scale

    power = np.abs(spectrum(change)) ** 2
    rows = _of_rows(power, change)
    beyond = _beyond(change.shape, calibration)
    independent = beyond.sum() / HANN**2
    if independent < FEWEST:
        return _Told(rows=rows)
    power = np.where(beyond, power, 0)
    total = power.sum() / beyond.sum()
    if counting is None:
        first, second = (spectrum(part)[beyond] for part in parts)
        counting = total - (first * second.conj()).real.mean()
    noise = sqrt(max(total - counting, 0))
    if noise**2 <= max(SURE * total / sqrt(independent), LEAST_EXCESS * counting, LEAST_NOISE**2):
        return _Told(rows=rows)
    number, sums = (_beside(a.sum(axis=0)) for a in (beyond, power))
    level = np.where(number >= FEW, sums / np.maximum(number, 1), total)
    return _Told(noise, rows, level, counting)


def _of_rows(power, change):
    """Standard deviation of the current from row to row; 0 if it is not told.

    `power` is that of the change as noise, with a window, which spreads the column of qx = 0 over
    the next. Lattice rows are few in the spectrum, an edge along the rows is one step from one to
    the next: the median over either knows neither, and the smaller one counts.
    """
    columns = change.shape[1]
    high = abs(np.fft.fftfreq(len(power))) > 0.25
    # Of a real image ±qy are one at qx = 0; a median's error is 1 / ln 2 of a mean's.
    independent = high.sum() / 2 / HANN
    if independent < FEW / 2:
        return 0.0
    others = np.median(power[high, 3:9]) / np.log(2)
    steps = np.diff(change.mean(axis=1))
    own = np.median(power[high, 0]) / np.log(2)
    own = min(own, columns * np.median(steps**2) / CHI_SQUARE / 2)
    if own <= others * (1 + SURE / (np.log(2) * sqrt(independent))):
        return 0.0
    variance = (own - others) / columns
    return sqrt(variance) if variance > LEAST_NOISE**2 else 0.0


def _beyond(shape, calibration):
    """(Sy, Qx) bool: frequencies that no specimen reaches, and no window spreads it to."""
    steps = calibration.scan_sampling
    q_y, q_x = np.fft.fftfreq(shape[0], steps[0]), np.fft.rfftfreq(shape[1], steps[1])
    pixel = max(1 / (n * step) for n, step in zip(shape, steps, strict=True))
    beyond = np.hypot(q_y[:, None], q_x) > 2 * calibration.k0 + BESIDE * pixel
    # What changes from row to row is judged by itself.
    beyond[:, :SLOW] = False
    return beyond


def _beside(columns):
    """Sums over each column and those beside it."""
    return np.convolve(columns, np.ones(2 * BESIDE + 1), "same")
