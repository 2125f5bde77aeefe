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
  root.innerHTML = `<span class="dot"></span><span class="mode"></span><span class="line"></span>
    <span class="work" hidden><span class="task" role="status"></span>
    <progress max="1"></progress><span class="left"></span><button type="button" class="cancel">Cancel</button></span>
    <span class="stopped" hidden>Stopped before it was done
    <button type="button" class="retry">Try again</button></span>`
  const part = (name) => root.querySelector(name)
  for (const does of ["cancel", "retry"]) {
    part(`.${does}`).addEventListener("click", () => model.send_msg({does}))
  }
  const show = () => {
    root.dataset.mode = model.mode
    part(".mode").textContent = model.mode
    part(".line").textContent = model.line
    part(".work").hidden = !model.running
    part(".stopped").hidden = model.running || !model.stopped
    part(".task").textContent = model.running ? `${model.task} ${Math.floor(100 * model.fraction)} %` : ""
    part("progress").value = model.fraction
    part(".left").textContent = words(model.remaining)
  }
  for (const name of ["mode", "line", "task", "fraction", "remaining", "running", "stopped"]) model.on(name, show)
  show()
  return root
}
