"""Which axes are the scan's, and its step: by what a file says, not by how it is stored."""

import json

import h5py
import numpy as np
import pytest

from recon.errors import ScanUnknown, UnreadableFile
from recon.io import open_frames
from recon.io.dense.axes import Axis, is_angular, scan_first, step, told
from tests.support.dm_files import image, write_dm

SCAN = np.arange(2 * 3 * 5 * 7, dtype="<u2").reshape(2, 3, 5, 7)
"""(y, x, ky, kx)."""
UNITS = {"y": (0.03, "nm"), "x": (0.2, "Å"), "ky": (2.0, "mrad"), "kx": (1.0, "mrad")}
"""Of each axis: 0.3 Å along y, 0.2 Å along x."""
ORDERS = ["y x ky kx", "ky kx y x", "kx ky x y", "x y kx ky", "ky y kx x"]
BY_NAME = ["y", "x", "ky", "kx"]


def whole(frames):
    return frames.read(0, frames.positions).reshape(*frames.scan_shape, *frames.frame_shape)


def hspy(folder, names, units=UNITS, called=True):
    with h5py.File(folder / "scan.hspy", "w") as file:
        group = file.create_group("Experiments/scan")
        group["data"] = SCAN.transpose([BY_NAME.index(n) for n in names])
        for number, name in enumerate(names):
            scale, unit = units[name]
            axis = group.create_group(f"axis-{number}")
            axis.attrs.update({"name": name if called else "", "scale": scale, "units": unit})
    return folder / "scan.hspy"


def zspy(folder, names, units=UNITS, called=True):
    zarr = pytest.importorskip("zarr")
    root = zarr.open_group(folder / "scan.zspy", mode="w", zarr_format=2)
    group = root.create_group("Experiments").create_group("scan")
    data = SCAN.transpose([BY_NAME.index(n) for n in names])
    group.create_array("data", data=np.ascontiguousarray(data), chunks=(1, 2, 3, 2))
    for number, name in enumerate(names):
        scale, unit = units[name]
        told = {"name": name if called else "", "scale": scale, "units": unit}
        group.create_group(f"axis-{number}").attrs.update(told)
    return folder / "scan.zspy"


def emd(folder, names, units=UNITS, called=True):
    """As HyperSpy writes NCEM's EMD."""
    with h5py.File(folder / "scan.emd", "w") as file:
        group = file.create_group("signals/scan")
        group.attrs["emd_group_type"] = 1
        group["data"] = SCAN.transpose([BY_NAME.index(n) for n in names])
        for number, name in enumerate(names):
            scale, unit = units[name]
            size = SCAN.shape[BY_NAME.index(name)]
            dim = group.create_dataset(f"dim{number + 1}", data=np.arange(size) * scale)
            dim.attrs["name"] = name if called else ""
            dim.attrs["units"] = "[" + "_".join(unit) + "]"
    return folder / "scan.emd"


def dm4(folder, names, units=UNITS, called=True):
    data = np.ascontiguousarray(SCAN.transpose([BY_NAME.index(n) for n in names]))
    scales, units = zip(*(units[n] for n in names), strict=True)
    return write_dm(folder / "scan.dm4", image(data, scales, units))


@pytest.mark.parametrize("write", [hspy, zspy, emd])
@pytest.mark.parametrize("order", ORDERS)
def test_units_and_names_tell_the_axes_in_any_order(write, order, tmp_path):
    frames = open_frames(write(tmp_path, order.split()))
    np.testing.assert_array_equal(whole(frames), SCAN)
    assert frames.metadata["scan_sampling"] == pytest.approx((0.3, 0.2))
    assert frames.source.notes == ()


@pytest.mark.parametrize("write", [hspy, zspy, emd, dm4])
@pytest.mark.parametrize("order", ORDERS[:2])
def test_units_alone_tell_which_axes_are_the_scans(write, order, tmp_path):
    frames = open_frames(write(tmp_path, order.split(), called=False))
    np.testing.assert_array_equal(whole(frames), SCAN)
    assert frames.metadata["scan_sampling"] == pytest.approx((0.3, 0.2))


