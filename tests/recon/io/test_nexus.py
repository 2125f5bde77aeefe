"""Images that other programs find: the rules of NXdata and EMD, and RosettaSciIO's readers."""

import h5py
import numpy as np
import pytest
import rsciio.emd
import rsciio.nexus

from recon.io.results import write_results
from recon.result import Result


@pytest.fixture
def written(tmp_path):
    rng = np.random.default_rng(0)
    results = {
        "ssb/phase": Result(rng.normal(size=(3, 4)).astype(np.float32), "rad", (0.4, 0.45)),
        "com": Result(rng.normal(size=(2, 3, 4)), "mrad", (0.4, 0.45), title="Centre of mass"),
        "pacbed": Result(
            np.arange(30).reshape(5, 6), "electrons", (1.5, 1.5), "mrad", "P", (-3, -4.5)
        ),
        "ssb/resolution": {"count": Result(np.arange(3))},
        "plain": np.ones((2, 2)),
    }
    write_results(tmp_path / "out.h5", results, {})
    return tmp_path / "out.h5", results


def test_an_image_has_the_values_and_axes(written):
    path, results = written
    with h5py.File(path) as file:
        assert set(file["images"]) == {"ssb_phase", "com", "pacbed"}
        phase = file["images/ssb_phase"]
        names = []
        file.visit(names.append)
        assert {"ssb/phase", "com", "pacbed", "images/com/datacube"} <= set(names)
        np.testing.assert_array_equal(phase["datacube"][()], results["ssb/phase"].values)
        assert phase["datacube"].attrs["units"] == "rad"
        attributes = dict(phase.attrs)
        assert attributes["NX_class"] == "NXdata"
        assert attributes["emd_group_type"] == 1
        assert phase[attributes["signal"]].shape == (3, 4)
        assert list(attributes["axes"]) == ["y", "x"]
        np.testing.assert_allclose(phase["y"], [0, 0.4, 0.8])
        np.testing.assert_allclose(phase["x"], [0, 0.45, 0.9, 1.35])
        for number, axis in enumerate("yx", 1):
            assert phase[f"dim{number}"] == phase[axis]
            assert dict(phase[axis].attrs) == {"name": axis, "units": "Å"}


def test_more_axes_come_first_and_the_detector_begins_at_its_origin(written):
    with h5py.File(written[0]) as file:
        assert list(file["images/com"].attrs["axes"]) == ["component", "y", "x"]
        assert file["images/com/dim1"].shape == (2,)
        assert file["images/com/dim3"] == file["images/com/x"]
        pattern = file["images/pacbed"]
        np.testing.assert_allclose(pattern["y"], [-3, -1.5, 0, 1.5, 3])
        np.testing.assert_allclose(pattern["x"], -4.5 + 1.5 * np.arange(6))
        assert pattern["x"].attrs["units"] == "mrad"


@pytest.mark.parametrize(
    ("read", "how"),
    [
        (rsciio.nexus, {"nxdata_only": True}),
        (rsciio.nexus, {"use_default": True}),
        (rsciio.emd, {}),
    ],
)
def test_rosettasciio_opens_them_calibrated(written, read, how):
    path, results = written
    found = {s["metadata"]["General"]["title"]: s for s in read.file_reader(str(path), **how)}
    signal = found["ssb_phase"]
    np.testing.assert_array_equal(signal["data"], results["ssb/phase"].values)
    y, x = sorted(signal["axes"], key=lambda axis: axis["index_in_array"])
    assert (y["name"], x["name"]) == ("y", "x")
    assert (y["scale"], x["scale"]) == pytest.approx((0.4, 0.45))
    assert (y["offset"], x["offset"]) == (0, 0)
    assert (y["units"], x["units"]) == ("Å", "Å")
    assert not (y["navigate"])
    assert not (x["navigate"])
    if len(found) > 1:
        pattern = found["pacbed"]["axes"]
        assert {axis["offset"] for axis in pattern} == {-3, -4.5}
        assert {axis["units"] for axis in pattern} == {"mrad"}
        assert found["com"]["data"].shape == (2, 3, 4)
