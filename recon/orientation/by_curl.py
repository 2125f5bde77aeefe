"""Rotation and transpose of the scan against the detector, from the field of centres of mass."""

from dataclasses import dataclass, field, replace
from functools import cache
from math import degrees, erf, inf, radians, sin, sqrt

import numpy as np
import scipy.fft
from scipy.ndimage import gaussian_filter

from recon.device.backend import on_host
from recon.orientation.sign import AGREED, agreement, half_turned, settle_sign
from recon.scan.kinds import ScanData
from recon.sums import annuli, centre_of_mass
from recon.sums.detectors import annulus

LEAST_FREQUENCY = 2.0
"""Cycles across the scan below which descan and the scan's edges outweigh the specimen."""

SURE = 0.99
"""Confidence from which a sign is not asked about any further."""

DARK_FROM = 1.1
"""Radii of the disc from which electrons count as scattered, and not as the blurred disc's."""

SIGNIFICANT = 6.0
"""Standard deviations by which a field has to differ from noise to have an orientation."""

TAPER = 0.125
"""Part of the scan that is faded out at each edge."""


@dataclass(frozen=True)
class Orientation:
    """How the scan lies on the detector, and how surely that is known.

    Parameters
    ----------
    rotation_deg : float
        K_det = S R(rotation) K_scan, -180 < rotation <= 180; positive looks clockwise on the
        screen, as in `Calibration`.
    transpose : bool
        Whether S swaps the detector's axes.
    curl_ratio : float
        Rms curl over rms divergence at this orientation, less the noise: 0 for the gradient of
        a potential, 1 for a field that no rotation improves.
    rotation_error : float
        Standard error of the rotation [degrees], apart from the 180° of the sign.
    transpose_confidence : float
        From 0 (both states of the transpose fit alike) to 1 (sure). Within one standard error
        of each other, the axes are taken as not swapped, which is the usual case.
    sign_confidence : float
        From 0 (the rotation could as well be 180° off) to 1 (sure, if atoms are positive).
    statement : str
        All of this in a sentence for the user.
    by_dark_field : bool
        Whether the dark field told the sign, where the skewness left it open.
    dark_field : float or None
        Standard deviations by which the dark field goes along with the phase at this rotation;
        None where it was not asked. Unlike the skewness it does not mind a defocus.
    bias : float
        How far off the rotation may be besides its error [degrees]: 0 for the exact field of all
        electrons; for the disc's, as far as that lies from it and is itself uncertain.
    """

    rotation_deg: float
    transpose: bool
    curl_ratio: float
    rotation_error: float
    transpose_confidence: float
    sign_confidence: float
    statement: str
    by_dark_field: bool = False
    dark_field: float | None = None
    bias: float = 0.0
    fits: tuple = field(default=(), repr=False, compare=False)

    def best_angle(self, transpose: bool) -> float:
        """Rotation [degrees], up to 180°, of least curl for one state of the transpose."""
        return degrees(self._fit(transpose).angle)

    def curl_share(self, rotation_deg: float, transpose: bool) -> float:
        """Share of the field's power above noise that is curl, 0 to 1, if laid like that."""
        fit = self._fit(transpose)
        turned = sin(radians(rotation_deg) - fit.angle)
        curl = fit.curl + fit.anisotropy * turned**2 - fit.floor
        both = 2 * fit.curl + fit.anisotropy - 2 * fit.floor
        return float(min(max(curl / both, 0.0), 1.0)) if both > 0 else 0.5

    def _fit(self, transpose):
        return next(fit for fit in self.fits if fit.transpose == bool(transpose))


@dataclass(frozen=True)
class _Fit:
    """The best rotation for one state of the transpose."""

    transpose: bool
    angle: float
    curl: float
    """Power that stays in the curl, and its standard error."""
    curl_error: float
    anisotropy: float
    """Power that turning can move between curl and divergence."""
    floor: float
    """Power that noise has in either."""
    ratio: float
    """Rms curl over rms divergence, both less the noise."""
    error: float
    divergence: np.ndarray
    """Divergence over 2πi|K|, in Fourier space, at this rotation."""