@pytest.mark.parametrize("write", [hspy, zspy, emd])
def test_names_alone_tell_which_axes_are_the_scans(write, tmp_path):
    bare = dict.fromkeys(UNITS, (1.0, ""))
    frames = open_frames(write(tmp_path, ["ky", "kx", "y", "x"], bare))
    np.testing.assert_array_equal(whole(frames), SCAN)
    # A scale of 1 without a unit is a placeholder.
    assert "scan_sampling" not in frames.metadata


@pytest.mark.parametrize("write", [hspy, zspy, emd])
def test_a_scale_of_1_on_all_axes_is_a_default_and_no_step(write, tmp_path):
    frames = open_frames(write(tmp_path, BY_NAME, {n: (1.0, u) for n, (_, u) in UNITS.items()}))
    assert "scan_sampling" not in frames.metadata
    assert "scale of 1" in frames.source.notes[0]
    one = dict.fromkeys("yx", (1.0, "nm"))
    (tmp_path / "b").mkdir()
    frames = open_frames(write(tmp_path / "b", BY_NAME, UNITS | one))
    assert frames.metadata["scan_sampling"] == (10.0, 10.0)


@pytest.mark.parametrize("write", [hspy, zspy, emd, dm4])
def test_a_negative_scale_is_a_step_and_a_doubt(write, tmp_path):
    path = write(tmp_path, BY_NAME, UNITS | {"y": (-0.03, "nm")})
    frames = open_frames(path)
    assert frames.metadata["scan_sampling"] == pytest.approx((0.3, 0.2))
    assert "counts y of the scan downwards" in frames.source.notes[0]
    np.testing.assert_array_equal(whole(frames), SCAN)


@pytest.mark.parametrize("order", ORDERS[:2])
def test_a_dm_file_that_does_not_say_is_asked(order, tmp_path):
    path = dm4(tmp_path, order.split(), dict.fromkeys(UNITS, (1.0, "")))
    with pytest.raises(UnreadableFile, match="does not say which of its axes are the scan's") as no:
        open_frames(path)
    assert isinstance(no.value.__cause__, ScanUnknown)
    assert set(no.value.__cause__.shapes) == {(2, 3), (5, 7)}
    frames = open_frames(path, scan_shape=(2, 3))
    np.testing.assert_array_equal(whole(frames), SCAN)


def test_an_array_without_axes_is_taken_as_it_is_stored_or_as_it_is_asked_for(tmp_path):
    np.save(tmp_path / "scan.npy", SCAN)
    assert open_frames(tmp_path / "scan.npy").scan_shape == (2, 3)
    np.save(tmp_path / "last.npy", SCAN.transpose(2, 3, 0, 1))
    frames = open_frames(tmp_path / "last.npy", scan_shape=(2, 3))
    np.testing.assert_array_equal(whole(frames), SCAN)


@pytest.mark.parametrize(("swapped", "order"), [(1, ORDERS[0]), (0, ORDERS[1])])
def test_gms_says_in_a_tag_whether_patterns_are_stored_one_by_one(swapped, order, tmp_path):
    data = np.ascontiguousarray(SCAN.transpose([BY_NAME.index(n) for n in order.split()]))
    tags = image(data, (1.0,) * 4, "", **{"Meta Data": {"Data Order Swapped": swapped}})
    np.testing.assert_array_equal(whole(open_frames(write_dm(tmp_path / "a.dm4", tags))), SCAN)


SHAPE_TAGS = [
    {"4D STEM Tags": {"Scan shape X": 3, "Scan shape Y": 2}},
    {"Parent": {"4D STEM Tags": {"Scan shape X": 3, "Scan shape Y": 2}}},
    {"scan": {"scan_size": {"#0": 2, "#1": 3}}},
    {"SI": {"Acquisition": {"Spatial Sampling": {"Height (pixels)": 2, "Width (pixels)": 3}}}},
]


