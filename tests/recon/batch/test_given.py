"""What is given by hand or by the file, and which of them counts."""

import pytest

from recon.batch.choices import Choices
from recon.batch.given import given_aberrations, given_geometry
from recon.batch.settings import AUTO
from recon.batch.sources import COMMAND, FILE, Sources

BEAM = {"energy": 80e3, "semiangle_cutoff": 25.0, "scan_sampling": (0.3, 0.3)}


def test_what_is_given_by_hand_counts_before_the_file():
    sources = Sources(BEAM | {"rotation_deg": 5.0})
    geometry = given_geometry(sources, Choices(energy=200e3))
    assert (geometry.energy, geometry.semiangle_cutoff) == (200e3, 25.0)
    assert (sources.origin["energy"], sources.origin["semiangle_cutoff"]) == (COMMAND, FILE)
    assert geometry.rotation_deg == 5
    assert not geometry.auto_orientation


@pytest.mark.parametrize(
    ("choices", "metadata", "auto"),
    [
        (Choices(), {}, True),
        (Choices(transpose=True), {}, False),
        (Choices(), {"rotation_deg": 0.0}, False),
        (Choices(rotation_deg=AUTO), {"rotation_deg": 0.0}, True),
    ],
)
def test_an_orientation_that_nobody_gives_is_looked_for(choices, metadata, auto):
    assert given_geometry(Sources(BEAM | metadata), choices).auto_orientation == auto


def test_all_that_is_missing_is_named_in_one_sentence():
    with pytest.raises(ValueError, match=r"energy .* and the scan step .* are missing") as told:
        given_geometry(Sources({"semiangle_cutoff": 25.0}), Choices())
    assert "\n" not in str(told.value)
    with pytest.raises(ValueError, match=r"semi-angle .* is missing"):
        given_geometry(Sources({"energy": 80e3, "scan_sampling": (0.3, 0.3)}), Choices())


def test_coefficients_of_the_command_line_stand_and_others_are_zero():
    sources = Sources({"aberrations": {"C12a": 3.0}})
    given = given_aberrations(sources, Choices(aberrations={"C10": -20.0}))
    assert (given.C10, given.C12a) == (-20, 0)
    assert sources.origin == {"C10": COMMAND}
