// Theme of the page, and the answer that a frame has been painted.
export function render({model}) {
  const dress = () => { document.documentElement.dataset.theme = model.theme }
  const ready = () => { document.documentElement.dataset.ready = String(model.ready) }
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
  dress()
  ready()
  ask()
  document.addEventListener("livestem-theme", () => {
    const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark"
    document.documentElement.dataset.theme = next
    model.send_msg({does: "theme", theme: next})
  })
  return document.createElement("i")
}
