"""Every reconstruction step of a scan, for tests that compare devices."""

import numpy as np

from recon.device.backend import on_host
from recon.dpc.integrate import integrate_com, integrate_com_direct
from recon.ssb.gfunction import build_sidebands
from recon.ssb.optimum import optimum_bright_field
from recon.ssb.parallax import tilt_corrected
from recon.ssb.phase import MODES, object_transmission, single_sideband
from recon.ssb.prior import Prior
from recon.ssb.tiles import gfunction_tiles, power_spectrum, strongest_frequencies
from recon.sums import com
from recon.sums import detectors as virtual


def chain(events, calibration, aberrations, across=10, modes=MODES, iterations=20):
    """Results by name, each where the step left it."""
    centre, radius = calibration.centre, calibration.radius
    results = {
        "pacbed": virtual.pacbed(events),
        "rings": virtual.radial_sums(events, centre, np.linspace(0, 1.5 * radius, 12)),
        "com": com.centre_of_mass(events),
        "com of the disc": com.centre_of_mass(
            events, virtual.annulus(events.frame_shape, centre, 0, radius)
        ),
    }
    results |= virtual.virtual_detectors(events, calibration)
    field = results["deflection"] = com.scan_deflection(results["com"], calibration)
    results["curl"] = com.curl(field, calibration.scan_sampling)
    results["divergence"] = com.divergence(field, calibration.scan_sampling)
    dpc = integrate_com(field, calibration, iterations=iterations)
    results["dpc phase"], results["dpc spectrum"] = dpc.phase, dpc.spectrum
    results["direct phase"] = integrate_com_direct(field, calibration).phase
    g = build_sidebands(events, calibration, across, full=True)
    for mode in modes:
        for sideband in ("both", "full"):
            name = f"{mode} {sideband} phase"
            results[name] = single_sideband(g, aberrations, mode, sideband, 0.95)
        results[f"{mode} transmission"] = object_transmission(g, aberrations, mode, "left")
    # In units of the scan's own lengths, whatever it shows.
    field = np.prod(np.multiply(g.scan_shape, calibration.scan_sampling))
    prior = Prior(1e-4 * field, 0.5 * calibration.k0)
    for sideband in ("both", "full"):
        results[f"optimum {sideband}"] = optimum_bright_field(g, aberrations, sideband, 0.9)
        for mode in {"exact", "draft"} & set(modes):
            weighted = single_sideband(g, aberrations, mode, sideband, 0.95, prior)
            results[f"{mode} {sideband} weighted"] = weighted
    for upsample in (1, 2):
        tilted = tilt_corrected(events, calibration, aberrations, across, upsample=upsample)
        results[f"tilt-corrected {upsample}"] = tilted.image
    results["spectrum"] = power_spectrum(g)
    frequencies = strongest_frequencies(g, 5)
    results["tiles"] = gfunction_tiles(g, aberrations, frequencies)
    return results | {"frequencies": frequencies}


def assert_agree(results, expected, tolerance=1e-5):
    """Whole numbers agree exactly, others to a part of their largest deviation from the mean."""
    assert results.keys() == expected.keys()
    for name, wanted in expected.items():
        found, wanted = on_host(results[name]), on_host(wanted)
        assert found.dtype == wanted.dtype, name
        assert found.shape == wanted.shape, name
        if wanted.dtype.kind in "iu":
            np.testing.assert_array_equal(found, wanted, err_msg=name)
        else:
            deviation = abs(wanted - wanted.mean()).max()
            error = abs(found - wanted).max() / deviation
            assert error < tolerance, f"{name}: {error:.1e}"


def on_device(results, device):
    """Names of the results that are on a device, of which only small ones may be on the host."""
    return {name for name, array in results.items() if isinstance(array, device.xp.ndarray)}
