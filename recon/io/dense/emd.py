"""Axes of an array in HDF5 files of HyperSpy, EMD and Nion Swift, and what else these say."""

import json
from dataclasses import replace

import h5py
import numpy as np

from recon.io.dense.attributes import attribute
from recon.io.dense.axes import Axis, is_angular, plain, step
from recon.io.files.apart import is_harmless

LARGEST_DIM = 1 << 16
"""Positions along an axis that are looked at."""
MILLIRADIANS = {"mrad": 1.0, "rad": 1e3}


def axes_of(dataset, sound: bool) -> tuple[Axis, ...]:
    """Each axis of a dataset, from HyperSpy's groups, EMD's datasets, or attributes; or none.

    Parameters
    ----------
    dataset : h5py.Dataset
    sound : bool
        Whether text in the file's heap may be read: see `recon.io.dense.attributes`.
    """
    parent, count = dataset.parent, dataset.ndim
    groups = [parent.get(f"axis-{n}") for n in range(count)]
    if all(isinstance(group, h5py.Group) for group in groups):
        return tuple(_of_group(group, sound) for group in groups)
    first = 0 if isinstance(parent.get("dim0"), h5py.Dataset) else 1
    dims = [parent.get(f"dim{n}") for n in range(first, first + count)]
    if all(isinstance(dim, h5py.Dataset) for dim in dims):
        return tuple(_of_dim(dim, sound) for dim in dims)
    if scales := _scales(dataset, sound):
        return scales
    labels = np.ravel(attribute(dataset, "DIMENSION_LABELS", sound))
    if labels.size == count and any(map(text, labels)):
        return tuple(Axis(text(label)) for label in labels)
    return _of_nion(nion(dataset, sound), count)


def nion(dataset, sound: bool) -> dict:
    """What Nion Swift says of a dataset, as JSON in an attribute; empty if it is none of its."""
    try:
        said = json.loads(text(attribute(dataset, "properties", sound)))
        if isinstance(said, dict) and isinstance(said.get("data_sources"), list):
            said = said["data_sources"][0]
    except (ValueError, RecursionError, IndexError):
        return {}
    return said if isinstance(said, dict) else {}


def high_tension(properties: dict) -> dict:
    """The entry of the beam energy from what `nion` gives."""
    found = properties.get("metadata")
    for name in ("instrument", "high_tension"):
        found = found.get(name) if isinstance(found, dict) else None
    return {} if found is None else {"energy": (found, "Nion: instrument.high_tension")}


def _of_nion(properties, count):
    scales = properties.get("dimensional_calibrations")
    if not isinstance(scales, list) or len(scales) != count:
        return ()
    scales = [scale if isinstance(scale, dict) else {} for scale in scales]
    collection = properties.get("collection_dimension_count") == 2
    names = ("y", "x", "ky", "kx") if collection and count == 4 else ("",) * count
    return tuple(
        Axis(name, number(scale.get("scale")), str(scale.get("units") or ""))
        for name, scale in zip(names, scales, strict=True)
    )


def _of_group(group, sound):
    return Axis(
        text(attribute(group, "name", sound)),
        number(attribute(group, "scale", sound)),
        text(attribute(group, "units", sound)),
    )


def _of_dim(dim, sound):
    scale = float("nan")
    if dim.ndim == 1 and 1 < dim.size <= LARGEST_DIM and dim.dtype.kind in "iuf":
        steps = np.diff(dim[:].astype(float)) if is_harmless(dim) else np.array([scale])
        # Of positions that are not evenly spaced, none is the step.
        scale = number(steps[0]) if np.allclose(steps, steps[0], rtol=1e-3) else scale
    return Axis(text(attribute(dim, "name", sound)), scale, text(attribute(dim, "units", sound)))


def _scales(dataset, sound):
    """Axes from the datasets that netCDF and xarray attach to each dimension; or none."""
    if attribute(dataset, "DIMENSION_LIST", sound) is None:
        return ()
    attached = [dim[0] if len(dim) else None for dim in dataset.dims]
    if not all(isinstance(scale, h5py.Dataset) for scale in attached):
        return ()
    found = [_of_dim(scale, sound) for scale in attached]
    names = [(scale.name or "").rsplit("/", 1)[-1] for scale in attached]
    return tuple(replace(axis, name=name) for axis, name in zip(found, names, strict=True))


def py4dstem(dataset, sound: bool) -> dict:
    """Entries of py4DSTEM's calibration: semi-angle, step, and how the scan lies to the detector.

    Its rotation takes a vector of the scan to one of the detector as ours does, its flip exchanges
    their axes after that (`get_Qvector_from_Rvector` and `calibrate_bragg_peaks_rotation` of
    `py4DSTEM.process.calibration.rotation`, where x is the row).
    """
    root = dataset.name.strip("/").split("/")[0]
    found = dataset.file.get(f"{root}/metadatabundle/calibration")
    if not isinstance(found, h5py.Group):
        return {}

    def value(name):
        item = found.get(name)
        if isinstance(item, h5py.Dataset) and item.size == 1 and is_harmless(item):
            if item.dtype.kind == "O":
                return item[()] if sound else None
            return item[()]
        return attribute(found, name, sound)

    said = {}

    def take(entry, name, given):
        if np.isfinite(given):
            said[entry] = (given, f"py4DSTEM: {name}")

    take(
        "semiangle_cutoff",
        "convergence_semiangle_mrad",
        number(value("convergence_semiangle_mrad")),
    )
    unit = text(value("Q_pixel_units"))
    if "semiangle_cutoff" not in said and plain(unit) in MILLIRADIANS and is_angular(unit):
        radius = number(value("probe_semiangle")) * number(value("Q_pixel_size"))
        take("semiangle_cutoff", "probe_semiangle", radius * MILLIRADIANS[plain(unit)])
    size, unit = number(value("R_pixel_size")), text(value("R_pixel_units"))
    said |= step(size, size, unit, "py4DSTEM: R_pixel_size")
    degrees = number(value("QR_rotation_degrees"))
    if not np.isfinite(degrees):
        degrees = np.degrees(number(value("QR_rotation")))
    take("rotation_deg", "QR_rotation", float(degrees))
    # Alone, the flip says nothing: it is False until someone measures both.
    if "rotation_deg" in said:
        take("transpose", "QR_flip", number(value("QR_flip")))
    return said


def number(value) -> float:
    """A number; NaN if it is none."""
    try:
        return float(np.asarray(value).item())
    except (TypeError, ValueError):
        return float("nan")


def text(value) -> str:
    """Text; empty if there is none."""
    if value is None:
        return ""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
