"""Results as files that other programs open: HDF5 with every parameter, calibrated TIFF."""

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from enum import Enum
from io import BytesIO
from math import isfinite
from pathlib import PurePath

import h5py
import numpy as np
import tifffile

from recon.io.files.atomic import replacing
from recon.io.nexus import add_images
from recon.result import Result


def write_results(path, results: Mapping, parameters: Mapping, session: str = "") -> None:
    """Write arrays and all that they were computed with to one HDF5 file.

    Parameters
    ----------
    path : path-like
        Replaced once the new file is complete.
    results : mapping
        Arrays by dataset name, such as "ssb/phase"; a mapping within is a group. None is
        left out. A `Result` has its unit, sampling and title in the dataset's attributes `units`,
        `sampling`, `sampling_units` and `label`; one with a sampling can be opened by other
        programs as well, in group "images": see `recon.io.nexus`.
    parameters : mapping
        Written to the file's attribute `parameters` as JSON. Arrays become lists, dataclasses
        objects, and numbers that are not finite null.
    session : str
        In ASCII, by which the page opens again what was set: the file's attribute `session`.

    Raises
    ------
    OSError
        With one sentence for the user if the file cannot be written.
    """
    # In memory first: a full disk is then met by Python. HDF5 1.8 made attributes of more
    # than 64 kB possible.
    image = BytesIO()
    with h5py.File(image, "w", libver=("v108", "latest")) as file:
        file.attrs["parameters"] = json.dumps(plain(parameters), ensure_ascii=False)
        if session:
            file.attrs["session"] = np.bytes_(session)
        for name, array in _flat(results):
            dataset = file.create_dataset(name, data=np.asarray(array))
            dataset.attrs.update(_attributes(array) if isinstance(array, Result) else {})
        add_images(file, dict(_flat(results)))
    with replacing(path, len(image.getbuffer())) as file:
        file.write(image.getbuffer())


def write_tiff(path, image: np.ndarray, scan_sampling, description: str = "") -> None:
    """Write an image as 32-bit TIFF with its pixel size, as ImageJ and Fiji read it.

    Parameters
    ----------
    image : (Sy, Sx) array of real numbers
        Stored as float32, not scaled.
    scan_sampling : (float, float)
        Distance of pixels along (y, x) [Å]; stored in nm.
    description : str
        Shown by ImageJ's "Show Info".

    Raises
    ------
    ValueError
        If it is no real image, or the pixel size is not positive.
    OSError
        With one sentence for the user if the file cannot be written.
    """
    image = np.asarray(image)
    if image.ndim != 2 or image.dtype.kind not in "fiub":
        raise ValueError(
            f"A TIFF holds a real image, not an array of shape {image.shape}, type {image.dtype}."
        )
    step_y, step_x = (float(step) for step in scan_sampling)
    if not all(isfinite(step) and step > 0 for step in (step_y, step_x)):
        raise ValueError(f"The scan step must be positive, not {step_y} × {step_x} Å.")
    image = np.ascontiguousarray(image, np.float32)
    with replacing(path, image.nbytes) as file, BytesIO() as content:
        # The file has no name yet that tifffile could take.
        tifffile.imwrite(
            content,
            image,
            imagej=True,
            resolution=(10 / step_x, 10 / step_y),
            metadata={"axes": "YX", "unit": "nm", "Info": description},
        )
        file.write(content.getbuffer())


def _attributes(result: Result) -> dict:
    """What a result says of itself, as far as it does."""
    said = {"units": result.unit, "label": result.title}
    if result.sampling is not None:
        said |= {"sampling": result.sampling, "sampling_units": result.sampling_unit}
    return {name: value for name, value in said.items() if value != ""}


def _flat(results, prefix=""):
    for name, value in results.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}/")
        elif value is not None:
            yield f"{prefix}{name}", value


def plain(value):
    """The value in JSON's few types, as `write_results` writes parameters."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(name): plain(entry) for name, entry in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(entry) for entry in value]
    if isinstance(value, complex):
        return [plain(value.real), plain(value.imag)]
    if isinstance(value, float):
        return value if isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return value.name if isinstance(value, PurePath) else str(value)
