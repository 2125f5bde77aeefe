// Shows at once what comes while a hand moves, on a canvas of its own.
//
// Bokeh maps the colours of a picture, paints it with axes and bars, and waits for the next frame or
// two with it. This canvas lies between Bokeh's two: over the picture, below scale bar and marks. It
// has the picture's own pixels, which the browser enlarges as Bokeh would, to the nearest. As soon
// as no more pictures come, the figure has the last of them, and the canvas is taken away.
//
// args: fig, moving (what comes while a hand moves), settled (of the figure's own picture), mapper

const REST = 400 // ms without a picture after which no more are expected
const FRAMES = 4 // after which Bokeh has painted

const own = fig.__moving ??= {shown: false, turn: 0}

function found() {
  if (!own.view?.el?.isConnected) own.view = Bokeh.index.find_one_by_id(fig.id)
  return own.view?.el?.isConnected
}

// Above this canvas Bokeh clips to the frame only what is an annotation.
function clip_marks() {
  if (!found()) return
  for (const renderer of fig.renderers) {
    const view = renderer.level === "overlay" && own.view.renderer_views.get(renderer)
    if (view && !view.needs_clip) Object.defineProperty(view, "needs_clip", {value: true})
  }
}

function ready() {
  if (!found()) return false
  const below = own.view.canvas_view?.primary.el
  if (!below?.isConnected) return false
  if (!own.box) {
    own.box = document.createElement("div")
    own.box.style.cssText = "position: absolute; overflow: hidden; pointer-events: none"
    own.canvas = document.createElement("canvas")
    own.canvas.style.cssText = "position: absolute; image-rendering: pixelated"
    own.box.append(own.canvas)
    own.context = own.canvas.getContext("2d", {alpha: false})
  }
  if (below.nextSibling !== own.box) below.after(own.box)
  return true
}

// Of the 256 colours, as an image's pixels hold them.
function table() {
  if (own.palette !== mapper.palette) {
    own.palette = mapper.palette
    const codes = own.palette.map((code) => parseInt(code.slice(1, 7), 16))
    const bytes = new Uint8Array(codes.flatMap((code) => [code >> 16, code >> 8 & 255, code & 255, 255]))
    own.table = new Uint32Array(bytes.buffer)
  }
  return own.table
}

function draw(data) {
  const [picture] = data.image
  const [height, width] = picture.shape
  if (!own.pixels || own.canvas.width !== width || own.canvas.height !== height) {
    own.canvas.width = width
    own.canvas.height = height
    own.pixels = new ImageData(width, height)
    own.colours = new Uint32Array(own.pixels.data.buffer)
  }
  const {colours} = own
  const known = table()
  for (let n = 0; n < colours.length; n++) colours[n] = known[picture[n]]
  own.context.putImageData(own.pixels, 0, 0)
  own.drawn = data
  place()
  if (!own.shown) {
    own.shown = true
    own.box.style.display = ""
  }
}

function place() {
  const {left, top, width, height} = own.view.frame.bbox
  const {x_range, y_range} = fig
  const across = (x) => (x - x_range.start) / (x_range.end - x_range.start) * width
  const down = (y) => (y - y_range.end) / (y_range.start - y_range.end) * height
  const {x: [x], y: [y], dw: [dw], dh: [dh]} = own.drawn
  const places = [left, top, width, height, across(x), down(y), across(x + dw), down(y + dh)]
  if (places.join() === own.places) return
  own.places = places.join()
  const put = (element, x, y, width, height) => Object.assign(element.style, {
    left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px`,
  })
  put(own.box, left, top, width, height)
  put(own.canvas, places[4], places[5], places[6] - places[4], places[7] - places[5])
}

function hide() {
  own.turn += 1
  own.shown = false
  if (own.box) own.box.style.display = "none"
}

function hide_later(frames, turn) {
  if (turn !== own.turn) return
  if (frames) requestAnimationFrame(() => hide_later(frames - 1, turn))
  else hide()
}

// Gives the figure what is shown, as if no more pictures came.
own.settle = () => {
  clearTimeout(own.timer)
  if (own.shown && own.drawn === moving.data) settled.setv({data: {...moving.data}}, {sync: false})
}

clip_marks()
if (cb_obj === moving) {
  own.turn += 1
  clearTimeout(own.timer)
  if (!moving.data.image.length) {
    hide()
  } else if (ready()) {
    draw(moving.data)
    own.timer = setTimeout(own.settle, REST)
  } else {
    settled.setv({data: {...moving.data}}, {sync: false})
  }
} else if (cb_obj === settled) {
  clearTimeout(own.timer)
  if (own.shown) {
    own.turn += 1
    if (settled.data.image.length && ready()) {
      draw(settled.data)
      hide_later(FRAMES, own.turn)
    } else {
      hide()
    }
  }
} else if (own.shown && ready()) {
  if (cb_obj === mapper) draw(own.drawn)
  else place()
}
