// Theme of the page, the answer that a frame has been painted, and how often frames come.
const SELDOM = 125 // ms, the longest that a hand which moves waits to tell where it is
const STILL = 1000 // ms without a frame after which nothing is known of how often they come

export function render({model}) {
  const root = document.documentElement
  const dress = () => { root.dataset.theme = model.theme }
  const turn = () => model.send_msg({does: "theme", theme: root.dataset.theme})
  const ready = () => {
    root.dataset.ready = String(model.ready)
    // The page turns at a click, be it before the server was there to be told of it.
    if (model.ready && root.dataset.theme !== model.theme) turn()
  }
  let shown_at = 0
  // Each frame asks for the next value (below); a hand tells one by itself only where none has come
  // for as long as the last took. More are not drawn, and to take one over costs the server as much
  // as half a frame.
  const pace = () => {
    const now = performance.now()
    window.livestem_pace = now - shown_at < STILL ? Math.min(SELDOM, now - shown_at) : 0
    shown_at = now
  }
  const painted = () => {
    const number = model.frame
    pace()
    // Where the hand is now: the server begins with that while this frame is painted.
    window.livestem_hand?.()
    let told = false
    const tell = () => {
      if (!told) { told = true; model.send_msg({does: "painted", number}) }
    }
    // What waits for its turn in a frame has it after that was painted; hidden tabs paint nothing.
    requestAnimationFrame(() => setTimeout(tell))
    setTimeout(tell, 300)
  }
  const open = (name) => {
    const part = document.getElementById(name)
    for (let at = part; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true
    return part
  }
  const ask = () => { if (model.missing) open("calibration") }
  const reveal = () => open(model.revealed.split(" ")[0])?.scrollIntoView({block: "center", behavior: "smooth"})
  model.on("missing", ask)
  model.on("revealed", reveal)
  model.on("theme", dress)
  model.on("ready", ready)
  model.on("frame", painted)
  ready()
  ask()
  document.addEventListener("livestem-theme", turn)
  return document.createElement("i")
}