@pytest.mark.parametrize("tags", SHAPE_TAGS, ids=["TitanX", "binned", "Nion", "GMS"])
def test_titanx_nion_and_gms_say_the_scan_shape_in_tags(tags, tmp_path):
    stack = image(SCAN.reshape(6, 5, 7), (1.0,) * 3, "", **tags)
    frames = open_frames(write_dm(tmp_path / "stack.dm4", stack))
    np.testing.assert_array_equal(whole(frames), SCAN)
    assert bool(frames.source.notes) == ("TitanX" in str(frames.source.notes))
    last = image(np.ascontiguousarray(SCAN.transpose(2, 3, 0, 1)), (1.0,) * 4, "", **tags)
    np.testing.assert_array_equal(whole(open_frames(write_dm(tmp_path / "b.dm4", last))), SCAN)
    stopped = image(SCAN.reshape(6, 5, 7)[:5], (1.0,) * 3, "", **tags)
    frames = open_frames(write_dm(tmp_path / "stopped.dm4", stopped))
    np.testing.assert_array_equal(whole(frames), SCAN[:1])
    assert "a tag of it speaks of 2 × 3 positions (6): 1 whole row is" in frames.source.notes[0]


@pytest.mark.parametrize(
    ("unit", "length"),
    [
        *[("nm", 10), ("[n_m]", 10), ("pm", 0.01), ("µm", 1e4), ("\u03bcm", 1e4), ("m", 1e10)],
        *[("Å", 1), ("\u212b", 1), ("A", 1), ("angstroms", 1), ("micron", 1e4)],
    ],
)
def test_units_of_length_in_all_their_spellings(unit, length):
    value, origin = step(2, 3, unit, "here")["scan_sampling"]
    assert (value, origin) == (pytest.approx((2 * length, 3 * length)), "here")
    assert not is_angular(unit)


@pytest.mark.parametrize("unit", ["", None, "px", "pixels", "<undefined>", "1/nm", "1/s", "mrad"])
def test_what_is_no_length_is_no_step(unit):
    assert step(1, 1, unit, "here") == {}


@pytest.mark.parametrize(
    "unit",
    ["mrad", "[m_r_a_d]", "rad", "µrad", "1/nm", "1/Å", "nm^-1", "A^-1", "Å⁻¹", "[n_m^-1]", "deg"],
)
def test_units_of_a_pattern_in_all_their_spellings(unit):
    assert is_angular(unit)
    axes = [Axis(unit=unit)] * 2 + [Axis(unit="nm")] * 2
    assert scan_first(axes, (5, 7, 2, 3)) == ((2, 3, 0, 1), ())


@pytest.mark.parametrize(
    ("units", "order"),
    [
        (("mrad", "mrad", "nm"), (2, 0, 1)),
        (("mrad", "mrad", "s"), (2, 0, 1)),
        (("", "mrad", "mrad"), (0, 1, 2)),
        (("", "", "nm"), None),
        (("nm", "", "nm", ""), None),
        (("nm", "nm", "", ""), (0, 1, 2, 3)),
        (("mrad", "mrad", "", ""), (2, 3, 0, 1)),
        (("", "", "nm", "nm"), None),  # a pattern calibrated as an image?
        (("nm", "1/nm", "nm", "1/nm"), (0, 2, 1, 3)),
        (("nm", "nm", "nm", "nm"), None),
    ],
)
def test_two_units_of_one_kind_side_by_side_tell_the_axes_and_a_stray_one_does_not(units, order):
    assert told([Axis(unit=unit) for unit in units], len(units)) == order


def test_a_dm_file_whose_axes_nothing_tells_apart_is_doubted(tmp_path):
    square = np.arange(3**4, dtype="<u2").reshape(3, 3, 3, 3)
    frames = open_frames(write_dm(tmp_path / "a.dm4", image(square, (1.0,) * 4, "")))
    np.testing.assert_array_equal(whole(frames), square)
    assert "which axes are the scan's" in frames.source.notes[0]


