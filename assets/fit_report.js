// What a fit found: a line, and the values behind it.
export function render({model}) {
  const root = document.createElement("details")
  root.className = "fit-report"
  root.innerHTML = `<summary title="Flat share of the tiles' power above noise, before and after. Misfit: what is left in them over counting noise, 1 at best"></summary><table><tbody></tbody></table><p></p><button type="button"></button>`
  root.querySelector("button").addEventListener("click", () => model.send_msg({does: "act"}))
  const part = (name) => root.querySelector(name)
  let rows = null  // of what is shown; a hand may have folded them away
  const show = () => {
    root.hidden = !model.summary
    root.classList.toggle("stale", model.stale)
    part("summary").textContent = model.summary
    part("tbody").replaceChildren(...model.rows.map(([name, value, unit]) => {
      const row = document.createElement("tr")
      const head = Object.assign(document.createElement("th"), {textContent: name, scope: "row"})
      const cells = [value, unit].map((text) => Object.assign(document.createElement("td"), {textContent: text}))
      row.append(head, ...cells)
      return row
    }))
    if (rows !== model.rows) root.open = (rows = model.rows).length <= 8
    part("p").textContent = model.remark
    part("p").hidden = !model.remark
    part("button").textContent = model.action
    part("button").hidden = !model.action
  }
  for (const name of ["summary", "rows", "remark", "stale", "action"]) model.on(name, show)
  show()
  return root
}
