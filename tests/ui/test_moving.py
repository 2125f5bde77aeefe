"""While a hand moves the picture is shown past Bokeh: the same pixels, at the same place."""

import pytest

LOOK = """async (range) => {
  const is_main = (view) => view.model.name === "slot_main image" && view.frame
  const plot = [...Bokeh.index.all_views()].find(is_main)
  const seen = []
  const look = (own) => {
    const {canvas, context, drawn} = own
    const image = drawn.image[0]
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data
    const at = canvas.getBoundingClientRect()
    const frame = own.box.getBoundingClientRect()
    const figure = plot.canvas_view.el.getBoundingClientRect()
    const {x_scale, y_scale, bbox} = plot.frame
    const {x: [x], y: [y], dw: [dw], dh: [dh]} = drawn
    const [left, right] = [x, x + dw].map((place) => figure.left + x_scale.compute(place))
    const [top, bottom] = [y, y + dh].map((place) => figure.top + y_scale.compute(place))
    seen.push({
      grey: image.every((value, n) => pixels[4 * n] === value && pixels[4 * n + 2] === value),
      shape: [canvas.height, canvas.width].join() === image.shape.join(),
      place: [at.left - left, at.top - top, at.right - right, at.bottom - bottom],
      frame: [frame.left - figure.left - bbox.left, frame.width - bbox.width,
              frame.height - bbox.height],
      between: own.box.previousSibling === plot.canvas_view.primary.el
        && own.box.nextSibling === plot.canvas_view.overlays.el,
    })
  }
  for (let n = 1; n < 200 && seen.length < 5; n++) {
    range.value = n / 5
    range.dispatchEvent(new Event("input", {bubbles: true}))
    await new Promise(requestAnimationFrame)
    if (plot.model.__moving?.shown) look(plot.model.__moving)
  }
  range.dispatchEvent(new Event("change", {bubbles: true}))
  return seen
}"""

SHOWN = """() => [...Bokeh.index.all_views()]
  .filter((v) => v.model.name === "slot_main image" && v.frame)
  .map((v) => [v.model.__moving.shown, v.model.__moving.box.style.display])[0]"""

SETTLE = """async () => {
  const has = ({model}) => model.name === "slot_main image"
  const {model} = [...Bokeh.index.all_views()].find((v) => has(v) && v.frame)
  const [glyph] = model.renderers
  const settled = glyph.data_source
  const moving = [...model.document._all_models.values()].find((m) =>
    m.data?.image && m !== settled && m.tags.includes(settled.id))
  const [image] = settled.data.image
  const changed = new image.constructor(Uint8Array.from(image, (v) => 255 - v), image.shape)
  moving.setv({data: {...settled.data, image: [changed]}}, {sync: false})
  await new Promise(requestAnimationFrame)
  return [model.__moving.shown, changed[0], changed[77]]
}"""


@pytest.fixture
def instrument(share_page):
    """The page of the lattice, exact: each test leaves it as it found it."""
    return share_page()


@pytest.mark.parametrize("zoomed", [False, True])
def test_a_moving_picture_lies_where_the_figure_has_it(instrument, zoomed):
    box = instrument.box()
    place = box["x"] + box["width"] / 3, box["y"] + box["height"] / 2
    if zoomed:
        instrument.page.mouse.move(*place)
        instrument.page.mouse.wheel(0, -300)
        instrument.settled()
    seen = instrument.slider().evaluate(LOOK)
    assert seen
    for each in seen:
        assert each["grey"]
        assert each["shape"]
        assert each["between"]
        assert each["place"] == pytest.approx([0, 0, 0, 0], abs=0.6)
        assert each["frame"] == pytest.approx([0, 0, 0], abs=0.6)
    instrument.exact()
    instrument.until(lambda: instrument.page.evaluate(SHOWN) == [False, "none"])
    instrument.enter("defocus", "0")
    if zoomed:
        instrument.page.mouse.dblclick(*place)


def test_where_no_exact_picture_follows_the_figure_takes_the_last(instrument):
    before = instrument.picture()["values"]
    shown, *values = instrument.page.evaluate(SETTLE)
    assert shown
    instrument.until(lambda: instrument.page.evaluate(SHOWN) == [False, "none"])
    taken = instrument.picture()["values"]
    assert [taken[0], taken[77]] == values
    # The server's own again.
    for text in ("1", "0"):
        instrument.enter("defocus", text)
        instrument.exact()
    assert instrument.picture()["values"] == before


OVER = """async () => {
  await new Promise(requestAnimationFrame)
  const has = ({model}) => model.name === "slot_right pattern"
  const plot = [...Bokeh.index.all_views()].find((v) => has(v) && v.frame)
  const {canvas} = plot.canvas_view.overlays
  const {width, height} = canvas
  const {data} = canvas.getContext("2d").getImageData(0, 0, width, height)
  const ratio = width / plot.bbox.width
  const {x0, x1, y0, y1} = plot.frame.bbox
  const drawn = {inside: 0, outside: 0}
  for (let n = 0; n < width * height; n++) {
    if (!data[4 * n + 3]) continue
    const x = n % width / ratio, y = Math.floor(n / width) / ratio
    const inside = x > x0 - 1 && x < x1 + 1 && y > y0 - 1 && y < y1 + 1
    drawn[inside ? "inside" : "outside"] += 1
  }
  const [ring] = plot.model.renderers.slice(1).filter((r) => r.data_source.data.xs?.length)
  const reach = Math.max(...ring.data_source.data.xs[0])
  return {...drawn, beyond: reach > plot.model.x_range.end}
}"""


def test_marks_lie_above_it_and_end_with_the_frame(instrument):
    seen = instrument.until(lambda: (s := instrument.page.evaluate(OVER)) and s["inside"] and s)
    assert seen["outside"] == 0
    assert not seen["beyond"]
    box = instrument.box("right")
    instrument.page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    instrument.page.mouse.wheel(0, -500)
    instrument.until(lambda: (s := instrument.page.evaluate(OVER))["beyond"] and s)
    instrument.settled()
    assert instrument.page.evaluate(OVER)["outside"] == 0
    instrument.page.mouse.dblclick(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    instrument.until(lambda: not instrument.page.evaluate(OVER)["beyond"])