def estimate_orientation(com, scan_sampling, dark=None, confirm=False) -> Orientation:
    """Rotation, transpose and sign that make the centres of mass the gradient of a potential.

    Parameters
    ----------
    com : (2, Sy, Sx) array
        Centre of mass (y, x) along the detector's axes, in any unit, such as pixels, on any
        device. That of all electrons is the exact one. Where scattered electrons drown it in
        noise, that of the bright-field disc may have an orientation still: `find_orientation`.
    scan_sampling : (float, float)
        Distance of scan positions along (y, x) [Å].
    dark : callable, optional
        Gives the (Sy, Sx) image of what is scattered out of the disc; called where the field
        leaves the sign open.
    confirm : bool
        Call it where the field is sure of the sign as well, for `Orientation.dark_field`.

    Returns
    -------
    Orientation

    Raises
    ------
    ValueError
        If the field is constant or nothing but noise, not finite, or smaller than 8 × 8.

    Notes
    -----
    With f = S COM, COM_scan = R(-θ) f has curl c A - s B and divergence c B + s A, where A and B
    are the curl and divergence of f, c = cos θ and s = sin θ. The power of the curl is thus a
    quadratic form in (c, s), and θ its eigenvector of the smaller eigenvalue. White noise adds
    the same to both eigenvalues: it blurs θ, but does not move it.

    Both fields are taken in Fourier space without their factor 2π|K|, which would lift the
    noise of high frequencies above the signal, and each frequency counts with
    signal / (signal + noise), estimated from the field's power, which no rotation changes. A
    plane (descan) is subtracted first, and the scan's edges are faded out.

    The curl fixes θ up to 180°. Then atoms are positive: the divergence of COM_scan, with the
    same weights, has its strongest values negative, at the atoms, hence a negative skewness. This
    holds near focus; a strongly defocused probe may see fringes instead. Where that is uncertain,
    the dark field tells: atoms that scatter more are brighter in it, blurred by the same probe
    |a|² as the field, so that the two go along at any defocus.
    """
    com = np.asarray(on_host(com), np.float64)
    if com.ndim != 3 or com.shape[0] != 2:
        raise ValueError(f"A field of centres of mass has shape (2, Sy, Sx), not {com.shape}.")
    if min(com.shape[1:]) < 8:
        raise ValueError(
            "The rotation needs a scan of at least 8 × 8 positions, "
            "not {} × {}: give it by hand.".format(*com.shape[1:])
        )
    if not np.isfinite(com).all():
        raise ValueError("The field of centres of mass has values that are not finite.")
    for step, axis in zip(scan_sampling, "yx", strict=True):
        if not (step > 0 and np.isfinite(step)):
            raise ValueError(f"The scan step along {axis} must be positive, not {step} Å.")

    field = _without_plane(com)
    if np.sqrt(np.mean(field**2)) <= 1e-6 * max(1.0, np.abs(com).max()):
        raise ValueError(
            "The centres of mass are the same at every scan position: there is nothing to find "
            "the rotation from. Give it by hand."
        )
    window, overcount = _window(com.shape[1:])
    spectrum = scipy.fft.fft2(field * window, axes=(1, 2))
    ky, kx, radius, inside = _frequencies(com.shape[1:], scan_sampling)
    power = np.abs(spectrum[0]) ** 2 + np.abs(spectrum[1]) ** 2
    weight, noise = _signal_to_noise(power, inside, overcount)
    fits = [
        _fit(spectrum, transpose, (ky, kx), weight, noise, overcount) for transpose in (False, True)
    ]
    best, other = sorted(fits, key=lambda fit: fit.curl)
    # What noise alone makes of the difference between the form's eigenvalues.
    chance = noise * sqrt(overcount * np.sum(weight**2))
    if best.anisotropy <= SIGNIFICANT * chance:
        raise ValueError(
            "The centres of mass hold no more than noise: their curl stays as large as their "
            "divergence however they are turned. Give the rotation by hand, or sum more electrons "
            "by binning the scan."
        )
    gap = (other.curl - best.curl) / max(sqrt(2) * best.curl_error, 1e-300)
    if gap < 1 and best.transpose:
        best = other
    rotation, sign_confidence = settle_sign(best, weight * radius, overcount)
    told = None
    if dark is not None and (confirm or sign_confidence < SURE):
        image = np.asarray(dark(), np.float64)
        spectrum = scipy.fft.fft2(_without_plane(image[None])[0] * window)
        told = agreement(best.divergence, spectrum, weight, overcount)
    by_dark_field = sign_confidence < SURE and told is not None and abs(told) > AGREED
    if by_dark_field:
        rotation = half_turned(degrees(best.angle), told < 0)
        sign_confidence = erf(abs(told) / sqrt(2))
    if told is not None and rotation != half_turned(degrees(best.angle), False):
        told = -told
    found = Orientation(
        rotation_deg=rotation,
        transpose=best.transpose,
        curl_ratio=best.ratio,
        rotation_error=best.error,
        transpose_confidence=erf(gap / sqrt(2)),
        sign_confidence=sign_confidence,
        statement="",
        by_dark_field=by_dark_field,
        dark_field=told,
        fits=tuple(replace(fit, divergence=np.empty(0)) for fit in fits),
    )
    return replace(found, statement=_statement(found))


