"""A scan that is not well: found, and set right by hand, in a browser."""

from dataclasses import replace

import numpy as np
import pytest

from recon.io import open_events, write_events
from recon.scan.events import from_frames

pytest.importorskip("playwright.sync_api")

HOT = ((15, 12), (25, 30), (6, 7))
STEP = 0.6

FIGURE_AT = """([name, x, y]) => {
  for (const view of Bokeh.index.all_views()) {
    if (view.model.name !== name || !view.frame) continue
    const box = view.el.getBoundingClientRect()
    return [box.left + view.frame.x_scale.compute(x), box.top + view.frame.y_scale.compute(y)]
  }
}"""


@pytest.fixture(scope="module")
def faulty(scans):
    """The same lattice with hot pixels, and with wrong steps in its file."""
    events = open_events(scans / "lattice.npz")
    rng = np.random.default_rng(0)
    width = events.frame_shape[1]
    places = np.array([y * width + x for y, x in HOT], np.uint32)
    frames = [
        np.append(frame, np.repeat(places, rng.poisson(60, len(HOT))))
        for frame in np.split(events.pixels, events.offsets[1:-1])
    ]
    hot = from_frames(frames, events.scan_shape, events.frame_shape, metadata=events.metadata)
    write_events(scans / "hot.npz", hot)
    wrong = replace(events, metadata={**events.metadata, "scan_sampling": (0.75, 0.5)})
    write_events(scans / "wrong.npz", wrong)
    return scans


def likeness(a, b):
    return np.corrcoef(a["values"], b["values"])[0, 1]


def whole(instrument, name):
    """A picture of the scan or of the detector, drawn pixel by pixel."""
    shapes = [72, 64], [40, 40]
    return instrument.until(lambda: (p := instrument.picture(name)) and p["shape"] in shapes and p)


def test_hot_pixels_are_found_and_left_out_at_a_click(open_page, faulty):
    clean = open_page("dataset=lattice.npz&defocus=40&left=divergence")
    phase = clean.exact()
    wanted = {name: whole(clean, name) for name in ("slot_right pattern", "slot_left image")}
    instrument = open_page("dataset=hot.npz&defocus=40&left=divergence")
    instrument.exact()
    instrument.until(lambda: any("3 detector pixels are hot" in n for n in instrument.notices()))
    before = whole(instrument, "slot_left image")
    assert likeness(before, wanted["slot_left image"]) < 0.9
    page = instrument.page
    page.get_by_role("button", name="Check the scan").click()
    card = page.locator(".card[data-key='hot pixels']")
    card.wait_for()
    assert "spoils results" in card.inner_text()
    # The worst comes first; the offer is answered by the sheet.
    assert page.locator(".sheet .card").first.get_attribute("data-key") == "hot pixels"
    instrument.until(lambda: instrument.notices() == [])
    box = page.locator("section.sheet").bounding_box()
    assert box["width"] > 900
    assert box["height"] > 500
    card.get_by_role("button", name="Leave out faulty pixels").click()
    card.get_by_role("button", name="Use all pixels again").wait_for()
    page.keyboard.press("Escape")
    instrument.until(lambda: not page.locator("section.sheet").is_visible())
    instrument.until(lambda: "mask_faulty=1" in page.url)
    after = instrument.until(
        lambda: (
            likeness(p := instrument.picture("slot_left image"), wanted["slot_left image"]) > 0.98
            and p
        )
    )
    assert after["shape"] == wanted["slot_left image"]["shape"]
    assert likeness(instrument.exact(), phase) > 0.99
    # The pattern is the clean one, apart from the pixels that are left out.
    pattern, clean_pattern = (
        np.reshape(p["values"], p["shape"]).astype(int)
        for p in (whole(instrument, "slot_right pattern"), wanted["slot_right pattern"])
    )
    kept = np.ones(pattern.shape, bool)
    for y, x in HOT:
        kept[y, x] = False
        assert pattern[y, x] == 0
    assert np.abs(pattern - clean_pattern)[kept].max() <= 2
    page.locator("#corrections summary").click()
    note = page.locator("[data-row=mask_faulty] .note")
    instrument.until(lambda: note.inner_text() == "3 hot")


def test_a_lattice_calibrates_wrong_scan_steps_and_one_undo_takes_it_back(open_page, faulty):
    instrument = open_page("dataset=wrong.npz&defocus=40")
    instrument.exact()
    page = instrument.page
    page.locator("#calibration > summary").click()
    assert instrument.number("scan_step_y") == 0.75
    page.get_by_role("button", name="Calibrate on a lattice").click()
    banner = page.get_by_text("Click a peak of the lattice.")
    banner.wait_for()
    page.keyboard.press("Escape")
    instrument.until(lambda: not banner.is_visible())
    page.get_by_role("button", name="Calibrate on a lattice").click()
    # (row, column) cycles over the scan, drawn where the wrong steps put them [1/nm].
    for (row, column), asked in (((0, 8), "Click a peak"), ((8, 4), "Click a second peak")):
        page.get_by_text(asked).wait_for()
        instrument.settled()
        q = 10 * column / (64 * 0.5), 10 * row / (72 * 0.75)
        page.mouse.click(*page.evaluate(FIGURE_AT, ["spectrum", *q]))
        page.wait_for_timeout(350)  # or Bokeh takes the two for a double click
    page.get_by_text("Enter the spacings under Calibration.").wait_for()
    assert "frequencies=" not in page.url
    instrument.enter("spacing_1", str(8 * STEP))
    instrument.enter("spacing_2", f"{STEP / np.hypot(1 / 9, 1 / 16):.4f}")
    page.get_by_role("button", name="Use these scan steps").click()
    for name in ("scan_step_y", "scan_step_x"):
        instrument.until(lambda name=name: abs(instrument.number(name) - STEP) < 0.012)
    instrument.until(lambda: page.locator("[data-row=scan_step_x] .note").inner_text() == "lattice")
    picture = instrument.until(
        lambda: (p := instrument.exact()) and abs(p["width"] - 6.4 * STEP) < 0.08 and p
    )
    assert picture["height"] == pytest.approx(7.2 * STEP, rel=0.02)
    page.locator(".tools [data-does=undo]").click()
    instrument.until(lambda: instrument.number("scan_step_y") == 0.75)
    instrument.until(lambda: instrument.number("scan_step_x") == 0.5)
