// Watches the page's one connection to the server. While it is lost the page says so over everything
// and takes nothing. Once the server answers again the page is loaded anew from its address, which
// carries all that is set: a server that was restarted knows nothing of the page that was open.
(() => {
  const QUIET = 10000 // ms without a word from the server, after which it is asked for one
  const UNANSWERED = 2000 // the same once the page itself has said something
  const PATIENCE = 5000 // for the answer
  const ASLEEP = 5000 // a clock that ticks every second and is this late has slept
  const STOPPING = 1000 // before the server is asked whether it is there
  const WRITTEN = 3000 // after a change what the server writes into the address has it
  const LONG = 30000 // without a connection: time to say what can be done
  const MOST_LOADS = 3 // in a row that did not lead to a connection
  const MEMORY = "livestem-connection"
  const SCROLLED = ".bench, .panel" // the whole page on a telephone, the panel beside the pictures elsewhere
  const INPUT = ["pointerdown", "mousedown", "touchstart", "click", "dblclick", "input", "change", "keydown",
    "wheel", "drop", "paste"]

  const Plain = window.WebSocket
  let socket = null
  let greeted = false // by the server, over this socket; before that it understands nothing
  let heard_at = Date.now() // when the server last said anything
  let said_at = 0 // when the page first said something after that
  let asked_at = 0 // when the server was asked to say something
  let ticked_at = Date.now()
  let leaving = false
  let lost = null // {how: "closed" | "silent" | "refused", since, tries, next}
  let trying = false // whether the server is asked again and again
  let cover = null
  const changed = new Map() // key of the address -> [text, when]
  let written_at = 0 // when the server last wrote the address

  for (const name of ["pushState", "replaceState"]) {
    const plain = history[name]
    history[name] = function (...given) {
      plain.apply(this, given)
      written_at = Date.now()
    }
  }

  window.WebSocket = class extends Plain {
    constructor(...args) {
      super(...args)
      if (!/\/ws(\?|$)/.test(this.url)) return
      socket = this
      greeted = false
      heard_at = Date.now()
      this.addEventListener("message", hear)
      this.addEventListener("close", () => { if (socket === this) closed() })
    }

    send(data) {
      super.send(data)
      said_at ||= Date.now()
    }
  }

  // A control tells what it was set to: the address knows it later, and on a busy server much later.
  window.livestem_changed = (key, value) => {
    const text = typeof value === "boolean" ? String(Number(value)) : value === null ? null : String(value)
    if (key) changed.set(key, [text, Date.now()])
  }

  window.livestem_copy = async (link) => {
    try {
      await navigator.clipboard.writeText(link)
    } catch {
      // Without https a browser keeps its clipboard; a selection can still be copied.
      const box = document.body.appendChild(document.createElement("textarea"))
      box.value = link
      box.select()
      document.execCommand("copy")
      box.remove()
    }
  }

  function hear() {
    greeted = true
    heard_at = Date.now()
    said_at = asked_at = 0
    if (lost?.how === "silent") found()
  }

  function ask() {
    asked_at = Date.now()
    if (!greeted) return
    const header = {msgid: `beat-${asked_at}`, msgtype: "SERVER-INFO-REQ"}
    for (const part of [header, {}, {}]) Plain.prototype.send.call(socket, JSON.stringify(part))
  }

  function closed() {
    if (!leaving) lose("closed")
  }

  function tick() {
    const now = Date.now()
    const slept = now - ticked_at > ASLEEP
    ticked_at = now
    if (lost) return say()
    if (socket?.readyState === Plain.CLOSED) return closed()
    if (socket?.readyState !== Plain.OPEN) return
    const silent = now - heard_at
    // What was waiting for an answer before the clock slept says nothing about now.
    if (slept || (!asked_at && (silent > QUIET || (said_at && now - said_at > UNANSWERED)))) ask()
    else if (asked_at && now - asked_at > (greeted ? PATIENCE : LONG)) lose("silent")
  }

  // ---- lost and found ----

  function lose(how) {
    const refused = how === "closed" && recall().loads >= MOST_LOADS
    lost = {since: lost?.since ?? Math.min(heard_at, Date.now()), tries: lost?.tries ?? 0, next: 0,
      how: refused ? "refused" : how}
    if (how === "closed") write_address()
    if (!cover) {
      cover = make_cover()
      for (const part of document.body.children) part.inert = true
      document.body.append(cover)
      cover.focus()
    }
    say()
    if (!refused && !trying) keep_trying()
  }

  function found() {
    lost = null
    cover?.remove()
    cover = null
    for (const part of document.body.children) part.inert = false
  }

  async function keep_trying() {
    trying = true
    // A server that is being stopped ends this connection first, and answers for a moment more.
    await new Promise((resolve) => setTimeout(resolve, STOPPING))
    while (lost && lost.how !== "refused") {
      const answers = await server_answers()
      if (!lost) break
      lost.tries += 1
      // A server that answers others but not this page has forgotten it, or never hears it.
      if (answers && (lost.how === "closed" || lost.tries > 2)) return load_again()
      const wait = Math.min(10000, 1000 * 1.5 ** Math.min(lost.tries, 6))
      lost.next = Date.now() + wait
      say()
      await new Promise((resolve) => { lost.now = resolve; setTimeout(resolve, wait) })
    }
    trying = false
  }

  async function server_answers() {
    const script = document.querySelector('script[src*="static/"]')
    try {
      const signal = AbortSignal.timeout(4000)
      return (await fetch(script.src, {method: "HEAD", cache: "no-store", signal})).ok
    } catch {
      return false
    }
  }

  function load_again() {
    write_address()
    const folds = [...document.querySelectorAll("details")].map((each) => each.open)
    const scroll = [...document.querySelectorAll(SCROLLED)].map((each) => each.scrollTop)
    remember({loads: recall().loads + 1, folds, scroll, seconds: Math.round((Date.now() - lost.since) / 1000)})
    leaving = true
    location.reload()
  }

  // The server writes the address when the hand rests; what was set just before is added here.
  function write_address() {
    const query = new URLSearchParams(location.search)
    for (const [key, [text, when]] of changed) {
      if (when < Math.min(lost.since, written_at) - WRITTEN) continue
      if (text === null) query.delete(key)
      else query.set(key, text)
    }
    changed.clear()
    const search = String(query)
    history.replaceState(null, "", `${location.pathname}${search ? `?${search}` : ""}${location.hash}`)
  }

  // ---- in words ----

  function make_cover() {
    const made = document.createElement("div")
    made.className = "lost"
    made.tabIndex = -1
    made.setAttribute("role", "alertdialog")
    made.setAttribute("aria-modal", "true")
    made.setAttribute("aria-labelledby", "lost-title")
    made.innerHTML = `<div><h1 id="lost-title"></h1><p class="what"></p><p class="help"></p><p class="when" role="status"></p>
      <nav><button type="button" class="now">Try now</button><button type="button" class="copy">Copy link</button></nav></div>`
    made.querySelector(".now").addEventListener("click", () => lost.how === "refused" ? load_again() : lost.now?.())
    made.querySelector(".copy").addEventListener("click", ({target}) => {
      window.livestem_copy(location.href)
      target.textContent = "Link copied"
      setTimeout(() => { target.textContent = "Copy link" }, 1500)
    })
    return made
  }

  function say() {
    if (!cover) return
    const part = (name, text) => {
      const words = cover.querySelector(name)
      if (words.textContent !== text) words.textContent = text
      words.hidden = !text
    }
    const seconds = Math.round((Date.now() - lost.since) / 1000)
    const since = seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`
    const next = Math.max(0, Math.ceil((lost.next - Date.now()) / 1000))
    const kept = "All settings are in the page's link."
    if (lost.how === "refused") {
      part("h1", "The page cannot stay connected")
      part(".what", "The server sends the page, but its live connection (a websocket) closes at once: the picture is frozen and nothing can be changed.")
      part(".help", `A proxy or firewall on the way may not let websockets pass, or the server does not know the name in this address. Ask whoever runs the server. ${kept}`)
      part(".when", "")
    } else {
      part("h1", lost.how === "closed" ? "The connection to the server is lost" : "The server does not answer")
      part(".what", "The picture is frozen and nothing can be changed. The page comes back by itself, with the present settings, when the server answers.")
      part(".help", seconds * 1000 < LONG ? "" :
        `Check the network or VPN of this computer, or ask whoever runs the server. You can leave this page open, or copy the link and open it later. ${kept}`)
      part(".when", `No answer for ${since}; ${next ? `next try in ${next} s.` : "trying now …"}`)
    }
    cover.querySelector(".now").textContent = lost.how === "refused" ? "Load again" : "Try now"
  }

  function recall() {
    try {
      return {loads: 0, ...JSON.parse(sessionStorage.getItem(MEMORY))}
    } catch {
      return {loads: 0}
    }
  }

  function remember(what) {
    try {
      sessionStorage.setItem(MEMORY, JSON.stringify(what))
    } catch { /* a browser that keeps nothing: the page comes back folded as at first */ }
  }

  // After it was loaded again: as it was unfolded, and with a word on what happened.
  function come_back() {
    const {folds, scroll, seconds} = recall()
    if (!folds) return
    const details = document.querySelectorAll("details")
    if (folds.length === details.length) details.forEach((each, n) => { each.open = folds[n] })
    const begun = Date.now()
    const watch = setInterval(() => {
      if (lost) return clearInterval(watch)
      if (greeted && Date.now() - begun > 1500) {
        clearInterval(watch)
        remember({loads: 0})
        document.querySelectorAll(SCROLLED).forEach((each, n) => { each.scrollTop = scroll[n] })
        const words = document.createElement("p")
        words.className = "found"
        words.setAttribute("role", "status")
        words.textContent = `The connection was lost for ${seconds} s. The page is back with your settings${new URLSearchParams(location.search).has("room") ? "." : "; undo steps and found results are lost."}`
        document.querySelector(".notice-area")?.prepend(words)
        setTimeout(() => words.remove(), 12000)
      }
    }, 300)
  }

  for (const name of INPUT) {
    window.addEventListener(name, (event) => {
      if (!lost || !event.isTrusted || event.composedPath().includes(cover)) return
      event.stopImmediatePropagation()
      if (event.cancelable) event.preventDefault()
    }, {capture: true, passive: false})
  }
  window.addEventListener("beforeunload", () => {
    leaving = true
    setTimeout(() => { leaving = false }, 3000) // the page was not left after all
  })
  window.addEventListener("offline", () => { if (socket && !lost) ask_now() })
  for (const name of ["online", "focus", "pageshow"]) window.addEventListener(name, ask_now)
  document.addEventListener("visibilitychange", ask_now)
  document.addEventListener("DOMContentLoaded", come_back, {once: true}) // Panel says it twice
  setInterval(tick, 1000)

  // Something happened to the computer: one word from the server settles whether it is still there.
  function ask_now() {
    if (lost) lost.now?.()
    else if (socket?.readyState === Plain.OPEN && !asked_at && Date.now() - heard_at > 1000) ask()
    else tick()
  }
})()
