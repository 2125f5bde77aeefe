// A sheet over the images: cards with a picture, words and buttons; a series can be played.
const FRAME_MS = 140
const VERDICTS = {ok: "no problem", look: "worth checking", bad: "spoils results"}

function element(tag, className, text) {
  const made = document.createElement(tag)
  if (className) made.className = className
  if (text !== undefined) made.textContent = text
  return made
}

export function render({model}) {
  const root = element("section", "sheet")
  root.setAttribute("role", "dialog")
  const act = (key, name) => model.send_msg({does: "act", key, name})
  let timer = null
  let at = 0
  let built = ""

  function buttons(actions, key) {
    const row = element("div", "actions")
    for (const [name, label, hint] of actions) {
      const button = element("button", "action", label)
      button.type = "button"
      button.title = hint ?? ""
      button.dataset.action = name
      button.addEventListener("click", () => act(key, name))
      row.append(button)
    }
    return row
  }

  function lines(texts) {
    const list = element("div", "lines")
    for (const text of texts) {
      const [, name, value] = text.match(/^([^:.]{1,40}): (.{0,39}[^.])$/) ?? []
      const line = element("p", name ? "pair" : "")
      if (name) line.append(element("span", "", name), element("b", "", value))
      else line.textContent = text
      list.append(line)
    }
    return list
  }

  function card(item) {
    const made = element("article", `card ${item.verdict}`)
    made.dataset.key = item.key
    if (item.chosen) made.setAttribute("aria-current", "true")
    if (item.image) {
      const frame = element("button", "frame")
      frame.type = "button"
      frame.setAttribute("aria-label", item.title)
      const image = element("img")
      image.src = item.image
      image.alt = ""
      frame.append(image)
      if (model.layout === "rows") frame.title = "Larger, and back"
      frame.addEventListener("click", () => {
        if (model.layout === "rows") made.classList.toggle("large")
        else act(item.key, "pick")
      })
      made.append(frame)
    }
    const words = element("div", "words")
    const title = element("h3", "", item.title)
    if (VERDICTS[item.verdict]) title.append(element("span", "verdict", VERDICTS[item.verdict]))
    words.append(title, lines(item.lines))
    if (item.actions.length) words.append(buttons(item.actions, item.key))
    made.append(words)
    return made
  }

  // A series longer than the sheet is wide shows what is played, and first what is chosen.
  function centre() {
    const cards = root.querySelector(".cards")
    const made = model.layout === "strip" ? cards?.children[at] : null
    if (made) cards.scrollLeft = made.offsetLeft - cards.offsetLeft - (cards.clientWidth - made.clientWidth) / 2
  }

  function stop() {
    clearInterval(timer)
    timer = null
  }

  function player() {
    const items = model.cards.filter((item) => item.image)
    const stage = element("div", "stage")
    const image = element("img")
    const title = element("h3")
    const scrub = element("input")
    Object.assign(scrub, {type: "range", min: 0, max: items.length - 1, step: 1})
    scrub.setAttribute("aria-label", "Position in the series")
    const play = element("button", "action play", "Play")
    play.type = "button"
    const use = element("button", "action", "Use this one")
    use.type = "button"
    const seek = (index) => {
      at = Math.min(items.length - 1, Math.max(0, index))
      image.src = items[at].image
      image.alt = items[at].title
      title.textContent = items[at].title
      scrub.value = at
      centre()
    }
    // There and back, so that nothing jumps.
    let step = 1
    play.addEventListener("click", () => {
      if (timer) { stop(); play.textContent = "Play"; return }
      play.textContent = "Stop"
      timer = setInterval(() => {
        if (at + step < 0 || at + step >= items.length) step = -step
        seek(at + step)
      }, FRAME_MS)
    })
    scrub.addEventListener("input", () => seek(Number(scrub.value)))
    use.addEventListener("click", () => act(items[at].key, "pick"))
    const chosen = items.findIndex((item) => item.chosen)
    seek(chosen >= 0 ? chosen : Math.floor(items.length / 2))
    const bar = element("div", "bar")
    bar.append(play, scrub, title, use)
    stage.append(image, bar)
    return stage
  }

  // All of the cards but which of them is chosen.
  function contents() {
    return JSON.stringify(model.cards.map((item) => ({...item, chosen: false})))
  }

  function build() {
    stop()
    built = contents()
    const scrolled = root.querySelector(".cards")?.scrollTop ?? 0
    root.hidden = !model.shown
    document.documentElement.dataset.sheet = model.shown ? model.name_of_page : ""
    root.className = `sheet ${model.layout}`
    root.replaceChildren()
    if (!model.shown) return
    const head = element("header")
    const close = element("button", "close", "×")
    close.type = "button"
    close.title = "Close (Esc)"
    close.setAttribute("aria-label", "Close")
    close.addEventListener("click", () => model.send_msg({does: "close"}))
    head.append(element("h2", "", model.title), buttons(model.actions, ""), close)
    root.append(head)
    if (model.lead) root.append(element("p", "lead", model.lead))
    if (model.layout === "strip" && model.cards.length > 1) root.append(player())
    const cards = element("div", "cards")
    cards.dataset.count = model.cards.length
    cards.append(...model.cards.map(card))
    root.append(cards)
    centre()
    cards.scrollTop = scrolled
  }

  function mark() {
    if (contents() !== built || !model.shown) { build(); return }
    // The pictures stay, and a series that plays goes on, where only the choice has changed.
    const known = new Map(model.cards.map((item) => [item.key, item]))
    for (const made of root.querySelectorAll(".card")) {
      made.toggleAttribute("aria-current", false)
      if (known.get(made.dataset.key).chosen) made.setAttribute("aria-current", "true")
    }
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && model.shown) model.send_msg({does: "close"})
  })
  for (const name of ["shown", "title", "lead", "layout", "actions"]) model.on(name, build)
  model.on("cards", mark)
  model.on("remove", stop)
  build()
  return root
}
