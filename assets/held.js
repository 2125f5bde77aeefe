// Above a held picture: what was changed since, or the value under the pointer; what can be done.
const BUTTONS = [
  ["scale", "<i>Same </i>scale", "Show both on the held picture's scale of grey or colour"],
  ["swap", "Swap", "Go back to A, and hold B in its place"],
  ["drop", "Drop", "Discard the held picture"],
]

export function render({model}) {
  const root = document.createElement("div")
  root.className = "held-head"
  const words = document.createElement("span")
  words.className = "differs"
  root.append(words)
  const made = {}
  for (const [does, text, title] of BUTTONS) {
    const button = made[does] = document.createElement("button")
    button.type = "button"
    button.innerHTML = text
    button.title = title
    button.dataset.does = does
    button.addEventListener("click", () => model.send_msg({does}))
    root.append(button)
  }
  const show = () => {
    words.classList.toggle("reading", Boolean(model.reading))
    const said = model.differs ? `B: ${model.differs}` : "B is still the same as A: change something."
    words.textContent = model.reading || (model.waiting ? "Waiting for the exact picture …" : said)
    words.title = model.differs ? `Live is B, with ${model.differs}` : ""
    made.scale.setAttribute("aria-pressed", String(model.common))
  }
  for (const name of ["differs", "waiting", "reading", "common"]) model.on(name, show)
  show()
  return root
}
