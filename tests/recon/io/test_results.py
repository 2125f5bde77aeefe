"""Results as files: what is written is what other programs read."""

import json
import os
from dataclasses import dataclass

import h5py
import numpy as np
import pytest
import tifffile

from recon.io.results import write_results, write_tiff
from recon.result import Result


@dataclass
class Disc:
    centre: tuple
    radius: float


@pytest.fixture
def results():
    rng = np.random.default_rng(0)
    return {
        "ssb/phase": rng.normal(size=(3, 4)).astype(np.float32),
        "ssb/object": (rng.normal(size=(3, 4)) + 1j).astype(np.complex64),
        "dpc/phase": None,
        "com": rng.normal(size=(2, 3, 4)).astype(np.float32),
        "pacbed": np.arange(20).reshape(4, 5),
        "virtual": {"bf": np.ones((3, 4), np.int64), "adf": np.zeros((3, 4), np.int64)},
    }


def test_datasets_are_the_arrays(tmp_path, results):
    write_results(tmp_path / "out.h5", results, {})
    with h5py.File(tmp_path / "out.h5") as file:
        for name in ("ssb/phase", "ssb/object", "com", "pacbed"):
            assert np.array_equal(file[name][()], results[name])
            assert file[name].dtype == results[name].dtype
        assert np.array_equal(file["virtual/bf"][()], results["virtual"]["bf"])
        assert "dpc" not in file
        assert dict(file["pacbed"].attrs) == {}


def test_a_result_says_its_unit_its_sampling_and_what_it_is(tmp_path):
    values = np.ones((3, 4), np.float32)
    results = {
        "ssb/phase": Result(values, "rad", (0.4, 0.45), title="SSB phase"),
        "pacbed": Result(values, "electrons", (1.5, 1.5), "mrad", "PACBED"),
        "ssb/resolution": {"count": Result(np.arange(3))},
    }
    write_results(tmp_path / "out.h5", results, {})
    with h5py.File(tmp_path / "out.h5") as file:
        phase, pattern = (dict(file[name].attrs) for name in ("ssb/phase", "pacbed"))
        assert dict(file["ssb/resolution/count"].attrs) == {}
        np.testing.assert_array_equal(file["ssb/phase"][()], values)
        assert file["ssb/phase"].dtype == np.float32
    assert phase.pop("sampling").tolist() == [0.4, 0.45]
    assert phase == {"units": "rad", "sampling_units": "Å", "label": "SSB phase"}
    assert pattern.pop("sampling").tolist() == [1.5, 1.5]
    assert pattern == {"units": "electrons", "sampling_units": "mrad", "label": "PACBED"}


def test_parameters_are_json(tmp_path, results):
    parameters = {
        "energy": np.float64(80e3),
        "disc": Disc((1.5, 2.0), np.float32(3)),
        "cut": float("inf"),
        "shape": np.array([3, 4]),
        "mode": "exact",
        "transpose": np.bool_(True),
        "version": "0.1 ü",
        "nothing": None,
    }
    write_results(tmp_path / "out.h5", results, parameters)
    with h5py.File(tmp_path / "out.h5") as file:
        found = json.loads(file.attrs["parameters"])
    assert found == {
        "energy": 80e3,
        "disc": {"centre": [1.5, 2.0], "radius": 3.0},
        "cut": None,
        "shape": [3, 4],
        "mode": "exact",
        "transpose": True,
        "version": "0.1 ü",
        "nothing": None,
    }


def test_more_parameters_than_a_small_attribute_holds(tmp_path):
    write_results(tmp_path / "out.h5", {}, {"list": list(range(50_000))})
    with h5py.File(tmp_path / "out.h5") as file:
        assert json.loads(file.attrs["parameters"])["list"][-1] == 49_999


def test_results_that_cannot_be_stored_leave_the_old_file(tmp_path, results):
    path = tmp_path / "out.h5"
    write_results(path, results, {})
    with pytest.raises(TypeError):
        write_results(path, {"pacbed": np.array([object()])}, {})
    assert os.listdir(tmp_path) == ["out.h5"]
    with h5py.File(path) as file:
        assert "ssb/phase" in file


def test_folder_in_place_of_the_file(tmp_path, results):
    with pytest.raises(OSError, match="was not written: it is a folder"):
        write_results(tmp_path, results, {})


def test_tiff_carries_values_and_pixel_size(tmp_path):
    image = np.random.default_rng(1).normal(size=(5, 7))
    write_tiff(tmp_path / "phase.tif", image, (0.3, 0.25), "SSB phase [rad], 0.3 × 0.25 Å")
    with tifffile.TiffFile(tmp_path / "phase.tif") as file:
        page = file.pages[0]
        assert np.array_equal(page.asarray(), image.astype(np.float32))
        across, down = (page.tags[f"{axis}Resolution"].value for axis in "XY")
        assert across[1] / across[0] == pytest.approx(0.025)  # nm a pixel
        assert down[1] / down[0] == pytest.approx(0.03)
        assert file.imagej_metadata["unit"] == "nm"
        assert file.imagej_metadata["Info"] == "SSB phase [rad], 0.3 × 0.25 Å"
    assert os.listdir(tmp_path) == ["phase.tif"]


@pytest.mark.parametrize(
    ("image", "sampling", "match"),
    [
        (np.ones((2, 2), complex), (1, 1), "real image"),
        (np.ones((2, 2, 2)), (1, 1), r"shape \(2, 2, 2\)"),
        (np.ones((2, 2)), (0, 1), "scan step must be positive"),
        (np.ones((2, 2)), (1, np.nan), "scan step must be positive"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path, image, sampling, match):
    with pytest.raises(ValueError, match=match):
        write_tiff(tmp_path / "phase.tif", image, sampling)
    assert os.listdir(tmp_path) == []
