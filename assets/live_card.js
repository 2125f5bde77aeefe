// What the microscope does, and the scans that it has made.
const STATES = {waiting: "Waiting for the microscope", scanning: "Scanning", stopped: "Not listening"}

export function render({model}) {
  const root = document.createElement("div")
  root.className = "live"
  root.innerHTML = `<p class="state" role="status"><span class="dot"></span><b></b><span class="head"></span></p>
    <p class="hint">Start with <code>livestem serve --live interactem:tcp://host:5000</code>, or see a simulated one:</p>
    <progress max="1"></progress>
    <dl></dl>
    <p class="sentence"></p>
    <div class="buttons">
      <button type="button" data-does="follow" title="Show the next scan by itself">Follow</button>
      <button type="button" data-does="hold" title="Stay with this scan; the next ones are recorded behind it">Hold</button>
      <button type="button" data-does="play" title="A simulated scan, sent as a camera would: row after row">Play the demonstration scan</button>
      <button type="button" data-does="stop">Stop</button>
    </div>
    <div class="provisional"></div>
    <div class="strip" role="list" aria-label="Last scans"></div>
    <div class="correction"><p>On the microscope: <b></b></p>
      <label><span>Signs</span><select></select></label><p class="frame"></p></div>`
  const part = (name) => root.querySelector(name)
  for (const button of root.querySelectorAll("button")) {
    button.addEventListener("click", () => model.send_msg({does: button.dataset.does}))
  }
  const select = part("select")
  select.addEventListener("change", () => model.send_msg({does: "convention", name: select.value}))
  let opened = false
  const open = () => { // the card, once: where there is a microscope it is what one has come for
    const card = root.getRootNode().host?.closest("details")
    if (!card || opened || !model.state || model.state === "stopped") return
    opened = card.open = true
  }
  const show = () => {
    requestAnimationFrame(open)
    root.dataset.state = model.state
    part(".state b").textContent = STATES[model.state] ?? "No microscope"
    part(".state .head").textContent = model.head
    part(".hint").hidden = Boolean(model.state)
    part("progress").hidden = !model.facts.length
    part("progress").value = model.share
    part("dl").replaceChildren(...model.facts.flatMap(([what, how]) => [
      Object.assign(document.createElement("dt"), {textContent: what}),
      Object.assign(document.createElement("dd"), {textContent: how}),
    ]))
    part(".sentence").textContent = model.sentence
    part(".provisional").replaceChildren(...model.provisional.map((text) =>
      Object.assign(document.createElement("p"), {textContent: text})))
    const live = Boolean(model.state) && model.state !== "stopped"
    part("[data-does=follow]").hidden = part("[data-does=hold]").hidden = !live
    part("[data-does=follow]").setAttribute("aria-pressed", String(model.following))
    part("[data-does=hold]").setAttribute("aria-pressed", String(!model.following))
    part("[data-does=play]").hidden = model.playing || !model.can_play
    part("[data-does=stop]").hidden = !model.playing
    part(".correction").hidden = !model.correction
    part(".correction b").textContent = model.correction
    part(".frame").textContent = model.frame
  }
  const choose = () => {
    select.replaceChildren(...model.conventions.map(([name, title]) => new Option(title, name, false, name === model.convention)))
  }
  const strip = () => {
    part(".strip").replaceChildren(...model.scans.map(([name, title, picture]) => {
      const button = document.createElement("button")
      button.type = "button"
      button.title = title
      button.setAttribute("role", "listitem")
      button.setAttribute("aria-current", String(name === model.shown))
      if (picture) button.append(Object.assign(new Image(), {src: picture, alt: ""}))
      button.append(Object.assign(document.createElement("span"), {textContent: title}))
      button.addEventListener("click", () => model.send_msg({does: "show", name}))
      return button
    }))
  }
  const watched = ["state", "head", "sentence", "facts", "share", "following", "provisional",
    "correction", "frame", "playing", "can_play"]
  for (const name of watched) model.on(name, show)
  for (const name of ["scans", "shown"]) model.on(name, strip)
  for (const name of ["convention", "conventions"]) model.on(name, choose)
  show()
  strip()
  choose()
  return root
}
