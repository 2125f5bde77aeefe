"""What the specimen card says."""

from app.features.specimen import ENDS, THIN, said
from app.state.experiment import Experiment


def told(**values):
    experiment = Experiment()
    experiment.scan.param.update(energy_kev=200, semiangle_mrad=20)
    experiment.specimen.param.update(**values)
    return said(experiment.specimen, experiment.request())


def test_a_thin_specimen_is_called_so_and_a_tilt_without_thickness_is_idle():
    assert told() == THIN
    assert told(tilt_y=3).endswith("The tilt needs a thickness.")


def test_size_and_azimuth_of_the_tilt_the_depth_of_focus_and_where_theory_ends():
    lines = told(thickness_nm=12.54, tilt_y=3, tilt_x=4).splitlines()
    assert lines[0] == "Tilt 5 mrad at 37° (y down)."
    # 0.02508 Å / (20 mrad)² is 6.27 nm.
    assert lines[1] == "Depth of focus λ/α² 6.27 nm; the specimen is 2 × it."
    assert lines[2] == ENDS
    assert "its depth hardly shows" in told(thickness_nm=1)
