"""`livestem reconstruct`: what is fitted to the data, and what cannot be."""

from shlex import split

import numpy as np
import pytest
from scans import CALIBRATION, SCAN_SHAPE, atoms_phase, weak_events, write_4dcamera
from test_reconstruct import BEAM, ORIENTATION, reconstruct

from recon.errors import Unfitted
from recon.optics import Aberrations


@pytest.fixture(scope="module")
def bare_file(tmp_path_factory):
    """Three waves, and nothing said of the experiment."""
    path = tmp_path_factory.mktemp("scans") / "bare.h5"
    return write_4dcamera(path, list(weak_events(2000).frames()), SCAN_SHAPE)


@pytest.fixture(scope="module")
def aberrated(tmp_path_factory):
    """A file of a scan over many atoms, out of focus, at 2 · 10⁴ e/Å²."""
    phase = sum(np.roll(atoms_phase((48, 44)), (n, 7 * n), (0, 1)) for n in (0, 13, 29))
    scan = weak_events(3600, phase=phase, aberrations=Aberrations(C10=120, C12a=25, C12b=-30))
    path = tmp_path_factory.mktemp("scans") / "aberrated.h5"
    return write_4dcamera(path, list(scan.frames()), phase.shape)


def test_aberrations_and_orientation_are_fitted(aberrated, tmp_path, capsys):
    options = split("--rotation-deg auto --aberrations auto --orders 1 --aberration C12b=-30")
    _, parameters = reconstruct(aberrated, tmp_path / "out.h5", *BEAM, *options)
    fit, found, sources = (parameters[name] for name in ("fit", "aberrations", "sources"))
    assert set(fit["errors"]) == {"C10", "C12a"}
    for name, true in (("C10", 120), ("C12a", 25)):
        assert found[name] == pytest.approx(true, abs=max(4 * fit["errors"][name], 2))
    assert found["C12b"] == -30
    assert (sources["C10"], sources["C12b"]) == ("fit", "command line")
    assert fit["locked"] == ["C12b"]
    assert fit["undetermined"] == []
    assert fit["flatness_after"] > 0.5 > fit["flatness_before"]
    assert f"({100 * fit['flatness_before']:.0f} % before)" in fit["statement"]
    turn = parameters["orientation"]
    assert turn["rotation_deg"] == parameters["calibration"]["rotation_deg"]
    assert turn["rotation_deg"] == pytest.approx(CALIBRATION.rotation_deg, abs=2)
    assert len(turn["candidates"]) == 8
    assert turn["by_sidebands"]["transpose"] is False
    said = capsys.readouterr().out
    assert "sidebands say" in said
    assert "Fitted: C10 = " in said


def test_the_semiangle_is_fitted_too(aberrated, tmp_path, capsys):
    """Told 8 % too large, G is cut again where the sidebands end."""
    beam = split("--energy-kev 80 --scan-step-angstrom 0.4,0.45 --semiangle-mrad 27")
    options = split("--aberrations auto --orders 1 --fit-semiangle")
    _, parameters = reconstruct(aberrated, tmp_path / "out.h5", *beam, *ORIENTATION, *options)
    found = parameters["fit"]["semiangle"]
    used = parameters["calibration"]["semiangle_cutoff"]
    assert used == found["semiangle_cutoff"]
    assert used == pytest.approx(25, abs=3 * found["semiangle_error"])
    assert parameters["sources"]["semiangle_cutoff"] == "fit"
    assert found["statement"] in capsys.readouterr().out


def test_what_cannot_be_fitted_is_said_and_changes_nothing(bare_file, tmp_path, capsys):
    """Three waves alone: too few frequencies."""
    options = split("--aberrations auto --bright-field-pixels 8 --aberration C12a=25")
    _, parameters = reconstruct(bare_file, tmp_path / "out.h5", *BEAM, *ORIENTATION, *options)
    assert parameters["aberrations"]["C10"] == 0
    assert parameters["sources"]["C12a"] == "command line"
    assert "errors" not in parameters["fit"]
    assert parameters["fit"]["statement"] in capsys.readouterr().out


def test_a_scan_without_signal_costs_no_more_than_its_weighting(
    bare_file, tmp_path, capsys, monkeypatch
):
    def refuse(g, aberrations):
        raise Unfitted("The scan shows no more than noise.")

    monkeypatch.setattr("app.contrasts.estimate_prior", refuse)
    options = split("--wiener --obf --bright-field-pixels 8")
    results, parameters = reconstruct(bare_file, tmp_path / "out.h5", *BEAM, *ORIENTATION, *options)
    assert "ssb/obf" in results
    assert "ssb/phase_wiener" not in results
    assert "no more than noise" in parameters["wiener"]["statement"]
    assert "ssb/phase_wiener was left out" in capsys.readouterr().out
