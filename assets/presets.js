// The menu of presets: load by a click; save, overwrite and delete are asked for twice where
// something would be lost.
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") made.textContent = value
    else if (value !== null) made.setAttribute(name, value)
  }
  made.append(...children)
  return made
}

export function render({model}) {
  const menu = element("details", {class: "presets"})
  const summary = element("summary", {text: "Presets", title: "Save settings under a name, and load them"})
  const list = element("ul", {"aria-label": "Presets"})
  const name = element("input", {type: "text", maxlength: "60", placeholder: "Name", "aria-label": "Name of a new preset",
    autocomplete: "off", spellcheck: "false"})
  const kinds = element("div", {class: "kinds", role: "radiogroup", "aria-label": "What it holds"})
  const save = element("button", {type: "submit", class: "save", text: "Save"})
  const form = element("form", {}, element("div", {class: "line"}, name, save), kinds)
  const said = element("p", {class: "said", role: "status"})
  const box = element("div", {class: "box"}, list, form, said)
  menu.append(summary, box)

  let kind = "aberrations"
  let armed = false  // whether the next press overwrites
  let doomed = null  // the name that is about to be deleted
  let waiting = null

  const plain = () => name.value.trim().split(/\s+/).join(" ")
  const taken = () => model.items.some(([known]) => known === plain())
  const words = (of) => (model.kinds.find(([each]) => each === of) ?? [of, of])[1]

  function send(message) {
    waiting = message.does
    model.send_msg(message)
  }

  function show_form() {
    if (!taken()) armed = false
    save.textContent = armed ? "Overwrite" : "Save"
    save.classList.toggle("armed", armed)
    save.disabled = plain() === ""
    for (const each of kinds.children) each.setAttribute("aria-checked", String(each.dataset.kind === kind))
  }

  function entry([known, holds]) {
    if (known === doomed) {
      const yes = element("button", {type: "button", class: "armed", text: "Delete"})
      const no = element("button", {type: "button", text: "Keep"})
      yes.addEventListener("click", () => { doomed = null; send({does: "delete", name: known}) })
      no.addEventListener("click", () => { doomed = null; show_list() })
      return element("li", {class: "asking"}, element("span", {text: `Delete “${known}”?`}), yes, no)
    }
    const load = element("button", {type: "button", class: "load", title: `Load: ${words(holds)}`},
      element("span", {text: known}), element("b", {text: words(holds)}))
    const gone = element("button", {type: "button", class: "gone", text: "×", title: "Delete", "aria-label": `Delete ${known}`})
    load.addEventListener("click", () => send({does: "load", name: known}))
    gone.addEventListener("click", () => { doomed = known; show_list() })
    return element("li", {}, load, gone)
  }

  function show_list() {
    list.replaceChildren(...model.items.map(entry))
    if (!model.items.length) list.append(element("li", {class: "none", text: "No presets yet. Enter a name to save these settings."}))
  }

  function show_kinds() {
    kinds.replaceChildren(...model.kinds.map(([value, text]) => {
      const choice = element("button", {type: "button", role: "radio", text, "data-kind": value})
      choice.addEventListener("click", () => { kind = value; show_form() })
      return choice
    }))
  }

  function answered() {
    said.textContent = model.said
    said.classList.toggle("refused", model.refused)
    if (!model.refused && waiting === "save") { name.value = ""; armed = false }
    if (!model.refused && waiting === "load") menu.open = false
    waiting = null
    show_list()
    show_form()
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault()
    if (taken() && !armed) {
      armed = true
      said.textContent = `There is a preset “${plain()}” already.`
      said.classList.remove("refused")
      show_form()
      return
    }
    send({does: "save", name: plain(), kind, overwrite: armed})
  })
  name.addEventListener("input", () => { armed = false; said.textContent = ""; show_form() })
  menu.addEventListener("toggle", () => {
    armed = false
    doomed = null
    said.textContent = ""
    if (menu.open) send({does: "list"})
  })
  menu.addEventListener("keydown", (event) => { if (event.key === "Escape") { menu.open = false; summary.focus() } })
  const outside = (event) => { if (!event.composedPath().includes(menu)) menu.open = false }
  document.addEventListener("pointerdown", outside)
  model.on("remove", () => document.removeEventListener("pointerdown", outside))
  model.on("answers", answered)
  model.on("kinds", () => { show_kinds(); show_form() })
  show_kinds()
  show_list()
  show_form()
  return menu
}
