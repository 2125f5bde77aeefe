// Undo, redo, compare. Ctrl+Z undoes what was set; while a value is being typed it undoes that.
const ARROW = "M5.5 3 2 6.5 5.5 10M2.4 6.5h7.1a4 4 0 0 1 0 8H6"
const TYPED = "input:not([type=range], [type=checkbox], [type=radio], [type=file], [type=button]), textarea"

function icon(flipped) {
  return `<svg viewBox="0 0 16 16" width="15" height="15" fill="none" stroke="currentColor" stroke-width="1.6"
    stroke-linecap="round" stroke-linejoin="round"${flipped ? ' style="transform: scaleX(-1)"' : ""}><path d="${ARROW}"/></svg>`
}

export function render({model}) {
  const root = document.createElement("div")
  root.className = "tools"
  root.innerHTML = `<button type="button" data-does="undo">${icon(false)}</button>
    <button type="button" data-does="redo">${icon(true)}</button>
    <button type="button" data-does="compare" class="compare"><b>A</b><i></i><b>B</b></button>`
  const button = (does) => root.querySelector(`[data-does=${does}]`)
  for (const does of ["undo", "redo", "compare"]) {
    button(does).addEventListener("click", () => model.send_msg({does}))
  }
  const show = () => {
    for (const [does, word, keys] of [["undo", "Undo", "Ctrl+Z"], ["redo", "Redo", "Ctrl+Shift+Z"]]) {
      const step = model[does]
      button(does).disabled = !step
      button(does).title = step ? `${word}: ${step}\n(${keys})` : `Nothing to ${does}`
      button(does).setAttribute("aria-label", step ? `${word}: ${step}` : word)
    }
    const on = model.comparing
    button("compare").setAttribute("aria-pressed", String(on))
    const words = on ? "End the comparison: drop A, go on with B" : "Hold this picture as A, and go on beside it in B"
    button("compare").title = words
    button("compare").setAttribute("aria-label", words)
    document.documentElement.toggleAttribute("data-compare", on)
  }

  // A box holds something of its own to undo from the first letter until it is entered.
  let typing = null
  const typed = (event) => {
    const target = event.composedPath()[0]
    return target instanceof Element && target.matches(TYPED) ? target : null
  }
  const keys = (event) => {
    if (event.key === "Enter" || event.key === "Escape") typing = null
    if (!(event.ctrlKey || event.metaKey) || event.altKey || (typing && typing === typed(event))) return
    const key = event.key.toLowerCase()
    const does = key === "z" ? (event.shiftKey ? "redo" : "undo") : key === "y" && !event.shiftKey ? "redo" : null
    if (!does || document.querySelector("dialog[open]")) return
    event.preventDefault()
    model.send_msg({does})
  }
  const heard = [
    ["input", (event) => { typing = typed(event) }],
    ["focusout", () => { typing = null }],
    ["keydown", keys],
  ]
  for (const [name, action] of heard) document.addEventListener(name, action)
  model.on("remove", () => { for (const [name, action] of heard) document.removeEventListener(name, action) })
  for (const name of ["undo", "redo", "comparing"]) model.on(name, show)
  show()
  return root
}
