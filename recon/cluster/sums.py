"""Sums over a scan whose rows lie on workers: each sums its own, and they are joined here."""

import numpy as np

from recon import sums
from recon.cluster.slabs import OnCluster
from recon.scan.kinds import electrons
from recon.sums import com, dense


def pacbed(scan: OnCluster, progress=None) -> np.ndarray:
    """(Ky, Kx) sum of the frames, as `recon.sums.pacbed`."""
    return sum(_parts(scan, sums.pacbed, progress=progress))


def centre_of_mass(scan: OnCluster, progress=None) -> np.ndarray:
    """(2, Sy, Sx) float32 centre of mass [px], as `recon.sums.centre_of_mass`.

    Frames without electrons get the mean of all others, of whichever worker.
    """
    found = _parts(scan, _centres, progress=progress)
    field = np.concatenate([part for part, _ in found], axis=1)
    if scan.dense:
        return dense.filled(field, scan)
    told = sum(told for _, told in found)
    return com.filled(field, told, scan.frame_shape).reshape(2, *scan.scan_shape)


def _centres(rows):
    if electrons(rows) is None:
        return dense.frame_centres(rows), None
    return com.frame_centres(rows)


def presets(scan: OnCluster, centre, radius, progress=None) -> dict[str, np.ndarray]:
    """Images of the usual virtual detectors by name, as `recon.sums.presets`."""
    return _joined(_parts(scan, sums.presets, centre, radius, progress=progress))


def annuli(scan: OnCluster, centre, radii, progress=None) -> dict[str, np.ndarray]:
    """(Sy, Sx) image of each annular detector, as `recon.sums.annuli`."""
    return _joined(_parts(scan, sums.annuli, centre, dict(radii), progress=progress))


def intensity(scan: OnCluster, progress=None) -> np.ndarray:
    """(Sy, Sx) all that was recorded at each position, as `recon.sums.intensity`."""
    return np.concatenate(_parts(scan, sums.intensity, progress=progress))


def _parts(scan, function, *arguments, progress):
    found = scan.summed(function, *arguments)
    if progress is not None:
        progress(1.0)
    return found


def _joined(parts):
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
