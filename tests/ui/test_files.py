"""Files that do not say how the scan was made, and files of frames, as a hand meets them."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.support.eer_files import CODES, encode, tiff
from tests.ui.samples import SCAN, lattice_scan

CORNER = (24, 20)
CALIBRATED = "energy=80&angle=25&step=0.6&rotation=0&defocus=40"


@pytest.fixture(scope="module")
def files(scans):
    """A corner of the lattice as Falcon EER, and all of it as frames that are no counts."""
    events, bits = lattice_scan(), CODES[65001]
    corner = np.arange(events.positions).reshape(SCAN)[: CORNER[0], : CORNER[1]]
    every = list(events.frames())
    pages = [
        encode([(int(pixel), 0, 0) for pixel in np.unique(every[place])], 1600, bits)
        for place in corner.flat
    ]
    tiff(scans / "lattice.eer", pages, (40, 40), 65001)
    frames = np.zeros((events.positions, 1600), np.float32)
    for frame, pixels in zip(frames, events.frames(), strict=True):
        np.add.at(frame, pixels, 1)
    frames[0, 0] += 1e-3
    frames = frames.reshape(*SCAN, 40, 40)
    np.save(scans / "frames.npy", frames)
    with h5py.File(scans / "two.h5", "w") as file:
        file["thin"], file["thick"] = frames, frames[::-1]


def shot(page, name):
    """Keep what is seen where LIVESTEM_TEST_SHOTS names a folder."""
    if folder := os.environ.get("LIVESTEM_TEST_SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_a_file_without_a_scan_shape_is_opened_by_one_click(files, open_page):
    it = open_page(f"dataset=lattice.eer&{CALIBRATED}")
    rows, columns = CORNER
    choice = it.page.get_by_role("button", name=f"{rows} × {columns}", exact=True)
    choice.wait_for()
    assert f"{rows * columns} frames" in it.notices()[0]
    assert it.typed("dwell_us").count() == 0 or not it.typed("dwell_us").is_visible()
    shot(it.page, "eer-asks")
    choice.click()
    assert it.exact()["shape"] == list(CORNER)
    assert it.notices() == []
    assert (it.number("scan_rows"), it.number("scan_columns")) == CORNER
    it.until(lambda: f"rows={rows}" in it.page.url and f"columns={columns}" in it.page.url)
    shot(it.page, "eer-opened")


def test_frames_are_reconstructed_like_events(files, open_page):
    expected = open_page(f"dataset=lattice.npz&{CALIBRATED}").exact()
    it = open_page(f"dataset=frames.npy&{CALIBRATED}")
    made = it.exact()
    assert made["shape"] == expected["shape"] == list(SCAN)
    scale = np.abs(expected["values"]).max()
    np.testing.assert_allclose(made["values"], expected["values"], atol=1e-3 * scale)
    assert it.words("facts").endswith("40 × 40 px")
    it.page.get_by_text("frames of 40 × 40 pixels (float32)").wait_for()
    shot(it.page, "frames")


def test_one_of_two_arrays_is_chosen_and_another_after_it(files, open_page):
    it = open_page(f"dataset=two.h5&{CALIBRATED}")
    choice = it.page.get_by_label("Array", exact=True)
    choice.wait_for()
    assert "2 arrays in the HDF5 file are equally large" in it.notices()[0]
    shot(it.page, "arrays-asks")
    choice.select_option("/thin")
    thin = it.exact()
    assert thin["shape"] == list(SCAN)
    it.until(lambda: "array=%2Fthin" in it.page.url or "array=/thin" in it.page.url)
    choice.select_option("/thick")
    it.page.get_by_text("HDF5, array /thick").wait_for()
    shot(it.page, "arrays-chosen")
