// Sentences about what went wrong or was found. What was found goes by itself after a while.
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
    root.replaceChildren(...model.items.map(([number, kind, sentence, offer]) => {
      const item = document.createElement("div")
      item.className = `notice ${kind}`
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
  }
  model.on("items", show)
  show()
  return root
}
