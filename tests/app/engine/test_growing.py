"""A scan that is being made, for the engine's stages: as a whole, in part, and when it is over."""

from types import SimpleNamespace

import numpy as np
import pytest

from app.engine.catalogue import Catalogue
from app.engine.engine import Engine
from app.engine.growing import coarser, growing, provisional, quiet
from app.state.request import Geometry, Reading, Region, Treatment
from recon.batch.geometry import Found
from recon.live.growth import Growth
from recon.live.scan import GrowingScan
from tests.support.growing_scans import rows_of
from tests.support.microscopes import came, listening, over
from tests.support.scans import CALIBRATION, weak_events

READING = Reading("live:/1")
GEOMETRY = Geometry(
    energy=CALIBRATION.energy,
    semiangle_cutoff=CALIBRATION.semiangle_cutoff,
    scan_sampling=CALIBRATION.scan_sampling,
    auto_orientation=True,
)


@pytest.fixture(scope="module")
def events():
    return weak_events()


@pytest.fixture
def lab(tmp_path, events):
    live, source = listening(tmp_path)
    engine = Engine(Catalogue(live=live))
    source.begin(events)
    source.rows(events, 0, 8)
    came(live, 8)
    yield engine, live, source
    engine.close()
    live.close()


def test_its_stages_are_those_of_any_scan(lab, events):
    engine, live, source = lab
    scan = engine.scan(READING, Region())
    assert scan.growing
    assert scan.rows.sum() == 8
    np.testing.assert_array_equal(scan.events.pixels, rows_of(events, 0, 8).pixels)
    assert engine.pacbed(scan).sum() == scan.events.electrons
    found = engine.find(scan, GEOMETRY)
    assert found.calibration.rotation_deg == 0
    assert "taken as 0°" in found.orientation_statement
    assert engine.sidebands(scan, found.calibration, 8).rows.sum() == 8
    assert engine.deflection(scan, found.calibration).shape == (2, *events.scan_shape)
    height = events.scan_shape[0]
    source.rows(events, 8, height)
    source.end(events.positions)
    over(live, 1)
    whole = engine.scan(READING, Region())
    assert not whole.growing
    assert whole.growth is None
    np.testing.assert_array_equal(whole.events.pixels, events.pixels)


def test_nothing_of_it_takes_the_room_of_others(lab):
    engine, *_ = lab
    before = engine.store.nbytes
    scan = engine.scan(READING, Region())
    found = engine.find(scan, GEOMETRY)
    engine.deflection(scan, found.calibration)
    assert engine.store.nbytes == before


def test_a_part_of_it_is_looked_at_anew(lab, events):
    engine, *_ = lab
    region = Region(scan=(1, 2, 0, 0), scan_bin=2)
    scan = engine.scan(READING, region)
    # Rows 1 to 7 have come of those in use, and two make one.
    assert scan.rows.tolist() == [True] * 3 + [False] * (len(scan.rows) - 3)
    assert len(scan.rows) == scan.events.scan_shape[0] == (events.scan_shape[0] - 3) // 2
    assert scan.growth is None
    assert engine.pacbed(scan).sum() == scan.events.electrons > 0
    lower = engine.scan(READING, Region(), Treatment(dose_share=0.5, refine=1))
    assert 0 < lower.events.electrons < engine.scan(READING, Region()).events.electrons


def test_fewer_pixels_are_said_to_be_so(events):
    growth = Growth(GrowingScan(events.scan_shape, events.frame_shape))
    scan = growing(None, growth, READING, Region(), Treatment(refine=1), quiet)
    assert coarser(scan, CALIBRATION, 18, False) == ""
    growth._pixels[CALIBRATION, 18, False] = 12
    assert "while the scan grows it is 12" in coarser(scan, CALIBRATION, 18, False)


def test_a_rotation_that_is_to_be_found_is_said_to_be_provisional():
    found = Found((1, 1), 1.0, True, "", 0.0, False, "", (), None)
    said = provisional(found, SimpleNamespace(auto_orientation=True)).orientation_statement
    assert "taken as 0°" in said
    assert provisional(found, SimpleNamespace(auto_orientation=False)) is found
