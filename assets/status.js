// The line at the foot of the page.
function words(seconds) {
  if (seconds === null || seconds === undefined) return ""
  if (seconds < 1.5) return "about 1 s left"
  if (seconds < 90) return `about ${Math.round(seconds)} s left`
  return `about ${Math.round(seconds / 60)} min left`
}

export function render({model}) {
  const root = document.createElement("div")
  root.className = "status"
  root.innerHTML = `<span class="dot"></span><span class="mode"></span><span class="quality" title="Share of the tiles' power above noise that is flat: 100 % when the aberrations are right"></span><span class="line"></span>
    <span class="work" hidden><span class="task" role="status"></span>
    <progress max="1"></progress><span class="left"></span><button type="button" class="cancel">Cancel</button></span>
    <span class="stopped" hidden>Stopped before it was done
    <button type="button" class="retry">Try again</button></span>
    <span class="device" tabindex="0" aria-describedby="device-details" hidden><span class="name"></span>
    <meter min="0" max="1" low="0.8" high="0.92" optimum="0"></meter><span class="memory"></span>
    <span class="details" role="tooltip" id="device-details"></span></span>`
  const part = (name) => root.querySelector(name)
  for (const does of ["cancel", "retry"]) {
    part(`.${does}`).addEventListener("click", () => model.send_msg({does}))
  }
  const show = () => {
    root.dataset.mode = model.mode
    part(".mode").textContent = model.mode
    part(".line").textContent = model.line
    part(".quality").textContent = model.quality
    part(".work").hidden = !model.running
    part(".stopped").hidden = model.running || !model.stopped
    part(".task").textContent = model.running ? `${model.task} ${Math.floor(100 * model.fraction)} %` : ""
    part("progress").value = model.fraction
    part(".left").textContent = words(model.remaining)
  }
  const gauge = () => {
    part(".device").hidden = !model.device
    part(".name").textContent = model.device
    part(".memory").textContent = model.memory
    part("meter").hidden = !model.memory
    part("meter").value = model.full
    part(".details").replaceChildren(...model.details.map((text) => {
      const line = document.createElement("span")
      const [, what, how] = text.match(/^([^.]{1,60}): (.{1,40})$/) ?? [null, "", text]
      if (what) line.append(Object.assign(document.createElement("b"), {textContent: what}))
      line.append(how)
      return line
    }))
  }
  for (const name of ["mode", "line", "quality", "task", "fraction", "remaining", "running", "stopped"]) model.on(name, show)
  for (const name of ["device", "memory", "full", "details"]) model.on(name, gauge)
  show()
  gauge()
  return root
}
