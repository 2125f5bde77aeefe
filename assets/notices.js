// Sentences about what went wrong or was found: errors first, the newest on top, for the place may hold
// less than all of them. What was found goes by itself after a while.
const WHILE = 15000
export function render({model}) {
  const root = document.createElement("div")
  root.className = "notices"
  const seen = new Set()
  const show = () => {
    for (const [number, kind, , offer] of model.items) {
      if (kind === "error" || offer || seen.has(number)) continue
      seen.add(number)
      setTimeout(() => model.send_msg({does: "dismiss", number}), WHILE)
    }
    const first = ([number, kind]) => (kind === "error") * 1e9 + number
    const items = [...model.items].sort((one, other) => first(other) - first(one))
    const before = root.firstElementChild?.dataset.number
    root.replaceChildren(...items.map(([number, kind, sentence, offer]) => {
      const item = document.createElement("div")
      item.className = `notice ${kind}`
      item.dataset.number = number
      item.setAttribute("role", kind === "error" ? "alert" : "status")
      const words = document.createElement("span")
      words.textContent = sentence
      const close = document.createElement("button")
      close.type = "button"
      close.textContent = "×"
      close.setAttribute("aria-label", "Dismiss")
      close.addEventListener("click", () => model.send_msg({does: "dismiss", number}))
      item.append(words)
      if (offer) {
        const accept = document.createElement("button")
        accept.type = "button"
        accept.className = "offer"
        accept.textContent = offer
        accept.addEventListener("click", () => model.send_msg({does: "accept", number}))
        item.append(accept)
      }
      item.append(close)
      return item
    }))
    const top = root.firstElementChild
    if (top && top.dataset.number !== before) top.scrollIntoView({block: "nearest"})
  }
  model.on("items", show)
  show()
  return root
}
