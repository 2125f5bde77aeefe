"""Scan steps from a lattice that the specimen is known to have."""

from dataclasses import dataclass, replace

from recon.errors import Unfitted

KNOWN = {
    "graphene 100": (2.13, 60.0),
    "silicon 111": (3.135, None),
    "silicon 220": (1.920, None),
    "gold 111": (2.355, None),
    "gold 200": (2.039, 90.0),
    "strontium titanate 100": (3.905, 90.0),
    "molybdenum disulphide 100": (2.74, 60.0),
}
"""Spacing [Å] of lattice planes, and the angle [degrees] between neighbouring ones along the axis
in which all of them are seen; None where that depends on the axis."""


@dataclass(frozen=True, eq=False)
class Fit:
    """What two peaks tell of the scan."""

    peaks: tuple
    """`recon.geometry.lattice.Peak` of each."""
    steps: tuple[float, float]
    """(y, x) distance of the file's scan positions [Å], before binning."""
    errors: tuple[float, float]
    shear: float | None
    """Steps by which each row lies further right, where that is certain."""
    statement: str


def peak_in(images, row: int, column: int):
    """The peak near a picked frequency, in the first of some images that shows one.

    Raises
    ------
    Unfitted, ValueError
        As `recon.geometry.lattice.refine_peak`, for the first image.
    """
    from recon.geometry.lattice import refine_peak

    refused = None
    for image in images:
        try:
            return refine_peak(image, row, column)
        except Unfitted as error:
            refused = refused or error
    raise refused or ValueError("There is no image of the scan yet.")


def fit_lattice(peaks, spacings, angle_deg, scan_shape, scan_bin: int = 1) -> Fit:
    """Scan steps, and shear if an angle is known, from peaks and their spacings [Å].

    Parameters
    ----------
    scan_shape : (int, int)
        Of the image that the peaks were found in, whose positions are `scan_bin` of the file's.

    Raises
    ------
    Unfitted, ValueError
        As `recon.geometry.lattice.calibrate_scan`.
    """
    from recon.geometry.lattice import calibrate_scan
    from recon.treatment.rows import distortion_of_lattice

    found = calibrate_scan(peaks, spacings, scan_shape, angle_deg)
    shear, statement = None, found.statement
    if angle_deg is not None:
        try:
            shear = distortion_of_lattice(found).shear
        except Unfitted:
            statement += " Not significant: no shear is corrected."
    steps, errors = (
        tuple(value / scan_bin for value in pair) for pair in (found.scan_sampling, found.errors)
    )
    return Fit(tuple(peaks), steps, errors, shear, statement)


@dataclass(frozen=True)
class Camera:
    """What a peak's sidebands say of the camera."""

    semiangle_mrad: float
    statement: str


def measured_camera(context, fit: Fit, spacing: float, pixel_um: float | None = None) -> Camera:
    """What a fit's first peak says of the semi-angle, beside what is set.

    Parameters
    ----------
    pixel_um : float, optional
        Width of a detector pixel [µm], which makes a camera length of the angle of a pixel.

    Raises
    ------
    ValueError
        While the calibration has gaps, or as `recon.geometry.camera.measure_camera`.
    """
    from recon.geometry.camera import measure_camera

    prepared, request = context.prepared, context.request
    calibration = context.g.calibration
    steps = tuple(step * request.region.scan_bin for step in fit.steps)
    found = measure_camera(
        prepared.scan.events,
        fit.peaks[0],
        spacing,
        replace(calibration, scan_sampling=steps),
        request.aberrations,
        context.meter,
    )
    angle, error = found.semiangle_cutoff, found.semiangle_error
    usual = max(3 * error, 0.01 * angle)
    apart = calibration.semiangle_cutoff - angle
    words = "agree with it" if abs(apart) <= usual else f"are {apart:+.2g} mrad off"
    # A pixel of the file's own detector, not of a finer one.
    refined = prepared.scan.treatment.refine
    pixel, spread = refined * found.angular_sampling, refined * found.error
    said = (
        f"By its sidebands the semi-angle is {angle:.4g} ± {error:.2g} mrad: the "
        f"{calibration.semiangle_cutoff:.4g} mrad that are set {words}. A detector pixel is "
        f"{pixel:.4g} ± {spread:.2g} mrad"
    )
    if pixel_um is not None:
        length = pixel_um * 1e-6 / (pixel * 1e-3)
        said += f", the camera length {1e3 * length:.4g} ± {1e3 * length * spread / pixel:.2g} mm"
    return Camera(float(f"{angle:.4g}"), f"{said}.")
