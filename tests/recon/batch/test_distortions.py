"""`livestem reconstruct --descan --ellipse --shear`: what is asked, done and said."""

import json
from dataclasses import replace
from weakref import ref

import h5py
import numpy as np
import pytest

from app.cli import main
from recon.batch.distortions import Straightening, straightened, straightening
from recon.errors import DiscNotFound, Unfitted
from recon.geometry.descan import Descan, _fitted
from recon.geometry.disc import fit_disc
from recon.io import write_events
from recon.scan.frames import of_array
from recon.simulate.scan import truth
from recon.sums.detectors import pacbed
from recon.treatment.straighten import straighten
from tests.support.scans import CALIBRATION, weak_events

DESCAN = Descan((1.2, 0.4, 0.0, 0.0, 0.0), (-0.3, 0.9, 0.0, 0.0, 0.0))
BEAM = ["--energy-kev", "80", "--semiangle-mrad", "25", "--scan-step-angstrom", "0.4,0.45"]


@pytest.fixture(scope="module")
def bent():
    """A scan whose disc moves: straightened by the opposite of its descan."""
    opposite = Descan(*(tuple(-v for v in axis) for axis in (DESCAN.y, DESCAN.x)))
    return straighten(weak_events(3000, truth(CALIBRATION)), opposite)


def test_the_command_measures_takes_out_and_says(bent, tmp_path, capsys):
    write_events(tmp_path / "bent.npz", bent)
    output = tmp_path / "out.h5"
    command = ["reconstruct", str(tmp_path / "bent.npz"), "-o", str(output), *BEAM]
    assert main([*command, "--descan", "auto", "--ellipse", "auto", "--subpixel", "1"]) == 0
    said = capsys.readouterr().out
    assert "The disc moves by up to" in said
    assert "Taken out." in said
    assert "The disc is round" in said
    with h5py.File(output) as file:
        parameters = json.loads(file.attrs["parameters"])
        pattern = file["pacbed"][()]
    assert len(parameters["treatment"]["done"]) == 2
    # The rim is as sharp again as it was without descan.
    before, after = fit_disc(pacbed(bent)), fit_disc(pattern)
    assert after.edge < 0.8 * before.edge
    assert after.radius == pytest.approx(CALIBRATION.radius, abs=0.1)


def test_numbers_are_taken_as_given(bent):
    asked = straightening((*DESCAN.y, *DESCAN.x), (1.05, 30.0), 0.25)
    assert asked == Straightening(DESCAN, (1.05, 30.0), 0.25)
    pattern = pacbed(bent)
    straight, seen, said = straightened(bent, pattern, asked)
    assert len(said) == 3
    # Rows 19/2 quarters of a step to either side: 3 columns are lost at both ends.
    assert straight.scan_shape == (20, 24 - 6)
    np.testing.assert_array_equal(seen, pacbed(straight))
    nothing = straightened(bent, pattern, straightening("none", "none", 0.0))
    assert nothing[0] is bent
    assert nothing[2] == []


def test_dense_frames_and_bad_words_are_refused(bent, tmp_path, capsys):
    frames = of_array(np.ones((8, 8, 5, 5), np.uint8))
    with pytest.raises(ValueError, match="Straight rows need single electrons"):
        straightened(frames, np.ones((5, 5)), straightening("none", "none", 0.1))
    write_events(tmp_path / "bent.npz", bent)
    command = ["reconstruct", str(tmp_path / "bent.npz"), "-o", str(tmp_path / "out.h5"), *BEAM]
    for words, sentence in (
        (["--descan", "some"], "is not a number"),
        (["--descan", "1,2,3"], "ten numbers"),
        (["--ellipse", "5,10"], "ratio from 1 to 4"),
        (["--shear", "9"], "are covered by all of them"),
    ):
        assert main([*command, *words]) == 2
        told = " ".join(capsys.readouterr().err.replace("│", " ").split())
        assert sentence in told
    assert not (tmp_path / "out.h5").exists()


def test_the_scan_an_ellipse_is_measured_in_makes_room_for_the_one_that_is_kept(bent, monkeypatch):
    made = []

    def watched(*arguments, **options):
        assert all(scan() is None for scan in made)
        scan = straighten(*arguments, **options)
        made.append(ref(scan))
        return scan

    monkeypatch.setattr("recon.batch.distortions.straighten", watched)
    straight, _, _ = straightened(
        bent, pacbed(bent), straightening((*DESCAN.y, *DESCAN.x), "auto", 0)
    )
    assert len(made) == 2
    assert made[1]() is straight


def test_what_is_said_of_a_disc_that_stays_contradicts_itself_in_no_case():
    """Parts of a scan that scatter by 0.2 px about one place, and by a hundredth."""
    rows, columns = np.meshgrid(*2 * (np.linspace(-1, 1, 7),), indexing="ij")
    terms = np.stack([rows, columns, rows**2, rows * columns, columns**2]).reshape(5, -1).T
    noise = np.random.default_rng(3).normal(size=(49, 2))
    with pytest.raises(Unfitted, match=r"is not beyond chance \(standard errors of up to 0\.0"):
        _fitted(20 + 0.3 * noise, terms, np.ones(49), (20, 20))
    with pytest.raises(Unfitted, match=r"is less than 0\.1 px"):
        _fitted(20 + 0.01 * noise, terms, np.ones(49), (20, 20))


def test_where_no_disc_can_be_fitted_the_files_own_is_taken(bent, monkeypatch):
    def fails(pattern, start=None):
        raise DiscNotFound("No disc stands out.")

    monkeypatch.setattr("recon.batch.distortions.fit_disc", fails)
    how = Straightening(descan="auto")
    known = replace(bent, metadata={"centre": CALIBRATION.centre, "radius": CALIBRATION.radius})
    _, _, said = straightened(known, pacbed(bent), how)
    assert "The disc moves by up to" in said[0]
    with pytest.raises(DiscNotFound):
        straightened(replace(bent, metadata={}), pacbed(bent), how)
