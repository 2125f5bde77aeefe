// Who is in the room: names in their colours, one's own to be changed, whose zoom is followed.
const MEMORY = "livestem-name"

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") made.textContent = value
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value)
  }
  made.append(...children)
  return made
}

export function render({model}) {
  const root = element("details", {class: "presence", hidden: true})
  const summary = element("summary", {title: "Who is here"})
  const list = element("ul", {"aria-label": "People in this room"})
  root.append(summary, element("div", {class: "box"}, list))
  let remembered = false

  const dot = (person) => {
    const guest = person.name.match(/^guest (\d+)$/)
    const made = element("i", {class: "dot", text: guest ? guest[1] : person.name.slice(0, 1).toUpperCase()})
    made.style.background = person.colour
    return made
  }
  function row(person) {
    const does = person.role === "watch" ? "watches" : "steers"
    if (person.me) {
      const name = element("input", {type: "text", maxlength: "24", value: person.name, "data-name": "my-name", "aria-label": "Your name",
        autocomplete: "off", spellcheck: "false", readonly: model.named})
      name.addEventListener("change", () => {
        remember(name.value)
        model.send_msg({does: "name", name: name.value})
      })
      return element("li", {class: "me"}, dot(person), name, element("b", {text: `you, ${does}`}))
    }
    const on = model.follows === person.number
    const follow = element("button", {type: "button", text: "Follow", "aria-pressed": String(on), "data-follow": String(person.number),
      title: `Show the part of the scan that ${person.name} looks at`})
    follow.addEventListener("click", () => model.send_msg({does: "follow", number: on ? 0 : person.number}))
    return element("li", {}, dot(person), element("span", {text: person.name}), element("b", {text: does}), follow)
  }
  function show() {
    root.hidden = model.people.length === 0
    document.documentElement.toggleAttribute("data-here", !root.hidden)
    const shown = model.people.slice(0, 5)
    summary.replaceChildren(...shown.map(dot), element("span", {class: "count", text: `${model.people.length} here`}))
    summary.setAttribute("aria-label", `Here: ${model.people.map((each) => each.name).join(", ")}`)
    summary.title = model.people.map((each) => `${each.name}${each.me ? " (you)" : ""}`).join(", ")
    if (!list.contains(list.getRootNode().activeElement) || list.getRootNode().activeElement.matches("button")) {
      list.replaceChildren(...model.people.map(row))
    }
    if (!remembered && model.people.length) {
      remembered = true
      const name = recall()
      if (name && !model.named) model.send_msg({does: "name", name})
    }
  }
  // A name is kept for the next time, and for after a reload.
  function recall() {
    try { return sessionStorage.getItem(MEMORY) ?? localStorage.getItem(MEMORY) } catch { return null }
  }
  function remember(name) {
    try { sessionStorage.setItem(MEMORY, name); localStorage.setItem(MEMORY, name) } catch { /* a browser that keeps nothing */ }
  }

  function end() {
    if (!model.ended) return
    const alone = `${location.pathname}${model.alone ? `?${model.alone}` : ""}`
    if (model.leaving) return location.assign(alone)
    const cover = element("div", {class: "lost ended", role: "alertdialog", "aria-modal": "true", "aria-label": model.ended})
    const go = element("button", {type: "button", class: "now", text: "Go on alone from here"})
    go.addEventListener("click", () => location.assign(alone))
    cover.append(element("div", {}, element("h1", {text: model.ended}),
      element("p", {text: "The picture stays as it was. You can go on from it by yourself, with the same settings."}), element("nav", {}, go)))
    document.body.append(cover)
    go.focus()
  }
  const outside = (event) => { if (!event.composedPath().includes(root)) root.open = false }
  document.addEventListener("pointerdown", outside)
  model.on("remove", () => document.removeEventListener("pointerdown", outside))
  for (const name of ["people", "follows", "named"]) model.on(name, show)
  model.on("alone", end)
  show()
  return root
}
