"""Small files of each format of dense frames, written from the format."""

import h5py
import numpy as np
import pytest

from recon.io.dense import blo

SHAPE = (2, 3, 5, 7)
"""Asymmetric along every axis: no exchange of axes goes unnoticed."""


DATA = np.arange(np.prod(SHAPE)).reshape(SHAPE)


def npy(folder, data):
    np.save(folder / "scan.npy", data)
    return folder / "scan.npy"


def hdf5(folder, data):
    with h5py.File(folder / "scan.h5", "w") as file:
        file["some/where/frames"] = data
        file["some/small"] = np.zeros((2, 2, 2))
    return folder / "scan.h5"


def hdf5_compressed(folder, data):
    plugin = pytest.importorskip("hdf5plugin")
    with h5py.File(folder / "scan.h5", "w") as file:
        file.create_dataset("frames", data=data, chunks=(1, 2, 5, 7), **plugin.Bitshuffle())
    return folder / "scan.h5"


def hspy(folder, data):
    with h5py.File(folder / "scan.hspy", "w") as file:
        group = file.create_group("Experiments/scan")
        group["data"] = data
        for number, (scale, units) in enumerate(
            [(0.2, "nm"), (0.1, "nm"), (1, "mrad"), (2, "mrad")]
        ):
            axis = group.create_group(f"axis-{number}")
            axis.attrs.update({"scale": scale, "units": units, "size": data.shape[number]})
        instrument = group.create_group("metadata/Acquisition_instrument/TEM")
        instrument.attrs.update({"beam_energy": 200.0, "convergence_angle": 21.4})
        instrument.attrs["camera_length"] = 115.0
    return folder / "scan.hspy"


def emd(folder, data):
    with h5py.File(folder / "scan.emd", "w") as file:
        group = file.create_group("root/datacube")
        group.attrs["emd_group_type"] = "array"
        group["data"] = data
        for number, (step, units) in enumerate(
            [(0.2, "nm"), (0.1, "nm"), (1, "A^-1"), (2, "A^-1")]
        ):
            group[f"dim{number}"] = np.array([0, step])
            group[f"dim{number}"].attrs["units"] = units
    return folder / "scan.emd"


def zspy(folder, data):
    zarr = pytest.importorskip("zarr")
    root = zarr.open_group(folder / "scan.zspy", mode="w", zarr_format=2)
    group = root.create_group("Experiments").create_group("scan")
    group.create_array("data", data=data, chunks=(1, 2, 5, 7))
    for number, (scale, units) in enumerate([(0.2, "nm"), (0.1, "nm"), (1, "mrad"), (2, "mrad")]):
        group.create_group(f"axis-{number}").attrs.update({"scale": scale, "units": units})
    notes = {"beam_energy": 200.0, "convergence_angle": 21.4, "camera_length": 115.0}
    group.create_group("metadata/Acquisition_instrument/TEM").attrs.update(notes)
    return folder / "scan.zspy"


def zarr_zip(folder, data):
    zarr = pytest.importorskip("zarr")
    store = zarr.storage.ZipStore(folder / "scan.zip", mode="w")
    zarr.create_array(store, data=data, zarr_format=2)
    store.close()
    return folder / "scan.zip"


def tvips(folder, data):
    pytest.importorskip("rsciio.tvips")
    header = np.zeros(64, "<u4")
    header[:13] = [256, 2, 7, 5, 16, 0, 0, 1, 1, 15500, 200, 100, 60]
    path = folder / "scan_000.tvips"
    with open(path, "wb") as file:
        file.write(header.tobytes())
        for frame in data.reshape(-1, *data.shape[2:]).astype("<u2"):
            file.write(bytes(60) + frame.tobytes())
    return path


def mrc(folder, data):
    pytest.importorskip("rsciio.mrc")
    header = np.zeros(256, "<u4")
    header[:4] = [7, 5, 6, 6]  # columns, rows, sections, unsigned 16 bit
    header[52] = int.from_bytes(b"MAP ", "little")
    header[53] = 0x00004144
    path = folder / "scan.mrc"
    path.write_bytes(header.tobytes() + data.astype("<u2").tobytes())
    return path


def blo_file(folder, data):
    header = np.zeros(1, blo.HEADER)
    header["id"], header["magic"], header["data"] = b"IMGBLO", blo.MAGIC, 200
    header["size"], header["nx"], header["ny"] = 5, 3, 2
    header["sx"], header["sy"] = 0.1, 0.2
    header["energy"], header["length"] = 200_000, 1150
    path = folder / "scan.blo"
    with open(path, "wb") as file:
        file.write(header.tobytes().ljust(200, b"\0"))
        for number, frame in enumerate(data.reshape(6, 5, 5)):
            file.write(b"\xaa\x55" + number.to_bytes(4, "little") + frame.tobytes())
    return path


EMPAD_XML = """<root><pix_x>3</pix_x><pix_y>2</pix_y><raw_file filename="{name}"/>
<exposure_time>2</exposure_time><iom_measurements><source.get_voltage>300000.0</source.get_voltage>
<optics.get_cameralength>0.72</optics.get_cameralength>
<optics.get_full_scan_field_of_view>[4e-9, 3e-9]</optics.get_full_scan_field_of_view>
</iom_measurements></root>"""


def empad_file(folder, name="raw.raw"):
    data = np.random.default_rng(0).normal(size=(6, 130, 128)).astype("<f4")
    data.tofile(folder / "raw.raw")
    (folder / "scan.xml").write_text(EMPAD_XML.format(name=name))
    return data[:, :128].reshape(2, 3, 128, 128)


def dectris_file(folder, data, link="scan_data_000001.h5"):
    for number, part in enumerate(np.split(data.reshape(-1, *data.shape[2:]), [4]), 1):
        with h5py.File(folder / f"scan_data_{number:06}.h5", "w") as file:
            file["entry/data/data"] = part
    with h5py.File(folder / "scan_master.h5", "w") as file:
        file["entry/instrument/detector/frame_time"] = 1e-4
        group = file.create_group("entry/data")
        group["data_000001"] = h5py.ExternalLink(link, "/entry/data/data")
        group["data_000002"] = h5py.ExternalLink("scan_data_000002.h5", "/entry/data/data")
    with h5py.File(folder / "scan.h5", "w") as file:
        notes = {"High Tension": [3e5], "NumPixelsX": 3, "NumPixelsY": 2, "Pixel Size": [0.1]}
        file.create_group("STEM Metadata").attrs.update(notes | {"IsPixelSizeCalibrated": [1]})
    return folder / "scan_master.h5"
