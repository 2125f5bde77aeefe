"""Disc and orientation: as entered, as found, as the file says, and what is said of each."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from recon.batch.geometry import settle_disc, settle_orientation
from recon.batch.settings import Geometry, Region, Treatment
from recon.errors import DiscNotFound, Unfitted

BEAM = Geometry(80e3, 25.0, (0.4, 0.45), auto_orientation=True)
PART = Region(detector=(2, 0, 1, 0), scan_bin=2)
FINER = Treatment(refine=2)


def no_disc():
    raise DiscNotFound("No disc stands out.")


def found(geometry=BEAM):
    disc = replace(geometry, fit_disc=False, centre=(14.0, 12.0), radius=9.0)
    return settle_disc(no_disc, disc, Region(), Treatment(), {})


def test_the_files_disc_stands_in_for_one_that_is_not_found():
    metadata = {"centre": (14.0, 12.0), "radius": 9.0}
    disc = settle_disc(no_disc, BEAM, PART, FINER, metadata)
    # Two rows and a column fewer; pixel 12 is then 24 and 25, with its middle between them.
    assert (disc.centre, disc.radius, disc.fitted) == ((24.5, 22.5), 18.0, False)
    assert disc.disc_statement == "No disc stands out. Centre and radius are the file's."
    none = settle_disc(no_disc, BEAM, PART, FINER, {})
    assert none.centre is None
    assert none.missing == ("centre and radius of the bright-field disc",)


def test_both_judges_are_asked_once_beam_and_disc_are_known():
    best = SimpleNamespace(rotation_deg=30.0, transpose=True)
    sheet = SimpleNamespace(best=best, statement="Turned.")

    def curl_alone(sampling):
        raise AssertionError("the sidebands can be asked")

    turned = settle_orientation(found(), BEAM, PART, lambda calibration: sheet, curl_alone)
    assert (turned.rotation_deg, turned.transpose, turned.oriented) == (30.0, True, True)
    assert turned.calibration.rotation_deg == 30
    assert turned.calibration.scan_sampling == (0.8, 0.9)


def test_the_centre_of_mass_is_asked_while_the_beam_is_unknown():
    unknown, asked = Geometry(auto_orientation=True), []

    def by_curl(sampling):
        asked.append(sampling)
        return SimpleNamespace(rotation_deg=-12.0, transpose=False, statement="Turned.")

    turned = settle_orientation(found(unknown), unknown, PART, None, by_curl)
    assert asked == [(1.0, 1.0)]
    assert (turned.rotation_deg, turned.calibration) == (-12, None)


@pytest.mark.parametrize("kind", [ValueError, Unfitted])
def test_an_orientation_that_nothing_shows_is_said_to_be_taken_as_none(kind):
    def judge(calibration):
        raise kind("Neither tells any.")

    turned = settle_orientation(found(), BEAM, Region(), judge, None)
    assert (turned.rotation_deg, turned.transpose, turned.oriented) == (0, False, False)
    assert turned.orientation_statement == "Neither tells any. Until then it is taken as 0°."
    assert turned.calibration.rotation_deg == 0
