"""`livestem reconstruct`: what is fitted to the data, and what cannot be."""

from shlex import split

import numpy as np
import pytest

from recon.errors import Unfitted
from recon.optics import Aberrations
from tests.support.reconstructed import BEAM, ORIENTATION, reconstruct
from tests.support.scans import CALIBRATION, SCAN_SHAPE, atoms_phase, weak_events, write_4dcamera

pytestmark = pytest.mark.usefixtures("few_frequencies")


@pytest.fixture(scope="module")
def bare_file(tmp_path_factory):
    """Three waves, and nothing said of the experiment."""
    path = tmp_path_factory.mktemp("scans") / "bare.h5"
    return write_4dcamera(path, list(weak_events(2000).frames()), SCAN_SHAPE)


@pytest.fixture(scope="module")
def aberrated(tmp_path_factory):
    """A file of a scan over many atoms, out of focus, at 2 · 10⁴ e/Å²."""
    aberrations = Aberrations(C10=120, C12a=25, C12b=-30)
    return many_atoms(tmp_path_factory.mktemp("scans") / "aberrated.h5", aberrations)


@pytest.fixture(scope="module")
def in_focus(tmp_path_factory):
    """The same without aberrations."""
    return many_atoms(tmp_path_factory.mktemp("scans") / "in_focus.h5", Aberrations())


def many_atoms(path, aberrations):
    phase = sum(np.roll(atoms_phase((48, 44)), (n, 7 * n), (0, 1)) for n in (0, 13, 29))
    scan = weak_events(3600, phase=phase, aberrations=aberrations)
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
    assert f"{100 * fit['flatness_after']:.0f} % of the tiles' power" in fit["statement"]
    turn = parameters["orientation"]
    said = capsys.readouterr().out
    used_as_it_is_said(parameters, said)
    assert turn["rotation_deg"] == pytest.approx(CALIBRATION.rotation_deg, abs=2)
    assert len(turn["candidates"]) == 8
    assert turn["by_sidebands"]["transpose"] is False
    assert "sidebands say" in said
    assert "Fitted: C10 = " in said


def used_as_it_is_said(parameters, said):
    """The rotation that is used is the one that is recorded and the one that is printed."""
    turn = parameters["orientation"]
    assert turn["rotation_deg"] == parameters["calibration"]["rotation_deg"]
    best = f"Best: {turn['rotation_deg']:.1f}° ± {turn['rotation_error']:.1f}°"
    assert best in turn["statement"]
    assert turn["statement"] in said


def test_in_focus_the_rotation_does_not_wander(in_focus, tmp_path, capsys):
    """Without aberrations the tiles are flat at any angle: what is known of it stays."""
    options = split("--rotation-deg auto --aberrations auto --orders 1")
    _, parameters = reconstruct(in_focus, tmp_path / "out.h5", *BEAM, *options)
    used_as_it_is_said(parameters, capsys.readouterr().out)
    turn, fit = parameters["orientation"], parameters["fit"]
    off = (turn["rotation_deg"] - CALIBRATION.rotation_deg + 180) % 360 - 180
    assert abs(off) < max(4 * turn["rotation_error"], 1)
    first = turn["candidates"][0]["rotation_deg"]
    assert abs(turn["rotation_deg"] - first) < 6
    assert fit["flatness_after"] > fit["flatness_before"] - 0.01


def test_the_semiangle_is_fitted_too(aberrated, tmp_path, capsys):
    """Told a fifth too large, G is cut again until the answer stands."""
    beam = split("--energy-kev 80 --scan-step-angstrom 0.4,0.45 --semiangle-mrad 30")
    options = split("--aberrations auto --orders 1 --fit-semiangle")
    _, parameters = reconstruct(aberrated, tmp_path / "out.h5", *beam, *ORIENTATION, *options)
    found = parameters["fit"]["semiangle"]
    used = parameters["calibration"]["semiangle_cutoff"]
    assert used == found["semiangle_cutoff"]
    assert used == pytest.approx(25, abs=1.5 * found["semiangle_error"])
    assert found["semiangle_error"] < 1
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

    monkeypatch.setattr("recon.batch.contrasts.estimate_prior", refuse)
    options = split("--wiener --obf --bright-field-pixels 8")
    results, parameters = reconstruct(bare_file, tmp_path / "out.h5", *BEAM, *ORIENTATION, *options)
    assert "ssb/obf" in results
    assert "ssb/phase_wiener" not in results
    assert "no more than noise" in parameters["wiener"]["statement"]
    assert "ssb/phase_wiener was left out" in capsys.readouterr().out
