"""Small files in the 4D Camera layout, made by hand from its description."""

import h5py
import numpy as np

SCAN, DETECTOR = (2, 3), (4, 5)
FRAMES = [[1, 2], [], [19], [3, 3, 4], [0], [7, 8]]


def store(path, rows, *, scan=SCAN, detector=DETECTOR, version=3, positions=None, **options):
    """A file in the layout; `scan` includes the flyback column."""
    dtype = np.dtype(options.pop("dtype", np.uint32))
    attributes = options.pop("attributes", {})
    with h5py.File(path, "w", **options.pop("file", {})) as file:
        if version is not None:
            file.attrs["version"] = version
        file.attrs.update(attributes)
        group = file.create_group("electron_events")
        frames = group.create_dataset("frames", (len(rows),), h5py.vlen_dtype(dtype), **options)
        frames.attrs["Ny"], frames.attrs["Nx"] = detector
        for index, row in enumerate(rows):
            frames[index] = np.asarray(row, dtype)
        listed = np.arange(scan[0] * scan[1]) if positions is None else np.asarray(positions)
        scanned = group.create_dataset("scan_positions", data=listed)
        scanned.attrs["Ny"], scanned.attrs["Nx"] = scan
    return path


def frames_of(events):
    return [frame.tolist() for frame in events.frames()]