def find_orientation(scan: ScanData, scan_sampling, centre, radius) -> Orientation:
    """The surer orientation of two: from all electrons, and from those in the disc.

    The centre of mass of all electrons is exact, but scattered electrons far out bring much noise
    and little signal. That of the bright-field disc is quieter, but some degrees off if the probe
    has astigmatism or coma. At low dose the disc's is taken, as its error is smaller.

    Parameters
    ----------
    scan : ElectronEvents or DenseFrames
    scan_sampling : (float, float)
        Distance of scan positions along (y, x) [Å].
    centre : (float, float)
        Centre (y, x) of the bright-field disc [detector pixels].
    radius : float
        Its radius [detector pixels].

    Returns
    -------
    Orientation

    Raises
    ------
    ValueError
        If neither shows an orientation; see `estimate_orientation`.
    """
    disc = annulus(scan.frame_shape, centre, 0, radius)
    found, refusal = {}, ""

    @cache
    def dark():
        return on_host(annuli(scan, centre, {"dark": (DARK_FROM * radius, inf)})["dark"])

    for name, mask in (("all", None), ("disc", disc)):
        try:
            com = centre_of_mass(scan, mask)
            found[name] = estimate_orientation(com, scan_sampling, dark, confirm=True)
        except ValueError as error:
            refusal = str(error)
    if not found:
        raise ValueError(refusal)
    if "disc" in found:
        found["disc"] = replace(found["disc"], bias=_bias(found["disc"], found.get("all")))
    return min(found.values(), key=lambda orientation: orientation.rotation_error)


def _bias(of_disc: Orientation, of_all: Orientation | None) -> float:
    """`Orientation.bias` of the disc's field, in the light of that of all electrons."""
    if of_all is None or of_all.transpose != of_disc.transpose:
        return inf
    off = (of_all.best_angle(of_all.transpose) - of_disc.best_angle(of_all.transpose) + 90) % 180
    return abs(off - 90) + of_all.rotation_error


def _without_plane(com):
    """The field less its mean and its linear part, which descan brings."""
    ny, nx = com.shape[1:]
    y = np.linspace(-1, 1, ny)[:, None]
    x = np.linspace(-1, 1, nx)[None, :]
    field = com - com.mean(axis=(1, 2), keepdims=True)
    for slope in (y * np.ones_like(x), x * np.ones_like(y)):
        amount = (field * slope).sum(axis=(1, 2), keepdims=True) / (slope**2).sum()
        field = field - amount * slope
    return field


def _window(shape):
    """Window that fades out the scan's edges, and by how much it correlates frequencies."""
    profiles = []
    for size in shape:
        distance = (np.arange(size) + 0.5) / size
        ramp = np.clip(np.minimum(distance, 1 - distance) / TAPER, 0, 1)
        profiles.append(np.sin(np.pi / 2 * ramp) ** 2)
    window = np.outer(*profiles)
    return window, np.mean(window**4) / np.mean(window**2) ** 2


