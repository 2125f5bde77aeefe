// The card of links: this picture, watch with me, steer with me; to be copied, or scanned by a telephone.
const ROWS = [
  ["picture", "This picture", "A copy of all settings, for whoever opens it to go on from by themselves."],
  ["watch", "Watch with me", "Opens a room: they see what you do as you do it, and can change nothing."],
  ["steer", "Steer with me", "Opens a room: one scan, one set of sliders and one undo for all of you. They may open what you may open."],
]

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") made.textContent = value
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value)
  }
  made.append(...children)
  return made
}

// An address of this page: through the same proxy, below the same prefix.
const address = (query) => `${location.origin}${location.pathname}${query ? `?${query}` : ""}`

export function render({model}) {
  const card = element("dialog", {class: "share", "aria-label": "Share", tabindex: "-1", autofocus: true})
  const parts = {}
  const picture = element("figure", {class: "qr", hidden: true})
  for (const [name, title, words] of ROWS) {
    const link = element("input", {type: "text", readonly: true, "data-name": `${name}-link`, "aria-label": `Link: ${title}`, spellcheck: "false"})
    const copy = element("button", {type: "button", text: "Copy", "data-copy": name})
    const code = element("button", {type: "button", text: "QR", title: "Show it as a code for a telephone", "data-qr": name})
    link.addEventListener("focus", () => link.select())
    copy.addEventListener("click", () => {
      window.livestem_copy?.(link.value)
      copy.textContent = "Copied"
      setTimeout(() => { copy.textContent = "Copy" }, 1500)
      take(name)
    })
    code.addEventListener("click", () => { model.send_msg({does: "qr", text: link.value}); take(name) })
    const row = element("section", {class: name}, element("h3", {text: title}), element("p", {text: words}),
      element("div", {class: "line"}, link, copy, code))
    parts[name] = {row, link, copy, code}
    card.append(row)
  }
  const life = element("select", {"data-name": "link-life", "aria-label": "How long the links last"})
  const runs_out = element("span", {class: "runs-out"})
  const renew = element("button", {type: "button", text: "New links", title: "The old ones lead nowhere any more; who is in the room stays", "data-does": "renew"})
  const end = element("button", {type: "button", class: "end", text: "End the room", title: "Everybody else is out, and the links lead nowhere any more", "data-does": "end"})
  const foot = element("footer", {}, element("label", {}, "Links last ", life), runs_out, element("nav", {}, renew, end))
  card.append(picture, foot)

  const take = (name) => { if (name !== "picture") model.send_msg({does: "taken"}) }
  life.addEventListener("change", () => model.send_msg({does: "life", life: life.value}))
  renew.addEventListener("click", () => model.send_msg({does: "renew"}))
  let armed = null
  end.addEventListener("click", () => {
    if (armed) { model.send_msg({does: "end"}); card.close() }
    clearTimeout(armed)
    armed = armed ? null : setTimeout(() => { armed = null; show() }, 4000)
    show()
  })

  function show() {
    const query = new URLSearchParams(location.search)
    query.delete("room")
    parts.picture.link.value = address(String(query))
    for (const name of ["watch", "steer"]) {
      const {row, link, copy, code} = parts[name]
      row.hidden = !model.rooms
      link.value = model[name] ? address(`room=${model[name]}`) : ""
      link.placeholder = model.runs_out === "ended" ? "Ended: “New links” makes others" : "…"
      for (const button of [copy, code]) button.disabled = !link.value
    }
    parts.picture.code.hidden = !model.rooms // who only watches asks the server for nothing
    foot.hidden = !model.rooms
    end.disabled = renew.disabled = !model.runs_out
    end.textContent = armed ? "End it for all?" : "End the room"
    end.classList.toggle("armed", Boolean(armed))
    runs_out.textContent = model.runs_out && model.runs_out !== "ended" ? `(${model.runs_out})` : ""
    life.replaceChildren(...model.lives.map(([value, text]) => element("option", {value, text, selected: value === model.life})))
  }
  function show_code() {
    picture.hidden = !model.qr
    picture.innerHTML = model.qr // made by the server of this page, of a link that it sent
    const name = Object.keys(parts).find((each) => parts[each].link.value === model.qr_of)
    if (name) picture.append(element("figcaption", {text: ROWS.find(([each]) => each === name)[1]}))
  }
  const toggle = () => {
    if (card.open) return card.close()
    picture.hidden = true
    if (model.rooms) model.send_msg({does: "invite"})
    show()
    card.show()
  }
  const outside = (event) => {
    if (card.open && !event.composedPath().includes(card) && event.target.id !== "share") card.close()
  }
  card.addEventListener("keydown", (event) => { if (event.key === "Escape") card.close() })
  document.addEventListener("livestem-share", toggle)
  document.addEventListener("pointerdown", outside)
  model.on("remove", () => {
    document.removeEventListener("livestem-share", toggle)
    document.removeEventListener("pointerdown", outside)
  })
  for (const name of ["watch", "steer", "rooms", "life", "lives", "runs_out"]) model.on(name, show)
  for (const name of ["qr", "qr_of"]) model.on(name, show_code)
  show()
  return card
}
