// Keeps the pixels of a figure square, fits it to its place, zooms it together with others, and
// tells the server which part is visible and where the pointer is.
//
// On a touched screen a finger scrolls the page, and moves the picture where that is zoomed; two
// fingers zoom it.
//
// One script for every signal of a figure: its size, its ranges, its extent (what can be shown),
// the link (centre and zoom shared by figures of the same scan), pointer and double tap.
// args: fig, extent, link, view, pointer, bars

const own = fig.__frame ??= {cx: null, cy: null, zoom: 1, applied: "", width: 0, height: 0}
const whole = {}
for (const name of ["x0", "x1", "y0", "y1"]) whole[name] = extent.data[name][0]
const whole_width = whole.x1 - whole.x0
const whole_height = whole.y1 - whole.y0

function units_per_px() {
  return Math.max(whole_width / own.width, whole_height / own.height) / own.zoom
}

function ranges() {
  const {x_range, y_range} = fig
  return [x_range.start, x_range.end, y_range.start, y_range.end]
}

function signature(values) {
  return values.map((value) => value.toPrecision(9)).join()
}

function apply() {
  const unit = units_per_px()
  const half_x = own.width * unit / 2
  const half_y = own.height * unit / 2
  const next = [own.cx - half_x, own.cx + half_x, own.cy + half_y, own.cy - half_y]
  own.applied = signature(next)
  if (signature(ranges()) !== own.applied) {
    fig.x_range.setv({start: next[0], end: next[1]}, {sync: false})
    fig.y_range.setv({start: next[2], end: next[3]}, {sync: false})
  }
  // A scale bar stands on the picture, not on the empty part of a figure of another shape.
  const location = [Math.max(next[0], whole.x0) + 8 * unit, Math.min(next[2], whole.y1) - 8 * unit]
  if (signature(location) !== own.bars_at) {
    own.bars_at = signature(location)
    for (const bar of bars) bar.setv({location}, {sync: false})
  }
  heed_fingers()
  report()
}

function heed_fingers() {
  if (!own.touched?.isConnected) {
    own.touched = Bokeh.index.find_one_by_id(fig.id)?.canvas_view?.events_el
    own.touched?.addEventListener("touchstart", (event) => {
      if (event.touches.length > 1 && event.cancelable) event.preventDefault()  // no scroll
    }, {passive: false})
  }
  if (own.touched) own.touched.style.touchAction = own.zoom > 1.001 ? "none" : "pan-y"
}

function report() {
  clearTimeout(own.timer)
  own.timer = setTimeout(() => {
    const [x0, x1, y1, y0] = ranges()
    const ratio = window.devicePixelRatio || 1
    const seen = {x0: [x0], x1: [x1], y0: [y0], y1: [y1],
                  width: [own.width * ratio], height: [own.height * ratio], ratio: [ratio], across: [whole_width], down: [whole_height]}
    if (JSON.stringify(seen) !== own.reported) {
      own.reported = JSON.stringify(seen)
      view.data = seen
    }
  }, 60)
}

function share() {
  if (link) {
    own.shared = true
    link.data = {cx: [own.cx], cy: [own.cy], zoom: [own.zoom]}
    own.shared = false
  }
}

function fit() {
  own.cx = (whole.x0 + whole.x1) / 2
  own.cy = (whole.y0 + whole.y1) / 2
  own.zoom = 1
}

function adopt() {
  const zoom = link ? link.data.zoom[0] : own.zoom
  if (link && zoom > 0) {
    own.cx = link.data.cx[0]
    own.cy = link.data.cy[0]
    own.zoom = zoom
  } else if (link || own.cx === null) {
    fit()
  }
}

// Takes over what pan or wheel did to the ranges; whether they did anything.
function heed_hand() {
  const now = ranges()
  if (!own.applied || signature(now) === own.applied) return false
  own.cx = (now[0] + now[1]) / 2
  own.cy = (now[2] + now[3]) / 2
  own.zoom *= units_per_px() / ((now[1] - now[0]) / own.width)
  return true
}

function follow_hand() {
  own.waiting = false
  if (heed_hand()) {
    apply()
    share()
  }
}

const event = cb_obj.event_name
if (event === "mousemove") {
  own.pointer = {x: [cb_obj.x], y: [cb_obj.y]}
  if (!own.pointing) {
    own.pointing = true
    setTimeout(() => { own.pointing = false; pointer.data = own.pointer }, 40)
  }
} else if (event === "mouseleave") {
  own.pointer = {x: [NaN], y: [NaN]}
  pointer.data = own.pointer
} else if (event === "doubletap") {
  fit()
  apply()
  share()
} else if (cb_obj === fig || cb_obj === extent || event === "document_ready") {
  const laid_out = !fig.properties.inner_width.is_unset
  if (laid_out && fig.inner_width > 10 && fig.inner_height > 10) {
    // New ranges have new tick labels, which may change the size before the hand is followed.
    const moved = cb_obj === fig && heed_hand()
    own.width = fig.inner_width
    own.height = fig.inner_height
    if (cb_obj === extent) own.cx = null
    if (own.cx === null) adopt()
    apply()
    if (moved) share()
  }
} else if (cb_obj === link) {
  if (own.width && !own.shared) {
    adopt()
    apply()
  }
} else if (!own.waiting) {
  own.waiting = true
  requestAnimationFrame(follow_hand)
}