def test_positions_that_are_not_evenly_spaced_give_no_step(tmp_path):
    path = emd(tmp_path, BY_NAME)
    with h5py.File(path, "a") as file:
        file["signals/scan/dim2"][...] = [0, 0.2, 0.7]
    assert "scan_sampling" not in open_frames(path).metadata


@pytest.mark.parametrize("values", [(0, 1), (np.nan, 1), (np.inf, 1), ("a", 1), (None, 1)])
def test_a_step_is_a_finite_length_along_both_axes(values):
    assert step(*values, "nm", "here") == {}


@pytest.mark.parametrize("within", [True, False])
def test_nion_swift_says_axes_and_energy_as_json(within, tmp_path):
    calibrations = [{"scale": s, "units": u, "offset": -1} for s, u in UNITS.values()]
    said = {"dimensional_calibrations": calibrations, "collection_dimension_count": 2}
    said |= {"datum_dimension_count": 2, "metadata": {"instrument": {"high_tension": 6e4}}}
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["data"] = SCAN
        text = json.dumps({"data_sources": [said]} if within else said)
        file["data"].attrs["properties"] = text
    frames = open_frames(tmp_path / "scan.h5")
    np.testing.assert_array_equal(whole(frames), SCAN)
    assert frames.metadata["scan_sampling"] == pytest.approx((0.3, 0.2))
    assert frames.metadata["energy"] == 60e3


@pytest.mark.parametrize("text", ["", "[1", "[]", "3", '{"data_sources": []}', "{}"])
def test_properties_that_are_none_of_nions_say_nothing(text, tmp_path):
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["data"] = SCAN
        file["data"].attrs["properties"] = text
    frames = open_frames(tmp_path / "scan.h5")
    assert (frames.scan_shape, frames.metadata) == ((2, 3), {})


def test_labels_of_dimensions_tell_the_axes(tmp_path):
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["data"] = SCAN.transpose(2, 3, 0, 1)
        for dimension, label in zip(file["data"].dims, ("ky", "kx", "y", "x"), strict=True):
            dimension.label = label
    np.testing.assert_array_equal(whole(open_frames(tmp_path / "scan.h5")), SCAN)
    zarr = pytest.importorskip("zarr")
    data, names = np.ascontiguousarray(SCAN.transpose(2, 3, 0, 1)), ("ky", "kx", "y", "x")
    zarr.create_array(tmp_path / "scan.zarr", data=data, zarr_format=3, dimension_names=names)
    np.testing.assert_array_equal(whole(open_frames(tmp_path / "scan.zarr")), SCAN)
    older = zarr.create_array(tmp_path / "older.zarr", data=data, zarr_format=2)
    older.attrs["_ARRAY_DIMENSIONS"] = names
    np.testing.assert_array_equal(whole(open_frames(tmp_path / "older.zarr")), SCAN)


def test_abtems_axes_are_told_by_its_metadata(tmp_path):
    """It stores (x, y, kx, ky)."""
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(tmp_path / "scan.zarr", mode="w", zarr_format=3)
    group.create_array("array0", data=np.ascontiguousarray(SCAN.transpose(1, 0, 3, 2)))
    told = (("x", 0.2, "Å"), ("y", 0.3, "Å"), ("kx", 0.05, "1/Å"), ("ky", 0.04, "1/Å"))
    axes = {
        f"axis_{number}": {"label": label, "sampling": sampling, "units": units}
        for number, (label, sampling, units) in enumerate(told)
    }
    known = {"energy": 80e3, "semiangle_cutoff": 21.4}
    group.attrs["metadata0"] = known | {"axes": axes}
    frames = open_frames(tmp_path / "scan.zarr")
    np.testing.assert_array_equal(whole(frames), SCAN)
    assert frames.metadata["scan_sampling"] == pytest.approx((0.3, 0.2))
    assert {name: frames.metadata[name] for name in known} == known


