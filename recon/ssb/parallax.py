"""Tilt-corrected bright field (parallax): each pixel's image shifted back, and all of them added.

Seen from the scan, the image of bright-field pixel k is displaced by ∇χ(k) / 2π. In G that is a
wave: with all overlaps, the sum of the corrected images is for aberrations of second order

    T(q) = Σ G(k, q) exp(-i q·∇χ(k)) = 2 sin χ(q) H(q) Φ(q) Σ P,

H the overlap of two apertures q apart. It needs the triple overlap, and, where it is finer than
the scan, frequencies that the scan folds back: so it is made of the planes, not of the sidebands.
Each plane holds every frequency of the finer lattice under its folded one; with the shifts undone,
the right one adds up and the others, out of step, do not.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from recon.calibration import Calibration
from recon.device.backend import guarded
from recon.device.transforms import planned
from recon.optics import SIZE, Aberrations
from recon.scan.events import ElectronEvents
from recon.ssb.bright_field import BinnedPlanes, bright_field, plane_counts
from recon.ssb.gfunction import no_electrons, planes_at_a_time
from recon.ssb.tables import check_scan
from recon.sums.current import beam_current, take_out

UPSAMPLING = (1, 2, 4)

MOST_LEAKAGE = 0.5
"""Of a folded frequency beside the right one: shifts much smaller than a step sort out nothing."""


@dataclass(frozen=True, eq=False)
class TiltCorrected:
    """A tilt-corrected bright-field image.

    Attributes
    ----------
    image : (n Sy, n Sx) float32 array
        Intensity relative to its mean, 1: no phase. Contrast is the object's phase [rad] times
        its transfer. On the device of the events.
    sampling : (float, float)
        Distance of its pixels along (y, x) [Å].
    leakage : float
        Largest share, 0 to 1, of a frequency that the scan folds onto another and that is left
        there; 0 where nothing is upsampled.
    """

    image: np.ndarray
    sampling: tuple[float, float]
    leakage: float


@guarded
def tilt_corrected(
    events: ElectronEvents,
    calibration: Calibration,
    aberrations: Aberrations,
    pixels_across: int = 18,
    *,
    upsample: int = 1,
    flip: bool = True,
    band_limit: float = 1.0,
    progress=None,
) -> TiltCorrected:
    """Tilt-corrected bright field of a scan's electrons.

    Parameters
    ----------
    events : ElectronEvents
    calibration : Calibration
    aberrations : Aberrations
        Of the probe, in the detector's frame. Without them nothing is displaced, and a weak phase
        shows nothing either: this is an image for defocused scans.
    pixels_across : int
        Binned bright-field pixels over the disc's diameter, 4 to 64. Within one of them all
        electrons are shifted alike.
    upsample : {1, 2, 4}
        Image pixels to a scan step, along each axis.
    flip : bool
        Turn the contrast of frequencies with sin χ < 0, so that a positive phase is bright at all
        of them. χ is taken without its odd part, which the shifts undo; of a fourth order, what
        it is on the axis stands for the whole aperture.
    band_limit : float
        Share of 2 k0 up to which frequencies are kept; beyond 2 k0 there are none.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    TiltCorrected

    Raises
    ------
    ValueError
        For an unknown upsampling or band limit, a disc that is not on the detector or holds no
        electrons, or shifts too small to upsample by.
    DeviceError
        If the device fails or its memory is full.

    Notes
    -----
    Ma, Muller & Zeltmann, arXiv:2510.01493; upsampled as in Varnavides et al., arXiv:2309.05250.
    Takes about as long as G.
    """
    disc = bright_field(calibration, events.frame_shape, pixels_across, events.excluded)

    def counts(start, stop):
        return plane_counts(events, disc.lookup, start, stop)

    current = beam_current(events.counts, calibration)
    return tilt_corrected_planes(
        BinnedPlanes(counts, events.scan_shape, disc, events.device, current),
        calibration,
        aberrations,
        upsample=upsample,
        flip=flip,
        band_limit=band_limit,
        progress=progress,
    )


@guarded
def tilt_corrected_planes(
    planes: BinnedPlanes,
    calibration: Calibration,
    aberrations: Aberrations,
    *,
    upsample: int = 1,
    flip: bool = True,
    band_limit: float = 1.0,
    progress=None,
    summed=None,
) -> TiltCorrected:
    """Tilt-corrected bright field of binned planes.

    Parameters, and what is raised, are those of `tilt_corrected`; `summed` takes the place of
    `shifted_sum`, where the planes are elsewhere.
    """
    _, scan_shape, disc, device, _ = planes
    check_scan(scan_shape)
    if upsample not in UPSAMPLING:
        raise ValueError(f"The upsampling is one of 1, 2 and 4, not {upsample}.")
    if not 0 < band_limit <= 1:
        raise ValueError(
            f"The band limit is a share of 2 k0 above 0 and up to 1, not {band_limit:g}."
        )
    shape = tuple(n * upsample for n in scan_shape)
    sampling = tuple(s / upsample for s in calibration.scan_sampling)
    q_y, q_x = np.fft.fftfreq(shape[0], sampling[0]), np.fft.rfftfreq(shape[1], sampling[1])
    scan = aberrations.in_scan_frame(calibration.rotation_deg, calibration.transpose)
    powers = scan.polynomial(calibration.wavelength)
    slopes = _gradient(powers, calibration.detector_to_scan @ disc.k)
    waves = [np.exp(-1j * np.outer(s, q)) for s, q in zip(slopes, (q_y, q_x), strict=True)]
    # What is left of a pixel that was excluded in part stands for the whole.
    waves[1] /= disc.kept[:, None]
    total, weights = (summed or shifted_sum)(planes, waves, upsample, progress)
    weights /= disc.kept
    if not weights.any():
        raise no_electrons(calibration)
    leakage = _leakage(slopes, weights, calibration) if upsample > 1 else 0.0
    if leakage > MOST_LEAKAGE:
        steps = np.abs(slopes).max(1) / (2 * np.pi) / calibration.scan_sampling
        raise ValueError(
            f"Shifts of up to {steps[0]:.2g} × {steps[1]:.2g} scan steps are too small to upsample "
            f"by {upsample}: {100 * leakage:.0f} % of a finer frequency would end at a wrong one. "
            "Defocus by more, take another number of pixels across the disc, or no upsampling."
        )
    within = np.hypot(q_y[:, None], q_x) < 2 * band_limit * calibration.k0
    # The highest frequency of an even number of pixels is of either sign, whose shifts differ.
    within &= _below_nyquist(q_y, sampling[0])[:, None] & _below_nyquist(q_x, sampling[1])
    factor = within / weights.sum()
    if flip:
        # The odd part is what the shifts have undone.
        even = sum(scan.chi(s * q_y[:, None], s * q_x, calibration.wavelength) for s in (1, -1)) / 2
        factor = np.where(np.sin(even) < 0, -factor, factor)
    total *= device.xp.asarray(factor.astype(np.float32))
    total[0, 0] = 1
    options = planned(device, total, shape, "C2R")
    image = device.fft.irfft2(total, shape, norm="forward", overwrite_x=True, **options)
    return TiltCorrected(image, sampling, leakage)


def _gradient(powers, k):
    """(2, K) float64: derivatives along (y, x) of Σ p[i, j] x^i y^j at (ky, kx) [rad Å]."""
    order = np.arange(1, SIZE)
    derivatives = powers[:, 1:] * order, powers[1:] * order[:, None]
    return np.stack([np.polynomial.polynomial.polyval2d(k[1], k[0], p) for p in derivatives])


def _below_nyquist(q, step):
    return np.abs(q) * step < 0.5 - 1e-9


def _leakage(slopes, weights, calibration):
    """Largest share of a frequency left at the nearest of those that the scan folds onto it."""
    steps = [1 / s for s in calibration.scan_sampling]
    shares = [
        abs((weights * np.exp(-1j * (slopes.T @ np.multiply(number, steps)))).sum())
        for number in product((-1, 0, 1), (0, 1))
        if any(number)
    ]
    return float(max(shares) / weights.sum())


def shifted_sum(planes: BinnedPlanes, waves, upsample: int, progress=None):
    """The shifted planes' sum on the half plane of the finer lattice; the planes' own sums."""
    counted, scan_shape, _, device, current = planes
    xp = device.xp
    tell = progress or (lambda fraction: None)
    tell(0.0)
    (rows, columns), number = scan_shape, len(waves[0])
    total = xp.zeros((upsample, rows, waves[1].shape[1]), np.complex64)
    sums = np.empty(number)
    # Whole planes take twice the room of half planes.
    room = rows * columns * (1 if upsample == 1 else 2)
    slab, batch, _ = planes_at_a_time(device, room, number)
    buffer, options = xp.empty((batch, rows, columns), np.float32), {}
    added = current and current.added(xp)
    for start in range(0, number, slab):
        stop = min(start + slab, number)
        counts = xp.asarray(counted(start, stop))
        for plane in range(start, stop, batch):
            part = slice(plane, min(plane + batch, stop))
            real = buffer[: part.stop - plane]
            if len(real) not in options:
                options[len(real)] = planned(device, real, scan_shape, "R2C")
            device.kernels.widen(counts[part.start - start : part.stop - start], real)
            transform = device.fft.rfft2(real, **options[len(real)])
            take_out(transform, added)
            sums[part] = transform[:, 0, 0].real.tolist()
            # What never changes over the scan would fold onto the scan's own lattice.
            transform[:, 0, 0] = 0
            if upsample > 1:
                transform = _whole(xp, transform, columns)
            along_y, along_x = (xp.asarray(wave[part].astype(np.complex64)) for wave in waves)
            for first in range(0, total.shape[2], columns):
                width = min(columns, total.shape[2] - first)
                shifted = transform[:, :, :width] * along_x[:, None, first : first + width]
                for fold in range(upsample):
                    wave = along_y[:, fold * rows : (fold + 1) * rows]
                    total[fold, :, first : first + width] += xp.einsum("py,pyx->yx", wave, shifted)
            tell(part.stop / number)
        del counts
    return total.reshape(-1, total.shape[2]), sums


def _whole(xp, transform, columns):
    """(P, Sy, Sx) transforms of real planes from their half planes."""
    rows, half = transform.shape[1:]
    mirror = transform[:, -xp.arange(rows) % rows, 1 : columns - half + 1][:, :, ::-1]
    return xp.concatenate([transform, mirror.conj()], axis=2)
