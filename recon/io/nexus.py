"""Images of a file of results as HyperSpy and what else reads NeXus or EMD open them, calibrated.

Each is a group that is NXdata (axes named, units on them) and EMD of Berkeley (`emd_group_type`,
`dim1` …) at once. It is a copy: whoever walks a file meets a dataset under one name only, so that a
link would take the results' own name away, or hide the image from EMD's reader. EMD's reader in
RosettaSciIO turns the axes round unless the dataset is called `datacube`.
"""

from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from recon.result import Result

GROUP, DATA = "images", "datacube"


def add_images(file: h5py.File, results: Mapping[str, Any]) -> None:
    """Add group "images" with each result (…, y, x) that has a sampling.

    Parameters
    ----------
    file : h5py.File
        It holds the results' datasets.
    results : mapping of str to array or Result
        By the names of the datasets.
    """
    for name, result in results.items():
        if not isinstance(result, Result) or result.sampling is None or result.values.ndim < 2:
            continue
        group = file.create_group(f"{GROUP}/{name.replace('/', '_')}")
        file.copy(name, group, DATA)
        axes = _axes(result)
        for number, (axis, (values, unit)) in enumerate(axes.items(), 1):
            group[axis] = values
            group[axis].attrs.update(name=axis, units=unit)
            group[f"dim{number}"] = group[axis]
        group.attrs.update(
            NX_class="NXdata",
            signal=DATA,
            axes=list(axes),
            interpretation="image",
            emd_group_type=1,
            title=result.title,
        )
    if GROUP in file:
        first = next(iter(file[GROUP]))
        chosen = "ssb_phase" if "ssb_phase" in file[GROUP] else first
        file.attrs.update(NX_class="NXroot", default=GROUP)
        file[GROUP].attrs.update(
            NX_class="NXentry", default=chosen, version_major=0, version_minor=2
        )


def _axes(result: Result) -> dict[str, tuple[np.ndarray, str]]:
    """Name of each axis -> its values and their unit."""
    *more, rows, columns = result.shape
    axes = {f"component{n or ''}": (np.arange(size), "") for n, size in enumerate(more)}
    for axis, size, step, first in zip(
        "yx", (rows, columns), result.sampling, result.origin, strict=True
    ):
        axes[axis] = first + step * np.arange(size), result.sampling_unit
    return axes
