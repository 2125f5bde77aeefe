"""What an iterative reconstruction starts from, in the frame of the camera."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import pi
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from recon.calibration import Calibration
from recon.errors import UnreadableFile
from recon.optics import Aberrations
from recon.simulate.probe import coverage

SMALLEST = 8
"""Pixels along a side of the frames that are handed over; with fewer there is no disc."""


@dataclass(frozen=True, eq=False)
class Start:
    """A calibrated scan, its probe and its phase.

    Iterative codes keep the probe as the camera sees it and turn the positions instead. Where the
    scan is transposed against the camera, frames are handed over with their axes swapped, so that
    a rotation alone is left: K' = R(θ) K_scan.

    Parameters
    ----------
    title : str
        Of the scan.
    calibration : Calibration
        Of the detector as it was read.
    aberrations : Aberrations
        In the frame of the detector as it was read.
    frame_shape : (Ky, Kx)
        Detector pixels.
    phase : (Sy, Sx) float32 array
        SSB phase [rad].
    parameters : mapping
        All that the results say of themselves.
    """

    title: str
    calibration: Calibration
    aberrations: Aberrations
    frame_shape: tuple[int, int]
    phase: np.ndarray
    parameters: Mapping[str, Any]

    @property
    def scan_shape(self) -> tuple[int, int]:
        """Scan positions (y, x)."""
        return self.phase.shape

    @property
    def in_camera(self) -> Aberrations:
        """The aberrations in the frame K', x along the columns."""
        return self.aberrations.in_scan_frame(0.0, self.calibration.transpose)

    def polar(self) -> dict[str, float]:
        """Magnitudes `Cnm` [Å] and azimuths `phinm` [rad] in K', from x along the columns."""
        return self.in_camera.polar()

    def polar_by_rows(self) -> dict[str, float]:
        """The same with x along the rows, as abTEM, py4DSTEM and quantem count: φ -> π/2 - φ.

        -π/m < phi <= π/m as for `polar`.
        """
        found = self.polar()
        for name in found:
            if name.startswith("phi"):
                m = int(name[-1])
                turned = (pi / 2 - found[name]) * m
                found[name] = (pi - (pi - turned) % (2 * pi)) / m
        return found

    def probe(self, cut: "Cut") -> np.ndarray:
        """(N, N) complex64 probe in K', in the middle of its window, Σ |ψ|² = 1.

        ψ = F⁻¹ A with A = exp(-iχ) in the aperture; a pixel on its edge counts by its part within.
        """
        calibration, pixels = self.calibration, cut.pixels
        step = cut.bin * calibration.reciprocal_sampling
        k = (np.arange(pixels) - pixels // 2) * step
        ky, kx = np.meshgrid(k, k, indexing="ij")
        inside = coverage(ky, kx, (step, step), calibration.k0)
        wave = inside * np.exp(-1j * self.in_camera.chi(ky, kx, calibration.wavelength))
        probe = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(wave)))
        return (probe / np.linalg.norm(probe)).astype(np.complex64)


def of_results(path) -> Start:
    """What a file of results, by `livestem reconstruct` or the page, holds of it.

    Raises
    ------
    UnreadableFile
        If it is no such file.
    """
    path = Path(path)
    try:
        with h5py.File(path, "r") as file:
            parameters = json.loads(file.attrs["parameters"])
            phase = file["ssb/phase"][()]
    except (OSError, KeyError, ValueError) as error:
        raise UnreadableFile(
            f"{path.name} holds no results of livestem: give the HDF5 file that `livestem "
            "reconstruct` or the page's Save has written."
        ) from error
    return of_parameters(parameters, phase)


def of_parameters(parameters: Mapping[str, Any], phase: np.ndarray) -> Start:
    """The same from parameters and phase (Sy, Sx) [rad] as they are written."""
    known = dict(parameters["calibration"])
    known |= {name: tuple(known[name]) for name in ("scan_sampling", "centre")}
    return Start(
        title=Path(parameters["file"]["name"]).name,
        calibration=Calibration(**known),
        aberrations=Aberrations(**parameters["aberrations"]),
        frame_shape=tuple(parameters["frame_shape"]),
        phase=np.asarray(phase, np.float32),
        parameters=parameters,
    )


@dataclass(frozen=True)
class Cut:
    """The square of the detector that is handed over, the disc in its middle.

    Parameters
    ----------
    bin : int
        Detector pixels to one, along each axis.
    pixels : int
        Binned pixels along a side, an even number; the zero of angle lies at `pixels // 2`.
    first : (int, int)
        First detector pixel (y, x).
    off : (float, float)
        By which the disc's centre lies off that zero (y, x) [binned pixels], at most half a
        detector pixel.
    """

    bin: int
    pixels: int
    first: tuple[int, int]
    off: tuple[float, float]


def cut_of(calibration: Calibration, frame_shape, bin: int = 1) -> Cut:
    """The largest square about the disc that lies on the detector.

    Raises
    ------
    ValueError
        If fewer than `SMALLEST` pixels along a side are left.
    """
    # Binned pixel j of N holds zero + bin (j - N/2) and the bin - 1 that follow.
    zero = [round(centre - (bin - 1) / 2) for centre in calibration.centre]
    half = min(min(z, n - z) // bin for z, n in zip(zero, frame_shape, strict=True))
    pixels = 2 * max(half, 0)
    if pixels < SMALLEST:
        raise ValueError(
            f"Binned by {bin}, a square of {pixels} × {pixels} pixels about the disc is left of "
            f"the detector of {frame_shape[0]} × {frame_shape[1]}: {SMALLEST} are needed. Bin less."
        )
    first = tuple(z - bin * half for z in zero)
    off = tuple(
        (centre - z - (bin - 1) / 2) / bin
        for centre, z in zip(calibration.centre, zero, strict=True)
    )
    return Cut(bin, pixels, first, off)
