"""Where a recipe's work on a scan is done: in this process, or on the workers of a cluster."""

from functools import partial

from recon.batch.results import is_usual, virtual_images
from recon.batch.settings import Annulus
from recon.calibration import Calibration
from recon.device.backend import Device
from recon.scan.kinds import ScanData
from recon.ssb.build import build_g, fitting_in, tilt_corrected
from recon.sums import centre_of_mass


class Here:
    """Work in this process, on a device."""

    def __init__(self, scan: ScanData, device: Device):
        self.scan, self._device = scan, device

    def centre_of_mass(self):
        """(2, Sy, Sx) float32 [px]."""
        return centre_of_mass(self.scan)

    def builder(self, calibration: Calibration, pixels: int, full: bool):
        """`build(calibration, progress=)` that makes G; the first one for which there is room."""
        self.scan = fitting_in(self.scan, calibration, pixels, full, self._device)
        make = partial(build_g, self.scan, device=self._device)
        return lambda calibration, progress: make(calibration, pixels, full=full, progress=progress)

    def virtual_images(self, calibration: Calibration, annulus: Annulus):
        """As `recon.batch.results.virtual_images`."""
        return virtual_images(self.scan, calibration, annulus)

    def tilt_corrected(self, calibration, aberrations, pixels: int, **options):
        """As `recon.ssb.parallax.tilt_corrected`."""
        how = calibration, aberrations, pixels, self._device
        return tilt_corrected(self.scan, *how, **options)


class OnWorkers:
    """Work on a cluster.

    Parameters
    ----------
    scan : ElectronEvents or DenseFrames
        As it is used.
    cluster : recon.cluster.connection.Cluster
    source : recon.cluster.sources.FileRows, optional
        The file that holds just this scan; without it, its rows are sent.
    """

    def __init__(self, scan: ScanData, cluster, source=None):
        # With a cluster there is Dask's, which others need not have.
        from recon.cluster.slabs import on_cluster

        self.scan, self._there = scan, on_cluster(cluster, scan, source)

    def centre_of_mass(self):
        """(2, Sy, Sx) float32 [px]."""
        from recon.cluster import sums  # as above

        return sums.centre_of_mass(self._there)

    def builder(self, calibration: Calibration, pixels: int, full: bool):
        """`build(calibration, progress=)` that makes G in slabs."""
        from recon.cluster.slabs import build_slabs  # as above

        return lambda calibration, progress: build_slabs(
            self._there, calibration, pixels, full=full, progress=progress
        )

    def virtual_images(self, calibration: Calibration, annulus: Annulus):
        """As `recon.batch.results.virtual_images`."""
        from recon.cluster import sums  # as above

        centre, radius = calibration.centre, calibration.radius
        images = sums.presets(self._there, centre, radius)
        if is_usual(annulus):
            return images
        radii = {"annulus": (annulus.inner * radius, annulus.outer * radius)}
        return images | sums.annuli(self._there, centre, radii)

    def tilt_corrected(self, calibration, aberrations, pixels: int, **options):
        """As `recon.ssb.parallax.tilt_corrected`."""
        from recon.cluster.parallax import tilt_corrected as by_workers  # as above

        return by_workers(self._there, calibration, aberrations, pixels, **options)
