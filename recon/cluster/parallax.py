"""Tilt-corrected bright field on a cluster: workers shift and add the planes between them."""

from recon.calibration import Calibration
from recon.cluster import planning
from recon.cluster.building import Building
from recon.cluster.held import Job
from recon.cluster.slabs import OnCluster, outlasting
from recon.optics import Aberrations
from recon.ssb.bright_field import BinnedPlanes, bright_field
from recon.ssb.parallax import TiltCorrected, tilt_corrected_planes


def tilt_corrected(
    scan: OnCluster,
    calibration: Calibration,
    aberrations: Aberrations,
    pixels_across: int = 18,
    *,
    progress=None,
    **options,
) -> TiltCorrected:
    """Tilt-corrected bright field of a scan on a cluster.

    Parameters, and what is raised, as for `recon.ssb.parallax.tilt_corrected`, whose image this
    is up to rounding: planes are added in another order. Each worker takes a few whole planes at
    a time, and returns one sum.

    Raises
    ------
    ClusterError
        If the cluster fails.
    """
    disc = bright_field(calibration, scan.frame_shape, pixels_across, scan.excluded)
    tell = progress or (lambda fraction: None)

    def summed(planes, waves, upsample, _):
        def make():
            rows = scan.placed()
            batch = planning.batch_of(scan.scan_shape, disc.size, len(rows))
            job = Job(calibration, disc, scan.scan_shape, True, False, (), "cpu")
            building = Building(scan.cluster, job, rows, batch, tell)
            current = building.current_of(building.binned())
            return building.shifted_sum(current, waves, upsample)

        return outlasting(scan.cluster, make)

    planes = BinnedPlanes(None, scan.scan_shape, disc)
    return tilt_corrected_planes(planes, calibration, aberrations, summed=summed, **options)
