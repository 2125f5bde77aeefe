"""What the options of `reconstruct` ask of the specimen."""

import pytest
import typer

from app.cli import main
from app.commands import options
from app.commands.chosen import chosen
from recon.specimen import Specimen


def test_a_specimen_is_typed_in_nanometres_and_milliradians():
    assert options.specimen(None, None, None) is None
    assert options.specimen(12, options.tilt("4,-4.2"), 3) == Specimen(120, (4, -4.2), 30)
    assert options.specimen(None, None, 3) == Specimen(focal_spread=30)


@pytest.mark.parametrize("tilt", ["4,-2.5", "-4,2.5"])
def test_the_command_line_takes_each_of_them(tilt, monkeypatch, tmp_path):
    """Each option takes the one word behind it, with other options next."""
    asked = []

    def reconstruct_file(path, output, choices, **more):
        asked.append(choices.specimen)
        raise ValueError("Enough.")

    monkeypatch.setattr("recon.batch.reconstruct.reconstruct_file", reconstruct_file)
    (tmp_path / "s.h5").touch()
    given = ["--thickness-nm", "12", "--tilt-mrad", tilt, "--film-mrad", "100,-50"]
    given += ["--focal-spread-nm", "3", "-o", str(tmp_path / "out.h5")]
    assert main(["reconstruct", str(tmp_path / "s.h5"), *given]) == 2
    leaning = tuple(map(float, tilt.split(",")))
    assert asked == [Specimen(120, leaning, 30, (100.0, -50.0))]


def test_no_tilt_needs_no_thickness():
    assert options.specimen(0.0, (0.0, 0.0), None) == Specimen()


@pytest.mark.parametrize("text", ["4", "4,5,6", "a,b", "inf,0", ""])
def test_what_is_no_tilt_is_refused(text):
    with pytest.raises(typer.BadParameter, match=r"is not Y,X in mrad"):
        options.tilt(text)


def test_a_tilt_without_thickness_is_refused_unless_it_is_to_be_found():
    with pytest.raises(ValueError, match="give its thickness with --thickness-nm"):
        options.specimen(None, (4, 0), None)
    assert options.specimen(None, (4, 0), None, fitted=True) == Specimen(tilt=(4, 0))


def test_a_thickness_that_no_beam_passes_is_refused():
    with pytest.raises(ValueError, match="from 0 to 500 nm, not 9000 nm"):
        options.specimen(9000, None, None)


def test_a_fit_of_the_specimen_needs_one_of_the_aberrations():
    asked = dict.fromkeys(
        ("aberration", "aberrations", "orders", "thickness_nm", "tilt_mrad", "focal_spread_nm")
    )
    with pytest.raises(ValueError, match="--fit-specimen is about a fit: add --aberrations auto"):
        chosen(asked | {"fit_semiangle": False, "fit_specimen": True})
