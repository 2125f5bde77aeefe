"""Electron events of a scan, as compressed sparse rows of linear pixel indices."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from recon.device.backend import CPU, Device, guarded
from recon.device.residence import Copy, Piece, pieces, place


@dataclass(frozen=True)
class Source:
    """Where events came from, and how their file described itself."""

    name: str
    """File name without folder, or a word for data made in memory."""
    format: str
    """Format in words, such as "4D Camera HDF5, version 3"."""
    frames_per_position: int = 1
    flyback: str = "none"
    """What happened to the flyback column: "none", "dropped" or "kept"."""
    notes: tuple[str, ...] = ()
    """Sentences of doubt: what the file leaves open or says against its own data."""


@dataclass(frozen=True, eq=False)
class ElectronEvents:
    """The electrons of a 4D-STEM scan, position by position.

    Parameters
    ----------
    pixels : (E,) uint32 array
        Linear detector index `y * width + x` of each electron, position after position.
    offsets : (F + 1,) int64 array
        The electrons of position f are `pixels[offsets[f]:offsets[f + 1]]`; positions run in
        raster order, F = Sy * Sx.
    scan_shape : (Sy, Sx)
        Scan positions.
    frame_shape : (Ky, Kx)
        Detector pixels.
    metadata : dict
        What the file says of the experiment, under `Calibration`'s names and in its units;
        empty where it says nothing. A simulated scan keeps its truth here.
    source : Source
        Where the events came from.
    device : Device
        Where passes over the electrons run, and their results are: see `to_device`.
    subpixel : (E,) uint8 array, or None
        Where in its pixel each electron was, if the source says so: n sixteenths of a pixel along
        y in the high four bits and along x in the low ones, each (n - 8) / 16 pixels from the
        middle. Passes do not look at it: see `recon.treatment.subpixel`.
    excluded : (Ky, Kx) bool array, or None
        Detector pixels whose electrons are not among these: set by `recon.treatment.mask.without`,
        and kept by all that is made of the scan, so that sums that need to know of the holes do.

    Raises
    ------
    ValueError
        If shapes, offsets and events contradict each other. Whether every index lies on the
        detector is a pass over all electrons and is asked for by `check_pixels`.
    """

    pixels: np.ndarray
    offsets: np.ndarray
    scan_shape: tuple[int, int]
    frame_shape: tuple[int, int]
    metadata: dict[str, Any] = field(default_factory=dict)
    source: Source = field(default_factory=lambda: Source("memory", "events in memory"))
    device: Device = CPU
    subpixel: np.ndarray | None = None
    excluded: np.ndarray | None = None
    copy: Copy | None = field(default=None, init=False, repr=False)
    """All electrons on `device`; None where passes stream them there."""

    def __post_init__(self):
        height, width = self.scan_shape
        if height < 1 or width < 1:
            raise ValueError(f"The scan is empty: {height} × {width} positions.")
        if min(self.frame_shape) < 1:
            raise ValueError("The detector is empty: {} × {} pixels.".format(*self.frame_shape))
        if self.offsets.shape != (height * width + 1,):
            raise ValueError(
                f"{self.offsets.size - 1} frames do not fill a scan of {height} × {width} "
                f"positions ({height * width}): was the scan stopped early, "
                "or is there a flyback column?"
            )
        if self.offsets[0] != 0 or self.offsets[-1] != self.pixels.size:
            raise ValueError(
                f"The frames' offsets run from {self.offsets[0]} to {self.offsets[-1]}, "
                f"but there are {self.pixels.size} events."
            )
        if np.any(self.offsets[1:] < self.offsets[:-1]):
            raise ValueError("The frames' offsets decrease: the event list is damaged.")
        if self.pixels.dtype != np.uint32 or self.offsets.dtype != np.int64:
            raise ValueError(
                f"Events need uint32 pixels and int64 offsets, "
                f"not {self.pixels.dtype} and {self.offsets.dtype}."
            )
        if self.subpixel is not None and (
            self.subpixel.shape != self.pixels.shape or self.subpixel.dtype != np.uint8
        ):
            raise ValueError(
                f"Places in the pixel need one uint8 for each of {self.pixels.size} electrons, not "
                f"{self.subpixel.dtype} of shape {self.subpixel.shape}."
            )
        object.__setattr__(self, "excluded", checked_mask(self.excluded, self.frame_shape))
        if self.device is CPU:
            object.__setattr__(self, "copy", place(self, CPU))

    def to_device(self, device: Device, progress=None, copy: bool = True) -> "ElectronEvents":
        """The same scan, whose passes run on `device`; itself, if they do already.

        `pixels` and `offsets` stay on the host, where files and crops want them. The device gets a
        copy if that takes no more than half of the memory usable there; else each pass streams
        the electrons to it.

        Parameters
        ----------
        device : Device
        progress : callable, optional
            Called with the fraction copied; may raise `Cancelled`, and nothing stays there.
        copy : bool
            False where the room is wanted for something else: the device then gets no copy.

        Raises
        ------
        DeviceError
            If the device fails.
        """
        if device is self.device and (copy or device is CPU or self.copy is None):
            return self
        moved = replace(self, device=device)
        if copy or device is CPU:
            object.__setattr__(moved, "copy", place(moved, device, progress))
        # What passes have found already.
        known = ("highest_pixel", "longest_frame")
        moved.__dict__.update({n: self.__dict__[n] for n in known if n in self.__dict__})
        return moved

    def pieces(self, electrons: int | None = None, progress=None) -> Iterator[Piece]:
        """Pieces of the scan on its device, for kernels: see `recon.device.residence.pieces`."""
        return pieces(self, electrons, progress)

    @property
    def electrons(self) -> int:
        """Number of electrons in the scan."""
        return self.pixels.size

    @property
    def positions(self) -> int:
        """Number of scan positions."""
        return self.offsets.size - 1

    @property
    def nbytes(self) -> int:
        """Bytes that the events take in memory."""
        places = 0 if self.subpixel is None else self.subpixel.nbytes
        return self.pixels.nbytes + self.offsets.nbytes + places

    @property
    def nbytes_on_device(self) -> int:
        """Bytes that stay on a device other than the CPU; 0 where electrons are streamed."""
        return 0 if self.device is CPU or self.copy is None else self.copy.nbytes

    @cached_property
    def longest_frame(self) -> int:
        """Most electrons at one position."""
        return int(np.diff(self.offsets).max())

    @property
    def counts(self) -> np.ndarray:
        """(Sy, Sx) int64 number of electrons at each position."""
        return np.diff(self.offsets).reshape(self.scan_shape)

    def frames(self) -> Iterator[np.ndarray]:
        """The pixel indices of one position after the other, as views."""
        for start, stop in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            yield self.pixels[start:stop]

    def batches(self, electrons: int = 1 << 28) -> Iterator[tuple[int, int]]:
        """Ranges (first, last) of frames with about so many electrons, covering the scan.

        A frame is never cut: one frame with more electrons makes a batch by itself.
        """
        first = 0
        while first < self.positions:
            reach = self.offsets[first] + electrons
            last = int(np.searchsorted(self.offsets, reach, side="right")) - 1
            last = min(max(last, first + 1), self.positions)
            yield first, last
            first = last

    @cached_property
    def highest_pixel(self) -> int:
        """Largest linear index of all electrons; -1 without electrons."""
        return _highest_pixel(self) if self.electrons else -1

    def check_pixels(self) -> None:
        """Raise `ValueError` with the position if an electron lies outside the detector.

        The pass over the electrons is made once.
        """
        height, width = self.frame_shape
        if self.highest_pixel >= height * width:
            first = int(np.argmax(self.pixels >= height * width))
            position = int(np.searchsorted(self.offsets, first, side="right")) - 1
            raise ValueError(
                f"Pixel index {self.pixels[first]} at scan position {position} lies outside "
                f"the detector of {height} × {width} pixels (highest index {height * width - 1})."
            )


@guarded
def _highest_pixel(events):
    # Streaming them for this alone would take longer than the host does.
    device, pixels = (
        (CPU, events.pixels) if events.copy is None else (events.device, events.copy.pixels)
    )
    return int(device.kernels.highest(pixels))


def checked_mask(excluded, frame_shape) -> np.ndarray | None:
    """A mask of detector pixels, bool; None where it excludes nothing.

    Raises
    ------
    ValueError
        If the mask is not the detector's.
    """
    if excluded is None:
        return None
    excluded = fitting_mask(excluded, "detector", frame_shape)
    return excluded if excluded.any() else None


def fitting_mask(mask, of: str, shape, name: str = "") -> np.ndarray:
    """A mask as bool, contiguous.

    Parameters
    ----------
    mask : array
    of : str
        What it lies on: "detector", "pattern" or "scan".
    shape : (int, int)
        Of that.
    name : str
        Of the mask, where there are several.

    Raises
    ------
    ValueError
        If it has another shape.
    """
    mask = np.asarray(mask)
    if mask.shape != tuple(shape):
        which = f"The mask {name!r}" if name else "The mask"
        raise ValueError(
            f"{which} has {' × '.join(map(str, mask.shape))} "
            f"{'positions' if of == 'scan' else 'pixels'}, "
            f"the {of} {' × '.join(map(str, shape))}."
        )
    return np.ascontiguousarray(mask, dtype=bool)


def from_frames(frames, scan_shape, frame_shape, **kwargs) -> ElectronEvents:
    """Events from lists of pixels; for small things, since each frame is a Python object.

    Parameters
    ----------
    frames : sequence of Sy * Sx sequences of int
        Linear pixel indices y * Kx + x of each position's electrons, in raster order.
    scan_shape : (Sy, Sx)
        Scan positions.
    frame_shape : (Ky, Kx)
        Detector pixels.
    **kwargs
        As for `ElectronEvents`, such as `metadata`.

    Returns
    -------
    ElectronEvents

    Raises
    ------
    ValueError
        If there are more or fewer frames than positions.
    """
    lengths = [len(frame) for frame in frames]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    pixels = (
        np.concatenate([np.asarray(frame, np.uint32) for frame in frames])
        if offsets[-1]
        else np.empty(0, np.uint32)
    )
    return ElectronEvents(pixels, offsets, tuple(scan_shape), tuple(frame_shape), **kwargs)
