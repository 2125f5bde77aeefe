// Theme of the page, and the answer that a frame has been painted.
export function render({model}) {
  const root = document.documentElement
  const dress = () => { root.dataset.theme = model.theme }
  const turn = () => model.send_msg({does: "theme", theme: root.dataset.theme})
  const ready = () => { root.dataset.ready = String(model.ready) }
  const painted = () => {
    const number = model.frame
    let told = false
    const tell = () => {
      if (!told) { told = true; model.send_msg({does: "painted", number}) }
    }
    // The second frame begins after the first has been painted; hidden tabs paint nothing.
    requestAnimationFrame(() => requestAnimationFrame(tell))
    setTimeout(tell, 300)
  }
  const ask = () => { if (model.missing) document.getElementById("calibration").open = true }
  const reveal = () => {
    const part = document.getElementById(model.revealed.split(" ")[0])
    for (let at = part; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true
    part?.scrollIntoView({block: "center", behavior: "smooth"})
  }
  model.on("missing", ask)
  model.on("revealed", reveal)
  model.on("theme", dress)
  model.on("ready", ready)
  model.on("frame", painted)
  // The page turns at a click, be it before this was there to tell of it.
  if (root.dataset.theme !== model.theme) turn()
  ready()
  ask()
  document.addEventListener("livestem-theme", turn)
  return document.createElement("i")
}
