"""What a microscopist does with the page, done in a browser."""

import re

import numpy as np
import pytest

pytest.importorskip("playwright.sync_api")


@pytest.fixture
def instrument(share_page):
    """The page of the lattice, exact: each test leaves it as it found it."""
    return share_page()


def test_the_page_has_its_contents(instrument):
    picture = instrument.exact()
    page = instrument.page
    assert page.title() == "livestem"
    assert "lattice · 72 × 64" in instrument.words("facts")
    assert len(set(picture["values"])) > 50
    assert picture["shape"] == [72, 64]
    # The scan is 3.84 nm wide.
    assert picture["width"] == pytest.approx(3.84)
    for name in ("slot_left image", "slot_right pattern"):
        instrument.until(lambda name=name: instrument.picture(name))
    assert page.locator("h2").all_inner_texts() == ["G tiles", "Power spectrum"]
    assert "entries" in page.locator(".status .line").inner_text()


def test_everything_fits_the_screen(instrument):
    for width, height in ((1920, 1080), (3840, 2160), (1366, 768)):
        instrument.page.set_viewport_size({"width": width, "height": height})
        instrument.exact()
        size = instrument.page.evaluate(
            "() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        )
        assert size == [width, height]
        for section in ("tiles", "spectrum", "main", "left", "right"):
            box, at = instrument.box(section), (section, width)
            assert box["x"] >= 0, at
            assert box["y"] + box["height"] <= height, at
            assert box["x"] + box["width"] <= width, at


def test_dragging_defocus_changes_the_image_and_ends_exact(instrument):
    before = instrument.exact()
    box = instrument.slider().bounding_box()
    mouse, middle = instrument.page.mouse, box["y"] + box["height"] / 2
    mouse.move(box["x"] + box["width"] / 2, middle)
    seen = instrument.modes()
    mouse.down()
    for part in np.linspace(0.5, 0.9, 25):
        mouse.move(box["x"] + part * box["width"], middle)
    mouse.up()
    after = instrument.exact()
    assert "draft" in seen()
    assert instrument.number() > 20
    assert np.mean(np.abs(np.subtract(after["values"], before["values"]))) > 5
    instrument.slider().dblclick()


def test_focusing_brings_out_the_lattice(instrument):
    blurred = np.reshape(instrument.exact()["values"], (72, 64))
    instrument.enter("defocus", "40")
    sharp = np.reshape(instrument.exact()["values"], (72, 64))

    def order(image):
        """Part of the power that lies in the lattice's strongest frequency."""
        power = np.abs(np.fft.fft2(image - image.mean())) ** 2
        return power.max() / power.sum()

    assert order(sharp) > order(blurred)
    instrument.enter("defocus", "0")


def test_keys_move_a_slider_by_a_step_and_by_ten(instrument):
    instrument.slider().focus()
    keyboard = instrument.page.keyboard
    keyboard.press("ArrowRight")
    step = instrument.number()
    assert step > 0
    keyboard.press("Shift+ArrowRight")
    assert instrument.number() == pytest.approx(11 * step)
    keyboard.press("ArrowLeft")
    assert instrument.number() == pytest.approx(10 * step)
    instrument.slider().dblclick()
    assert instrument.number() == 0


FAST = """async (range) => {
  Object.defineProperty(window, "livestem_pace", {get: () => 100, set() {}, configurable: true})
  const has = (model) => model.properties.values && "defocus" in Object(model.values)
  const model = [...Bokeh.documents[0]._all_models.values()].find(has)
  const told = []
  model.properties.values.change.connect(() => told.push(model.values.defocus))
  const counts = (model) => model.properties.missing && "frame" in model
  const page = [...Bokeh.documents[0]._all_models.values()].find(counts)
  const first = page.frame
  const start = performance.now()
  for (let n = 0; n < 60; n++) {
    range.value = 10 + n / 2
    range.dispatchEvent(new Event("input", {bubbles: true}))
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  range.dispatchEvent(new Event("change", {bubbles: true}))
  delete window.livestem_pace
  return {told, most: (performance.now() - start) / 100 + 2 + page.frame - first}
}"""


def test_a_fast_hand_tells_no_more_than_the_page_can_show(instrument):
    seen = instrument.slider().evaluate(FAST)
    assert 1 < len(seen["told"]) <= seen["most"]
    assert seen["told"][-1] == instrument.number() == 39.5
    instrument.exact()
    instrument.until(lambda: "defocus=39.5" in instrument.page.url)
    instrument.enter("defocus", "0")


def test_a_typed_value_may_lie_beyond_the_slider_and_nonsense_is_put_back(instrument):
    instrument.enter("defocus", "1234,5")
    assert instrument.number() == 1234.5
    instrument.enter("defocus", "abc")
    assert instrument.number() == 1234.5
    instrument.enter("defocus", "0")


def test_zooming_in_shows_true_pixels(instrument):
    box = instrument.box()
    instrument.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for _ in range(8):
        instrument.page.mouse.wheel(0, -120)
    instrument.until(lambda: (p := instrument.picture()) and p["shape"][1] < 64)
    instrument.settled()
    picture = instrument.picture()
    assert picture["width"] / picture["shape"][1] == pytest.approx(0.06)
    assert picture["height"] / picture["shape"][0] == pytest.approx(0.06)
    # The pixels stay square, and the slot beside it went along.
    main = instrument.box()
    assert main["width"] > 300
    other = instrument.until(
        lambda: (p := instrument.picture("slot_left image")) and p["shape"][1] < 64 and p
    )
    middle = (picture["start"] + picture["end"]) / 2
    assert (other["start"] + other["end"]) / 2 == pytest.approx(middle, abs=0.06)
    instrument.page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    instrument.until(lambda: (p := instrument.picture()) and p["shape"] == [72, 64])


def test_the_pointer_reads_position_and_value(instrument):
    box = instrument.box()
    instrument.page.mouse.move(box["x"] + box["width"] / 2 - 20, box["y"] + box["height"] / 2)
    text = instrument.until(lambda: instrument.words("slot.main .readout"))
    assert re.fullmatch(r"x [\d.]+  y [\d.]+ nm   -?[\d.e-]+ rad", text)


def test_two_sessions_do_not_touch_each_other(instrument, open_page):
    one, other = open_page(), instrument
    before = other.exact()
    one.exact()
    one.enter("defocus", "60")
    one.exact()
    assert other.number() == 0
    assert other.picture()["values"] == before["values"]


CLICK_AT_ONCE = """document.addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("theme")
  if (!button || window.clicked) return  // a frame within the page, or for the second time
  window.clicked = true
  button.click()
})"""


def test_the_theme_switches(open_page):
    instrument = open_page()
    instrument.exact()
    colour = "() => getComputedStyle(document.body).backgroundColor"
    dark = instrument.page.evaluate(colour)
    instrument.page.locator("#theme").click()
    assert sum(map(int, re.findall(r"\d+", dark)[:3])) < 150
    instrument.until(
        lambda: sum(map(int, re.findall(r"\d+", instrument.page.evaluate(colour))[:3])) > 600
    )
    instrument.until(lambda: "theme=light" in instrument.page.url)
    # A hand that is quicker than the page's parts is not forgotten.
    instrument.page.add_init_script(CLICK_AT_ONCE)
    instrument.page.reload()
    instrument.until(lambda: "theme=light" not in instrument.page.url)
    assert instrument.page.evaluate(colour) == dark


def test_a_click_in_the_spectrum_picks_a_frequency(instrument):
    instrument.until(lambda: instrument.picture("spectrum"))
    box = instrument.box("spectrum")
    instrument.page.mouse.click(box["x"] + box["width"] / 2 + 30, box["y"] + box["height"] / 2 - 11)
    instrument.until(lambda: "frequencies=" in instrument.page.url)
    instrument.until(lambda: instrument.number("tile_count") != 9)
    instrument.page.get_by_role("button", name="Strongest").click()
    instrument.until(lambda: "frequencies=" not in instrument.page.url)
    instrument.enter("tile_count", "9")


def test_the_error_curve_and_every_contrast_can_be_shown(instrument):
    choice = instrument.page.locator("select[data-name=slot_right]")
    first = choice.input_value()
    for name in choice.locator("option").evaluate_all("(all) => all.map((o) => o.value)"):
        choice.select_option(name)
        if name == "frames":  # of the place that is pointed at
            box = instrument.box("main")
            instrument.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        instrument.until(lambda: instrument.words("slot.right .empty") == "")
    choice.select_option(first)


def test_long_work_can_be_stopped(open_page):
    """The demonstration scan is made on first use: that takes a while."""
    instrument = open_page("dataset=demo")
    button = instrument.page.get_by_role("button", name="Cancel")
    button.wait_for()
    instrument.until(
        lambda: "demonstration" in instrument.page.locator(".status .task").inner_text()
    )
    button.click()
    instrument.until(lambda: not instrument.page.locator(".status .work").is_visible())
    instrument.page.locator("select[data-name=dataset]").select_option("lattice.npz")
    instrument.exact()


BAR = """() => {
  for (const view of Bokeh.index.all_views()) {
    if (view.model.name !== "slot_main image" || !view.frame) continue
    const {center, left, right, above, below, x_range, y_range} = view.model
    const bar = [center, left, right, above, below].flat().find((m) => m.type === "ScaleBar")
    return {at: bar.location, left: x_range.start, bottom: y_range.start}
  }
}"""


def test_the_scale_bar_stands_on_the_picture(instrument):
    picture = instrument.exact()
    bar = instrument.page.evaluate(BAR)
    assert bar["left"] < picture["x"]  # the figure is wider than the picture
    assert picture["x"] < bar["at"][0] < picture["x"] + picture["width"] / 10
    assert bar["at"][1] == pytest.approx(picture["y"] + picture["height"], rel=0.1)


def test_the_status_line_says_what_computes_and_how_full_it_is(instrument):
    device = instrument.page.locator(".status .device")
    assert re.fullmatch(r"\d+\.\d of \d+(\.\d)? GB", device.locator(".memory").inner_text())
    name = device.locator(".name").inner_text()
    assert name.startswith("CPU, ") or "GPU" in name or "NVIDIA" in name
    assert 0 < float(device.locator("meter").evaluate("meter => meter.value")) < 1
    details = device.locator(".details")
    assert not details.is_visible()
    device.focus()
    instrument.until(details.is_visible)
    assert "entries" in details.inner_text()
    assert "electrons" in details.inner_text()
    device.blur()
