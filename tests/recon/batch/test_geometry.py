"""Disc and orientation: as entered, as found, as the file says, and what is said of each."""

from dataclasses import replace
from math import inf
from types import SimpleNamespace

import numpy as np
import pytest

from recon.batch.fitting import orientation_record
from recon.batch.geometry import settle_disc, settle_orientation
from recon.batch.settings import Geometry, Region, Treatment
from recon.errors import DiscNotFound, Unfitted
from recon.orientation.by_curl import estimate_orientation

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


@pytest.fixture(scope="module")
def sure():
    """What the field over some atoms says, of rotation 0°, which are bright in the dark field."""
    y, x = np.indices((64, 72))
    field, image = np.zeros((2, 64, 72)), np.zeros((64, 72))
    for at, along in np.random.default_rng(3).uniform(4, 60, (40, 2)):
        peak = np.exp(-((y - at) ** 2 + (x - along) ** 2) / 4)
        field += np.stack([(at - y) * peak, (along - x) * peak])
        image += peak
    return estimate_orientation(field, (0.8, 0.9), lambda: image, confirm=True)


class Asked:
    """A judge that counts how often it is asked, and with what."""

    def __init__(self, answer):
        self.answer, self.calls = answer, []

    def __call__(self, *known):
        self.calls.append(known)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


BEST = SimpleNamespace(rotation_deg=30.0, transpose=True)
SHEET = SimpleNamespace(best=BEST, statement="Turned.", asked=("curl", "sidebands"))


def test_a_centre_of_mass_that_is_sure_spares_the_sidebands(sure):
    by_curl, beside = Asked(sure), Asked(SHEET)
    turned = settle_orientation(found(), BEAM, PART, by_curl, beside)
    assert by_curl.calls == [((0.8, 0.9),)]
    assert beside.calls == []
    assert turned.calibration.rotation_deg == turned.rotation_deg
    assert turned.rotation_deg == pytest.approx(0, abs=0.5)
    assert (turned.transpose, turned.oriented, turned.asked) == (False, True, ("curl",))
    assert "is sure: the sidebands were not asked. Best: " in turned.orientation_statement
    record = orientation_record(turned.sheet)
    assert record["asked"] == ["curl"]
    assert record["by_sidebands"] is None
    assert record["by_curl"]["transpose"] is False
    assert [one["coherence"] for one in record["candidates"]] == [None] * 8
    assert record["statement"] == turned.orientation_statement


OF_AXES = [
    {"rotation_error": 1.1},
    {"bias": inf},
    {"bias": 1.1},
    # 5 standard deviations, which 18 of log-likelihood outvote.
    {"transpose_confidence": 1 - 5.7e-7},
]
OF_SIGN = [
    {"sign_confidence": 0.98},
    {"dark_field": None},
    {"dark_field": 3.0},
    {"dark_field": -30.0},
]


@pytest.mark.parametrize(
    ("doubt", "sign_alone"),
    [
        *((doubt, False) for doubt in OF_AXES),
        *((doubt, True) for doubt in OF_SIGN),
        *((of_axes | OF_SIGN[0], False) for of_axes in OF_AXES),
    ],
    ids=str,
)
def test_one_that_is_not_has_the_sidebands_asked_for_what_it_doubts(sure, doubt, sign_alone):
    unsure, beside = replace(sure, **doubt), Asked(SHEET)
    turned = settle_orientation(found(), BEAM, PART, Asked(unsure), beside)
    ((calibration, said, refusal, alone),) = beside.calls
    assert calibration.scan_sampling == (0.8, 0.9)
    assert said is unsure
    assert refusal == ""
    assert alone is sign_alone
    assert (turned.rotation_deg, turned.transpose, turned.oriented) == (30.0, True, True)
    assert turned.calibration.rotation_deg == 30
    assert turned.asked == ("curl", "sidebands")


def test_one_that_says_nothing_leaves_it_to_the_sidebands():
    beside = Asked(SHEET)
    refusal = ValueError("No more than noise.")
    turned = settle_orientation(found(), BEAM, PART, Asked(refusal), beside)
    ((_, said, why, alone),) = beside.calls
    assert (said, why, alone) == (None, "No more than noise.", False)
    assert turned.rotation_deg == 30


def test_the_centre_of_mass_is_asked_while_the_beam_is_unknown():
    unknown = Geometry(auto_orientation=True)
    said = SimpleNamespace(rotation_deg=-12.0, transpose=False, statement="Turned.")
    by_curl, beside = Asked(said), Asked(SHEET)
    turned = settle_orientation(found(unknown), unknown, PART, by_curl, beside)
    assert by_curl.calls == [((1.0, 1.0),)]
    assert beside.calls == []
    assert (turned.rotation_deg, turned.calibration, turned.asked) == (-12, None, ("curl",))


@pytest.mark.parametrize("kind", [ValueError, Unfitted])
def test_an_orientation_that_nothing_shows_is_said_to_be_taken_as_none(kind):
    nobody = Asked(kind("Neither tells any."))
    turned = settle_orientation(found(), BEAM, Region(), nobody, nobody)
    assert (turned.rotation_deg, turned.transpose, turned.oriented) == (0, False, False)
    assert turned.orientation_statement == "Neither tells any. Until then it is taken as 0°."
    assert turned.calibration.rotation_deg == 0
    assert turned.asked == ("curl", "sidebands")
    entered = replace(BEAM, auto_orientation=False)
    assert settle_orientation(found(), entered, Region(), nobody, nobody).asked == ()
