"""The session of a file of results is the one that it was made in."""

from dataclasses import asdict

from app.state.experiment import Experiment
from app.state.link import from_query
from app.state.recorded import session_of
from recon.batch.settings import Dpc
from recon.optics import Aberrations
from recon.specimen import Specimen


def test_what_was_used_is_what_the_address_sets():
    aberrations, specimen = Aberrations(C10=-120.5, C34b=4e4), Specimen(52.0, (1.5, -2.0), 30.0)
    dpc = Dpc("direct", 1e-3, 0.1)
    parameters = {
        "calibration": {
            "energy": 200e3,
            "semiangle_cutoff": 21.5,
            "scan_sampling": [0.25, 0.5],
            "rotation_deg": 33.0,
            "transpose": True,
        },
        "aberrations": asdict(aberrations),
        "specimen": asdict(specimen),
        "bright_field_pixels": 24,
        "sideband": "full",
        "band_limit": 0.75,
        "treatment": {"mask_faulty": True},
        "dpc": asdict(dpc),
    }
    experiment = Experiment()
    assert from_query(experiment, session_of(parameters, "x.h5")) == []
    request = experiment.request()
    assert request.reading.dataset == "x.h5"
    geometry = request.geometry
    assert (geometry.energy, geometry.semiangle_cutoff) == (200e3, 21.5)
    assert geometry.scan_sampling == (0.25, 0.5)
    assert (geometry.rotation_deg, geometry.transpose) == (33.0, True)
    assert not geometry.auto_orientation
    assert (request.aberrations, request.specimen) == (aberrations, specimen)
    assert (request.bright_field_pixels, request.sideband, request.band_limit) == (24, "full", 0.75)
    assert request.treatment.mask_faulty
    assert request.dpc == dpc