def _frequencies(shape, sampling):
    """Unit vectors (ky, kx), |K| [1/Å], and where K is neither too small nor at Nyquist."""
    ky = scipy.fft.fftfreq(shape[0], sampling[0])[:, None]
    kx = scipy.fft.fftfreq(shape[1], sampling[1])[None, :]
    cycles = np.hypot(ky * shape[0] * sampling[0], kx * shape[1] * sampling[1])
    radius = np.hypot(ky, kx)
    # At Nyquist +K and -K are the same frequency, and K has no direction.
    inside = (cycles >= LEAST_FREQUENCY) & (np.abs(ky) < 0.499 / sampling[0])
    inside &= np.abs(kx) < 0.499 / sampling[1]
    unit = np.where(radius > 0, radius, 1)
    return ky / unit, kx / unit, radius, inside


def _signal_to_noise(power, inside, overcount):
    """Signal / (signal + noise) at each frequency, and the noise, from the power itself.

    The noise of counting is white, and its level that of most frequencies. What exceeds it by more
    than chance is signal: in the mean over a wide neighbourhood for a smooth spectrum, over
    a narrow one for a crystal's few strong frequencies.
    """
    weight = np.zeros_like(power)
    noise = np.median(gaussian_filter(power, 3.0, mode="wrap")[inside])
    for width, deviations in ((3.0, 4.0), (1.0, 7.0)):
        mean = gaussian_filter(power, width, mode="wrap")
        # The mean over 4π width² frequencies of two components, each of exponential power.
        scatter = sqrt(overcount / (2 * 4 * np.pi * width**2))
        certain = mean > noise * (1 + deviations * scatter)
        weight[certain] = np.maximum(weight[certain], 1 - noise / mean[certain])
    return np.where(inside, weight, 0), noise


def _fit(spectrum, transpose, unit, weight, noise, overcount):
    f = spectrum[::-1] if transpose else spectrum
    divergence = unit[0] * f[0] + unit[1] * f[1]
    curl = unit[1] * f[0] - unit[0] * f[1]
    cross = np.sum(weight * (curl * divergence.conj()).real)
    form = [
        [np.sum(weight * np.abs(curl) ** 2), -cross],
        [-cross, np.sum(weight * np.abs(divergence) ** 2)],
    ]
    (least, most), vectors = np.linalg.eigh(form)
    c, s = vectors[:, 0]
    divergence, curl = c * divergence + s * curl, c * curl - s * divergence
    # The angle's error from what is left in the curl, frequency by frequency.
    variance = overcount * np.sum(weight**2 * np.abs(divergence) ** 2 * np.abs(curl) ** 2)
    floor = noise / 2 * np.sum(weight)
    return _Fit(
        transpose=transpose,
        angle=np.arctan2(s, c),
        curl=least,
        curl_error=sqrt(overcount * np.sum(weight**2 * np.abs(curl) ** 4)),
        anisotropy=most - least,
        floor=floor,
        ratio=sqrt(max(least - floor, 0) / (most - floor)) if most > floor else 1.0,
        error=degrees(sqrt(variance) / max(most - least, 1e-300)),
        divergence=divergence,
    )


def _statement(found: Orientation) -> str:
    swapped = "detector axes swapped" if found.transpose else "axes not swapped"
    text = f"Rotation {found.rotation_deg:.1f}° ± {max(found.rotation_error, 0.1):.1f}°, {swapped} "
    text += f"(curl {100 * found.curl_ratio:.0f} % of the divergence); "
    if found.transpose_confidence < 0.99:
        text += "whether axes are swapped is uncertain in this scan; "
    if found.by_dark_field:
        text += "sign from the dark field, which is bright where the phase is positive."
    elif found.sign_confidence < SURE:
        text += (
            "sign from atoms positive, uncertain at this dose: "
            "turn by 180° if the contrast looks inverted."
        )
    else:
        text += "sign from atoms positive."
    return text
