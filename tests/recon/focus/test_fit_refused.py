"""What a fit of the aberrations refuses, and the semi-angle that it is refused for."""

from dataclasses import replace

import pytest

from recon.errors import Cancelled, Unfitted
from recon.focus.fit import coefficients_to, fit_aberrations
from recon.focus.phase_model import unit
from recon.focus.semiangle import fit_semiangle
from recon.optics import COEFFICIENTS, Aberrations
from tests.support.fake_gpu import fake_gpu
from tests.support.focus_scans import (
    LOW,
    bright,
    calibration_of,
    deviations,
    g_of,
    g_on,
    g_told,
)


@pytest.mark.parametrize(
    "told",
    [
        {"energy": 300e3},
        {"semiangle_cutoff": 17.5, "full": False},
        {"semiangle_cutoff": 32.5},
        {"semiangle_cutoff": 17.5},
    ],
    ids=str,
)
def test_a_misnamed_beam_is_refused(told):
    with pytest.raises(Unfitted, match=r"sidebands are not those of.*nothing was changed"):
        fit_aberrations(g_told(**told), orders=1)


def test_energy_and_semiangle_wrong_alike_only_rescale_the_aberrations():
    """With k0 right, nothing tells: C λ is what G holds."""
    right = calibration_of()
    energy = replace(right, energy=300e3)
    ratio = energy.wavelength / right.wavelength
    fit = fit_aberrations(g_told(energy=300e3, semiangle_cutoff=25.0 * ratio), orders=2)
    assert fit.aberrations.C10 * ratio == pytest.approx(LOW.C10, abs=5 * fit.errors["C10"])


@pytest.mark.parametrize("step", [(3.5, 4.0), (0.05, 0.05)], ids=["coarse", "fine"])
def test_a_scan_without_sidebands_is_refused(step):
    """Discs that hardly move, or hardly overlap."""
    with pytest.raises(Unfitted):
        fit_aberrations(g_told(scan_sampling=step), orders=1)


@pytest.mark.parametrize("told", [25.0, 30.0])
def test_the_semiangle_is_found(told):
    found = fit_semiangle(g_told(semiangle_cutoff=told), replace(LOW, C10=LOW.C10 * 25 / told))
    assert found.semiangle_cutoff == pytest.approx(25.0, abs=3 * found.error)
    assert found.error < 0.5
    assert f"{told:g} mrad given" in found.statement


def test_a_scan_that_does_not_tell_the_semiangle_is_refused():
    with pytest.raises(Unfitted, match="stays 25 mrad"):
        fit_semiangle(g_told(scan_sampling=(0.05, 0.05)), LOW)


def test_all_25_coefficients_come_back():
    calibration = calibration_of()
    values = {
        name: (-1) ** n * 0.8 * unit(name, calibration.wavelength, calibration.k0)
        for n, name in enumerate(COEFFICIENTS)
    }
    truth = Aberrations(**{**values, "C10": -90.0})
    fit = fit_aberrations(bright(truth, 30.0, True, full=True), orders=5)
    assert set(fit.errors) == set(coefficients_to(5)) == set(COEFFICIENTS)
    assert abs(deviations(fit, truth)).max() < 3
    assert all(fit.errors[name] < 0.5 * abs(values[name]) for name in COEFFICIENTS)
    assert fit.flatness_after > 0.95 > 10 * fit.flatness_before


def test_a_fit_on_a_device_is_the_same_and_tells_how_far_it_is(monkeypatch):
    there, here = g_on(fake_gpu("cpu", monkeypatch).device), g_of(LOW, -12.0, full=True)
    told = []
    fits = [fit_aberrations(g, orders=2, progress=told.append) for g in (here, there)]
    assert told[: len(told) // 2] == sorted(told[: len(told) // 2])
    for name, error in fits[0].errors.items():
        values = [getattr(fit.aberrations, name) for fit in fits]
        assert values[1] == pytest.approx(values[0], abs=0.05 * error)

    def stop(fraction):
        if fraction > 0.4:
            raise Cancelled

    with pytest.raises(Cancelled):
        fit_aberrations(there, orders=2, progress=stop)
