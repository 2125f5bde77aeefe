"""How far a phase can be trusted: two images of half the electrons each, ring by ring."""

from dataclasses import dataclass

import numpy as np

from recon.calibration import Calibration
from recon.device.backend import on_host
from recon.optics import Aberrations
from recon.quality.ring_correlation import (
    CRITERIA,
    RingCorrelation,
    resolution,
    ring_correlation,
    ring_width,
)
from recon.scan.events import ElectronEvents
from recon.specimen import THIN
from recon.ssb.gfunction import build_sidebands
from recon.ssb.phase import single_sideband
from recon.ssb.sidebands import Sidebands
from recon.sums.current import beam_current
from recon.treatment.dose import half_of_events

AT_LIMIT = 1.03
"""Ratio of the resolution to the last ring's period below which they are the same."""


@dataclass(frozen=True, eq=False)
class SplitHalf:
    """Agreement of two phases that share no electron.

    Attributes
    ----------
    curve : RingCorrelation
        Correlation of the halves; its `snr` is that of all electrons together.
    phases : (2, Sy, Sx) float32 array
        Phases of the halves [rad], on the host.
    end : str
        What there are no further rings for.
    """

    curve: RingCorrelation
    phases: np.ndarray
    end: str = "scan step"

    def resolution(self, criterion: str = "1/7") -> float | None:
        """Period [Å] down to which the halves agree; None where they do not agree at all."""
        return resolution(self.curve, criterion)

    @property
    def statement(self) -> str:
        """The resolution at each criterion in one sentence; that of noise is none."""
        found = {name: self.resolution(name) for name in CRITERIA}
        if not any(found.values()):
            return (
                "The two halves of the electrons agree at no spatial frequency more than halves "
                "of noise do."
            )
        last = float(1 / self.curve.q[-1])
        ended = [name for name, period in found.items() if period and period < AT_LIMIT * last]
        if len(ended) == len(found):
            return (
                f"Two halves of the electrons agree down to {last:.3g} Å: the {self.end} is the "
                "limit."
            )
        parts = [
            f"{name}: {'none' if period is None else f'{period:.3g} Å'}"
            for name, period in found.items()
            if name not in ended
        ]
        if ended:
            parts.append(f"{' and '.join(ended)}: {last:.3g} Å, up to the {self.end}")
        return f"Two halves of the electrons agree down to ({'; '.join(parts)})."


def split_half(
    events: ElectronEvents,
    calibration: Calibration,
    aberrations: Aberrations,
    pixels_across: int = 18,
    *,
    mode: str = "draft",
    sideband: str = "both",
    band_limit: float = 1.0,
    seed: int = 0,
    whole: Sidebands | None = None,
    progress=None,
) -> SplitHalf:
    """Fourier ring correlation of the phases of two halves of a scan's electrons.

    Each half is drawn, transformed and redrawn before the other: one G more than before is in
    memory at a time, of half the electrons but of full size.

    Parameters
    ----------
    events : ElectronEvents
    calibration, aberrations, pixels_across
        As for `build_sidebands` and `single_sideband`.
    mode, sideband, band_limit
        As for `single_sideband`. Draft and exact weights hardly differ in what the halves share.
    seed : int
        Which half an electron goes to, as for `split_events`.
    whole : Sidebands, optional
        G of all the electrons, where it is at hand: then one half is transformed alone, in about
        half the time, and the other's phase follows, since G is linear in the counts. To rounding
        in exact mode; in draft mode but for the halves' chance differences of the mean pattern.
        Not used where noise of the beam's current is taken out. Its specimen is the halves' too;
        without it they are taken for thin.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    SplitHalf

    Raises
    ------
    ValueError
        As `build_sidebands`, `single_sideband` and `ring_correlation`; if `whole` is of another
        scan or calibration, or comes with mode "sum", which is not linear.
    DeviceError
        If the device of the events fails or its memory is full.

    Notes
    -----
    Cheaper still: fewer `pixels_across`, or a region of the scan
    (`recon.treatment.crop.crop_scan`), whose rings are wider.
    """
    if whole is not None:
        _check_whole(whole, events, calibration, mode)
    tell = progress or (lambda fraction: None)
    how = aberrations, mode, sideband, band_limit
    specimen = THIN if whole is None else whole.specimen
    current = beam_current(events.counts, calibration) if whole is None else whole.current
    if current is not None and (current.noise or current.rows):
        # Of the halves more of it is taken out than of the whole: they do not add up.
        whole = None
    number = 1 if whole is not None else 2
    phases, means = [], []
    for which in range(number):

        def step(begin, end, n=which):
            return lambda fraction: tell((n + begin + (end - begin) * fraction) / number)

        half = half_of_events(events, which, seed, step(0, 0.2))
        g = build_sidebands(
            half,
            calibration,
            pixels_across,
            full=sideband == "full",
            whole=current,
            progress=step(0.2, 0.95),
        ).through(specimen)
        phases.append(on_host(single_sideband(g, *how)))
        means.append(g.mean_counts)
        del half, g
    if whole is not None:
        # Φ I0 is linear in the counts.
        both = on_host(single_sideband(whole, *how)) * np.float32(whole.mean_counts)
        rest = np.float32(whole.mean_counts - means[0])
        phases.append((both - phases[0] * np.float32(means[0])) / rest)
    steps = calibration.scan_sampling
    limit = 2 * band_limit * calibration.k0
    # Nothing is kept beyond the band, where both halves are exactly 0.
    curve = ring_correlation(*phases, steps, ring_width(phases[0].shape, steps, limit), limit)
    tell(1.0)
    return SplitHalf(
        curve, np.stack(phases), "band limit" if limit < 0.5 / max(steps) else "scan step"
    )


def _check_whole(whole, events, calibration, mode):
    if mode == "sum":
        raise ValueError(
            "The halves of the plain sum do not add up to the whole: leave the whole scan's G out, "
            "or take the mode 'exact' or 'draft'."
        )
    same = whole.scan_shape == tuple(events.scan_shape) and whole.calibration == calibration
    if not same or whole.electrons != events.electrons:
        raise ValueError(
            "The G given for the whole scan is of another scan or calibration: "
            "leave it out, or build it of the same events."
        )
