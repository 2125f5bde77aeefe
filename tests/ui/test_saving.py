"""Links, saved files, and files that somebody brings, in a browser."""

import re
from base64 import b64encode
from io import BytesIO

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

BAD = "dataset=lattice.npz&view=1_2_1.5_2.5&defocus=20&tiles=900&nonsense=1"
"""A link with a zoom and a defocus, and with what there is not."""


@pytest.fixture
def instrument(share_page):
    """The page of the lattice, exact: each test leaves it as it found it."""
    return share_page()


def test_a_link_restores_the_picture(instrument, open_page):
    instrument.enter("defocus", "37.5")
    left = instrument.page.locator("select[data-name=slot_left]")
    first = left.input_value()
    left.select_option("adf")
    picture = instrument.exact()
    instrument.until(lambda: "defocus=37.5" in instrument.page.url)
    instrument.until(lambda: "left=adf" in instrument.page.url)
    other = open_page(instrument.page.url.partition("?")[2])
    again = other.exact()
    assert other.number() == 37.5
    assert other.page.locator("select[data-name=slot_left]").input_value() == "adf"
    assert again["values"] == picture["values"]
    left.select_option(first)
    instrument.enter("defocus", "0")


def test_a_link_restores_the_zoom(share_page):
    instrument = share_page(BAD)
    picture = instrument.until(lambda: (p := instrument.picture()) and p["shape"][1] < 64 and p)
    assert (picture["start"] + picture["end"]) / 2 == pytest.approx(1.5)
    assert (picture["top"] + picture["bottom"]) / 2 == pytest.approx(2.0)
    assert min(
        picture["end"] - picture["start"], picture["bottom"] - picture["top"]
    ) == pytest.approx(1.125, rel=0.02)


def test_a_bad_link_is_told_and_the_rest_is_taken(share_page):
    instrument = share_page(BAD)
    assert instrument.number() == 20
    assert len(instrument.notices()) == 2


KINDS = ("png", "tiff", "hdf5", "report")
SESSION = re.compile(rb"livestem-session:\?[!-~]*defocus=-3\.5[!-~]*\n")
"""What the page looks for in a file that is dropped."""


def save(instrument, kind):
    """Name and content of a file that the page saves."""
    instrument.page.locator(".saver summary").click()
    with instrument.page.expect_download() as download:
        instrument.page.locator(f".saver button[data-kind={kind}]").click()
    return download.value.suggested_filename, download.value.path().read_bytes()


@pytest.mark.parametrize(
    "dropped", [("png", "hdf5"), pytest.param(("tiff", "report"), marks=pytest.mark.slow)]
)
def test_files_are_saved_and_open_their_session_where_they_are_dropped(instrument, dropped):
    instrument.enter("defocus", "-3.5")
    instrument.until(lambda: "defocus=-3.5" in instrument.page.url)
    instrument.exact()
    files = {kind: save(instrument, kind) for kind in KINDS}
    with Image.open(BytesIO(files["png"][1])) as image:
        assert image.format == "PNG"
        assert image.width > 300
        assert len(image.convert("RGB").getcolors(1 << 20)) > 50
    phase = tifffile.imread(BytesIO(files["tiff"][1]))
    assert (phase.shape, phase.dtype) == ((72, 64), np.float32)
    with h5py.File(BytesIO(files["hdf5"][1])) as file:
        np.testing.assert_array_equal(file["ssb/phase"][()], phase)
    for name, content in files.values():
        assert SESSION.search(content.replace(b"\0", b"")), name

    instrument.enter("defocus", "0")
    instrument.until(lambda: "defocus" not in instrument.page.url)
    drop(instrument.page, "holiday.png", b"\x89PNG no session")
    (sentence,) = instrument.until(instrument.notices)
    assert sentence.startswith("holiday.png remembers no session of livestem")
    for name, content in (files[kind] for kind in dropped):
        drop(instrument.page, name, content)
        instrument.page.wait_for_url("**defocus=-3.5**")
        instrument.exact()
        assert instrument.page.locator("[data-name=defocus]").first.input_value() == "−3.5", name
        instrument.enter("defocus", "5")
        instrument.page.wait_for_url("**defocus=5**")
    instrument.enter("defocus", "0")
    put_away(instrument)


def put_away(instrument):
    """Close each notice that still stands there."""
    while instrument.notices():
        instrument.page.locator(".notice button").first.click()
        instrument.settled()


def drop(page, name, content):
    """Let a file fall onto the page."""
    page.evaluate(
        """([name, content]) => {
          const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0))
          const transfer = new DataTransfer()
          transfer.items.add(new File([bytes], name))
          document.body.dispatchEvent(
            new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true}))
        }""",
        [name, b64encode(content).decode()],
    )


def test_a_broken_file_is_told_and_the_picture_stays(instrument):
    instrument.page.locator("select[data-name=dataset]").select_option("broken.h5")
    (sentence,) = instrument.until(instrument.notices)
    assert "broken" in sentence
    assert "Traceback" not in sentence
    assert instrument.picture()["shape"] == [72, 64]
    before = instrument.picture()["values"]
    instrument.page.locator(".notice button").click()
    instrument.until(lambda: not instrument.notices())
    instrument.enter("defocus", "55")
    instrument.until(lambda: (p := instrument.picture()) and p["values"] != before)
    instrument.exact()
    instrument.enter("defocus", "0")


def test_a_file_from_the_users_computer_is_shown(instrument, scans):
    box = instrument.page.locator("input[type=file]")
    box.set_input_files(scans / "other.h5")
    instrument.until(lambda: "other" in instrument.words("facts"))
    instrument.exact()
    box.set_input_files({"name": "x.h5", "mimeType": "", "buffer": b"nothing"})
    assert instrument.until(instrument.notices)
    assert instrument.picture()["shape"] == [72, 64]
    put_away(instrument)
    instrument.page.locator("select[data-name=dataset]").select_option("lattice.npz")
    instrument.until(lambda: "lattice" in instrument.words("facts"))
