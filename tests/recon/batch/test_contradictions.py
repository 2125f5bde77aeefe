"""Values in use that are not the file's."""

from recon.batch.contradictions import contradictions
from recon.batch.settings import Geometry


def test_what_contradicts_the_file_is_said_with_both_numbers():
    metadata = {"energy": 200e3, "scan_sampling": (0.5, 0.25), "rotation_deg": 10.0}
    agrees = Geometry(200.5e3, 20.0, (0.5, 0.25), False, 10.2)
    assert contradictions(agrees, metadata) == []
    assert contradictions(Geometry(), metadata | {"rotation_deg": 0.0}) == []
    # A full turn more is the same rotation.
    assert contradictions(Geometry(rotation_deg=-170.2), {"rotation_deg": 190.0}) == []
    assert contradictions(Geometry(300e3, None, (0.5, 0.5), False, 30.0), metadata) == [
        "The beam energy is 300 keV, but the file says 200 keV.",
        "The scan step along x is 0.5 Å, but the file says 0.25 Å.",
        "The scan rotation is 30 °, but the file says 10 °.",
    ]