@pytest.mark.parametrize("coordinates", [True, False])
def test_the_dimensions_of_netcdf_tell_axes_and_step(coordinates, tmp_path):
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        data = file.create_dataset("scan", data=SCAN.transpose(2, 3, 0, 1))
        told = (("ky", 2.0, "mrad"), ("kx", 2.0, "mrad"), ("y", 0.03, "nm"), ("x", 20.0, "pm"))
        for number, (name, scale, unit) in enumerate(told):
            places = np.arange(data.shape[number]) * (scale if coordinates else 0)
            axis = file.create_dataset(name, data=places)
            axis.make_scale(name)
            if coordinates:
                axis.attrs["units"] = unit
            data.dims[number].attach_scale(axis)
    frames = open_frames(tmp_path / "scan.h5")
    np.testing.assert_array_equal(whole(frames), SCAN)
    step = frames.metadata.get("scan_sampling")
    assert step == (pytest.approx((0.3, 0.2)) if coordinates else None)


def py4dstem(path, **calibration):
    with h5py.File(path, "w") as file:
        cube = file.create_group("root/datacube")
        cube.attrs["emd_group_type"] = "array"
        cube["data"] = SCAN
        names = [("Rx", "nm"), ("Ry", "nm"), ("Qx", "mrad"), ("Qy", "mrad")]
        for number, (name, unit) in enumerate(names):
            cube[f"dim{number}"] = np.array([0, 0.1])
            cube[f"dim{number}"].attrs.update({"name": name, "units": unit})
        group = file.create_group("root/metadatabundle/calibration")
        for name, value in calibration.items():
            group[name] = value
    return path


def test_py4dstems_x_is_the_row_and_stays_so(tmp_path):
    frames = open_frames(py4dstem(tmp_path / "scan.h5"))
    np.testing.assert_array_equal(whole(frames), SCAN)
    assert "rotation_deg" not in frames.metadata


@pytest.mark.parametrize(
    ("unit", "step"), [("A", (0.4, 0.4)), ("nm", (4.0, 4.0)), ("pixels", None)]
)
def test_py4dstems_step_is_that_of_its_calibration_where_it_is_a_length(unit, step, tmp_path):
    path = py4dstem(tmp_path / "scan.h5", R_pixel_size=0.4, R_pixel_units=unit)
    found = open_frames(path).metadata["scan_sampling"]
    # Else that of its axes.
    assert found == pytest.approx(step or (1.0, 1.0))


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("degrees", [-130.0, 20.0])
def test_py4dstems_rotation_and_flip_are_ours(flip, degrees, tmp_path):
    path = py4dstem(tmp_path / "scan.h5", QR_rotation=np.radians(degrees), QR_flip=flip)
    notes = open_frames(path).metadata
    assert notes["rotation_deg"] == pytest.approx(degrees)
    assert notes["transpose"] is flip
    # Theirs, with x the row: the scan's vector from the detector's, exchanged first.
    phi, (row, column) = np.radians(degrees), (0.3, -0.8)
    rotation = np.array([[np.cos(phi), -np.sin(phi)], [np.sin(phi), np.cos(phi)]])
    scan = rotation @ ([column, row] if flip else [row, column])
    # Ours, with x the column: K_det = S R(theta) K_scan.
    theta = np.radians(notes["rotation_deg"])
    ours = np.array([[np.cos(theta), -np.sin(theta)], [np.sin(theta), np.cos(theta)]]) @ scan[::-1]
    np.testing.assert_allclose(ours[::-1] if notes["transpose"] else ours, [column, row])


@pytest.mark.parametrize(
    ("calibration", "mrad"),
    [
        ({"convergence_semiangle_mrad": 21.4}, 21.4),
        ({"probe_semiangle": 10.0, "Q_pixel_size": 2.0, "Q_pixel_units": "mrad"}, 20.0),
        ({"probe_semiangle": 10.0, "Q_pixel_size": 2.0, "Q_pixel_units": "pixels"}, None),
    ],
)
def test_py4dstems_semiangle_is_read_where_it_is_one(calibration, mrad, tmp_path):
    notes = open_frames(py4dstem(tmp_path / "scan.h5", **calibration)).metadata
    assert notes.get("semiangle_cutoff") == (None if mrad is None else pytest.approx(mrad))
