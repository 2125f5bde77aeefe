// Which mode a click is in; Esc leaves it.
export function render({model}) {
  const root = document.createElement("div")
  const words = document.createElement("span")
  const close = document.createElement("button")
  root.className = "line"
  root.setAttribute("role", "status")
  close.type = "button"
  close.textContent = "Leave (Esc)"
  close.addEventListener("click", () => model.send_msg({does: "close"}))
  root.append(words, close)
  const leave = (event) => {
    if (event.key === "Escape" && model.text) model.send_msg({does: "close"})
  }
  const show = () => { words.textContent = model.text }
  document.addEventListener("keydown", leave)
  model.on("text", show)
  model.on("remove", () => document.removeEventListener("keydown", leave))
  show()
  return root
}
