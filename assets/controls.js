// Sliders, choices, switches and buttons of one group, drawn from `specs`, kept in `values`.
//
// spec: {name, kind: "number" | "entry" | "choice" | "segments" | "switch" | "button" | "heading",
//        label, unit, doc, start, end, step, low, high, reset, decimals, large, options, whole, log,
//        lock, primary, half, key: in the page's address, per}
//
// A value is shown and typed in units of `per`, 1 if not given; all else is in the state's own unit.
// `lock` names what the lock beside a number stands for; `locked` holds what of it is locked.

const TEN = 10
const A_DECADE = 20 // steps of a logarithmic slider
const LOCK = `<svg viewBox="0 0 16 16" width="12" height="12" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round">
  <rect x="3" y="7.2" width="10" height="6.8" rx="1.4" fill="currentColor" stroke="none"/><path class="shut" d="M5.2 7V5a2.8 2.8 0 0 1 5.6 0v2"/>
  <path class="open" d="M5.2 7V4.6a2.8 2.8 0 0 1 5.3-1.2"/></svg>`

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue
    if (name === "text") made.textContent = value
    else made.setAttribute(name, value === true ? "" : value)
  }
  made.append(...children)
  return made
}

function decimals_of(step) {
  const text = String(step)
  if (text.includes("e-")) return Number(text.split("e-")[1])
  return (text.split(".")[1] ?? "").length
}

function written(given, spec) {
  if (given === null || given === undefined) return ""
  if (spec.whole) return String(Math.round(given))
  const [value, step] = [given, spec.step].map((each) => Number((each / (spec.per ?? 1)).toPrecision(12)))
  // At least the step's decimals, and all that was typed up to six significant digits.
  const typed = decimals_of(Number(value.toPrecision(6)))
  return value.toFixed(Math.min(10, Math.max(decimals_of(step), typed)))
    .replace("-", "−")
}

function parsed(text) {
  const clean = text.trim().replace("−", "-").replace(",", ".").replace(/[^\d.eE+-].*$/, "")
  if (clean === "") return null
  const value = Number(clean)
  return Number.isFinite(value) ? value : undefined
}

export function render({model}) {
  const root = element("div", {class: "controls"})
  const live = document.documentElement.dataset.role !== "watch"
  let rows = {}
  let locks = []

  let held = {} // set by a hand, and not told the server yet
  let timer = null
  let told_at = 0
  // How often a hand has moved each control, here and as the server knows it: what comes from there
  // before it has heard of the last move is older than what the hand has set, and is passed over.
  const MOVES = "#moves"
  const counted = () => {
    const found = model.values[MOVES]
    return found instanceof Map ? Object.fromEntries(found) : found ?? {}
  }
  const moves = {...counted()}
  const mine = {}
  const heard = (name) => (counted()[name] ?? 0) >= (moves[name] ?? 0)
  const current = (name) => name in held ? held[name] : name in mine && !heard(name) ? mine[name] : model.values[name]

  // A hand that moves tells no more than the page can show: see `pace` in shell.js.
  function set(name, value, moving = false) {
    if (current(name) !== value) {
      held[name] = value
      window.livestem_changed?.(model.specs.find((spec) => spec.name === name)?.key, value)
      rows[name]?.show(value)
    }
    const wait = moving ? told_at + (window.livestem_pace ?? 0) - performance.now() : 0
    if (wait <= 0) {
      tell()
    } else {
      timer ??= setTimeout(tell, wait)
      window.livestem_hand = tell
    }
  }

  function tell() {
    clearTimeout(timer)
    timer = null
    if (window.livestem_hand === tell) window.livestem_hand = null
    if (!Object.keys(held).length) return
    for (const [name, value] of Object.entries(held)) {
      moves[name] = (moves[name] ?? 0) + 1
      mine[name] = value
    }
    const values = {...model.values, ...held, [MOVES]: {...moves}}
    held = {}
    told_at = performance.now()
    model.values = values
  }

  function number(spec, slider) {
    const id = `c-${spec.name}`
    const box = element("input", {
      class: "typed", type: "text", inputmode: "decimal", autocomplete: "off", spellcheck: "false",
      "aria-label": `${spec.label}, typed`, "data-name": spec.name, placeholder: "–",
    })
    const unit = element("span", {class: "unit", text: spec.unit ?? ""})
    const note = element("span", {class: "note"})
    const label = element("label", {class: "label", for: id, text: spec.label, title: spec.doc}, note)
    const row = element("div", {class: `row number ${spec.large ? "large" : ""}`, "data-row": spec.name})
    const limited = (value) => {
      const bounded = Math.min(Math.max(value, spec.low ?? -Infinity), spec.high ?? Infinity)
      return spec.whole ? Math.round(bounded) : Number(bounded.toPrecision(12))
    }
    // Where a value lies on the slider, and back; logarithmic ones go by equal ratios.
    const place = (value) => spec.log ? Math.log10(Math.max(value, spec.start)) : value
    const nearest = (position, steps) => {
      if (!spec.log) return limited((Math.round(position / spec.step) + steps) * spec.step)
      const exponent = (Math.round(position * A_DECADE) + steps) / A_DECADE
      return limited(Number((10 ** exponent).toPrecision(3)))
    }
    const move = (steps) => set(spec.name, nearest(place(current(spec.name) ?? spec.start ?? 0), steps))
    const keys = (event) => {
      const sign = {ArrowUp: 1, ArrowDown: -1}
      if (slider) Object.assign(sign, {ArrowRight: 1, ArrowLeft: -1, PageUp: TEN, PageDown: -TEN})
      const typing = event.target === box
      if (typing && !(event.key in {ArrowUp: 0, ArrowDown: 0})) return
      if (event.key in sign) {
        event.preventDefault()
        move(sign[event.key] * (event.shiftKey ? TEN : 1))
      }
    }
    const commit = () => {
      const value = parsed(box.value)
      const wrong = value === undefined || (value === null && spec.reset !== null)
      box.classList.toggle("wrong", value === undefined)
      if (wrong) {
        box.value = written(current(spec.name), spec)
      } else {
        set(spec.name, value === null ? null : limited(value * (spec.per ?? 1)))
        box.value = written(current(spec.name), spec)
      }
    }
    box.addEventListener("change", commit)
    box.addEventListener("focus", () => box.select())
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter") { commit(); box.select() }
      if (event.key === "Escape") { box.value = written(current(spec.name), spec); box.blur() }
      keys(event)
    })
    row.append(label, box, unit)
    let range = null
    let reset = null
    if (slider) {
      range = element("input", {
        id, type: "range", min: place(spec.start), max: place(spec.end), step: "any", "aria-label": spec.label,
        "data-name": spec.name, title: "Arrow keys move by a step, shift by ten; double click resets",
      })
      reset = element("button", {
        class: "reset", type: "button", title: "Reset", "aria-label": `Reset ${spec.label}`, text: "↺",
      })
      range.addEventListener("input", () => set(spec.name, nearest(Number(range.value), 0), true))
      range.addEventListener("change", tell)
      range.addEventListener("keydown", keys)
      for (const item of [range, reset]) {
        item.addEventListener(item === range ? "dblclick" : "click", () => set(spec.name, spec.reset))
      }
      row.append(reset, range)
      if (spec.lock) row.append(lock(spec))
    } else {
      box.id = id
    }
    rows[spec.name] = {
      row,
      show(value) {
        const shown = written(value, spec)
        if (root.getRootNode().activeElement !== box || parsed(box.value) !== parsed(shown)) {
          box.value = shown
        }
        box.classList.toggle("empty", value === null || value === undefined)
        if (range) {
          const at = value ?? spec.start
          range.value = place(at)
          const middle = spec.start < 0 && spec.end > 0 ? -spec.start / (spec.end - spec.start) : 0
          const length = place(spec.end) - place(spec.start)
          const part = Math.min(1, Math.max(0, (place(at) - place(spec.start)) / length))
          range.style.setProperty("--from", `${100 * Math.min(part, middle)}%`)
          range.style.setProperty("--to", `${100 * Math.max(part, middle)}%`)
          reset.classList.toggle("needed", value !== spec.reset)
        }
      },
      note(text) { note.textContent = text ?? "" },
      able(yes) { for (const item of row.querySelectorAll("input, button")) item.disabled = !yes },
    }
    return row
  }

  function lock(spec) {
    const made = element("button", {class: "lock", type: "button", "aria-label": `Lock ${spec.label}`, "data-lock": spec.name})
    made.innerHTML = LOCK
    made.addEventListener("click", () => {
      const rest = model.locked.filter((name) => !spec.lock.includes(name))
      model.locked = shut(spec) ? rest : [...rest, ...spec.lock]
    })
    locks.push([spec, made])
    return made
  }

  const shut = (spec) => spec.lock.every((name) => model.locked.includes(name))

  function show_locks() {
    for (const [spec, made] of locks) {
      made.setAttribute("aria-pressed", String(shut(spec)))
      made.title = shut(spec) ? "Locked: a fit leaves it as it is" : "A fit may change it: click to lock"
    }
  }

  function choice(spec) {
    const id = `c-${spec.name}`
    const list = element("select", {id, "data-name": spec.name, "aria-label": spec.label, title: spec.doc})
    const fill = (options) => list.replaceChildren(
      ...options.map(([value, text]) => element("option", {value, text})))
    fill(spec.options)
    list.addEventListener("change", () => set(spec.name, list.value))
    const row = element("div", {class: `row choice ${spec.bare ? "bare" : ""}`, "data-row": spec.name})
    if (!spec.bare) row.append(element("label", {class: "label", for: id, text: spec.label, title: spec.doc}))
    row.append(list)
    rows[spec.name] = {
      row,
      show(value) {
        if (![...list.options].some((option) => option.value === String(value))) {
          list.append(element("option", {value, text: value}))
        }
        list.value = value
      },
      note() {},
      able(yes) { list.disabled = !yes },
    }
    return row
  }

  function segments(spec) {
    const row = element("div", {class: `row choice ${spec.bare ? "bare" : ""}`, "data-row": spec.name})
    const group = element("div", {class: "segments", role: "radiogroup", "aria-label": spec.label})
    const buttons = spec.options.map(([value, text]) => {
      const button = element("button", {type: "button", role: "radio", text, title: spec.doc})
      button.addEventListener("click", () => set(spec.name, value))
      return [value, button]
    })
    group.append(...buttons.map(([, button]) => button))
    if (spec.label && !spec.bare) row.append(element("span", {class: "label", text: spec.label, title: spec.doc}))
    row.append(group)
    rows[spec.name] = {
      row,
      show(value) {
        for (const [own, button] of buttons) button.setAttribute("aria-checked", String(own === value))
      },
      note() {},
      able(yes) { for (const [, button] of buttons) button.disabled = !yes },
    }
    return row
  }

  function toggle(spec) {
    const box = element("input", {id: `c-${spec.name}`, type: "checkbox", role: "switch", "data-name": spec.name})
    box.addEventListener("change", () => set(spec.name, box.checked))
    const note = element("span", {class: "note"})
    const row = element("label", {class: `row switch ${spec.half ? "half" : ""}`, title: spec.doc, "data-row": spec.name},
      box, element("span", {class: "label", text: spec.label}), note)
    rows[spec.name] = {
      row,
      show(value) { box.checked = Boolean(value) },
      note(text) { note.textContent = text ?? "" },
      able(yes) { box.disabled = !yes },
    }
    return row
  }

  function button(spec) {
    const made = element("button", {class: `action ${spec.primary ? "primary" : ""}`, type: "button", text: spec.label, title: spec.doc, "data-name": spec.name})
    made.addEventListener("click", () => model.send_msg({press: spec.name}))
    const row = element("div", {class: `row button ${spec.half ? "half" : ""}`, "data-row": spec.name}, made)
    rows[spec.name] = {row, show() {}, note() {}, able(yes) { made.disabled = !yes }}
    return row
  }

  const kinds = {
    number: (spec) => number(spec, true), entry: (spec) => number(spec, false),
    choice, segments, switch: toggle, button,
    heading: (spec) => element("div", {class: "heading", text: spec.label, title: spec.doc}),
    text: (spec) => {
      const row = element("p", {class: "words", "data-row": spec.name})
      rows[spec.name] = {row, show(value) { row.textContent = value ?? ""; row.hidden = !value }, note() {}, able() {}}
      return row
    },
  }

  function build() {
    rows = {}
    locks = []
    root.className = `controls ${model.layout}${live ? "" : " watching"}`
    root.replaceChildren(...model.specs.map((spec) => kinds[spec.kind](spec)))
    refresh()
    show_locks()
  }

  // Whose hand is on a control: it moves there, and waits here.
  function mark(row, other) {
    let said = row.querySelector(":scope > .hand-of")
    if (!other) return said?.remove()
    if (!said) {
      said = element("span", {class: "hand-of", role: "status"})
      row.append(said)
    }
    const label = row.querySelector(".label")?.childNodes[0]?.textContent ?? row.querySelector("[aria-label]")?.getAttribute("aria-label") ?? ""
    const does = row.querySelector("input[type=range]") ? "dragging" : "changing"
    said.textContent = `${other} is ${does} ${/^[A-Z][a-z]/.test(label) ? label[0].toLowerCase() + label.slice(1) : label}`.trim()
  }

  function refresh() {
    for (const [name, row] of Object.entries(rows)) {
      row.show(current(name))
      row.note(model.notes[name])
      const other = model.hands[name]
      row.able(live && !other && !model.disabled.includes(name))
      mark(row.row, other)
      row.row.hidden = model.hidden.includes(name) || (row.row.matches("p") && !current(name))
    }
  }

  model.on("specs", build)
  model.on("locked", show_locks)
  for (const name of ["values", "notes", "disabled", "hidden", "hands"]) model.on(name, refresh)
  build()
  return root
}
