// The guide beside the images: a page at a time, with the way back.
const FIRST = "index"

export function render({model}) {
  const root = document.createElement("section")
  root.className = "guide"
  root.setAttribute("role", "complementary")
  root.setAttribute("aria-label", "Help")
  root.innerHTML = `<header><h1></h1><button type="button" class="back" title="Back" aria-label="Back">←</button>
    <button type="button" class="contents">Contents</button>
    <button type="button" class="close" title="Close (Esc)" aria-label="Close help">×</button></header>
    <article tabindex="-1"></article>`
  const part = (name) => root.querySelector(name)
  const button = document.getElementById("help")
  const way = []  // pages that were left, each with how far it was read
  let anchor = "", read = 0

  const shown = () => document.documentElement.hasAttribute("data-help")
  const ask = (page, at = "", top = 0) => {
    anchor = at
    read = top
    if (page === model.page) place()
    else model.send_msg({does: "open", page})
  }
  const leave = () => way.push([model.page, part("article").scrollTop])
  const place = () => {
    part(".back").disabled = !way.length
    part(".contents").disabled = model.page === FIRST
    const to = anchor && root.querySelector(`#${CSS.escape(anchor)}`)
    if (to) to.scrollIntoView()
    else part("article").scrollTop = read
  }
  const fill = () => {
    part("h1").textContent = model.title
    part("article").innerHTML = model.html
    place()
  }
  const show = (on) => {
    document.documentElement.toggleAttribute("data-help", on)
    button.setAttribute("aria-pressed", String(on))
  }
  const toggle = (on) => {
    show(on)
    if (!on) { button.focus(); return }
    if (!model.page) ask(FIRST)
    part("article").focus()
  }
  // A question mark in the panel.
  const answer = ({detail: {page, anchor: at}}) => {
    if (model.page && shown()) leave()
    show(true)
    ask(page, at)
  }

  part("article").addEventListener("click", (event) => {
    const link = event.target.closest("a[data-page]")
    if (!link) return
    event.preventDefault()
    leave()
    ask(link.dataset.page, link.dataset.anchor)
  })
  part(".back").addEventListener("click", () => {
    const [page, top] = way.pop()
    ask(page, "", top)
  })
  part(".contents").addEventListener("click", () => { leave(); ask(FIRST) })
  part(".close").addEventListener("click", () => toggle(false))
  const press = () => toggle(!shown())
  const keys = (event) => {
    if (event.key !== "Escape" || !shown()) return
    event.stopPropagation()  // what lies below stays
    toggle(false)
  }
  button.addEventListener("click", press)
  button.disabled = false  // whoever was faster would have clicked in vain
  document.addEventListener("keydown", keys, true)
  document.addEventListener("livestem-help", answer)
  model.on("opened", fill)
  model.on("remove", () => {
    button.removeEventListener("click", press)
    document.removeEventListener("keydown", keys, true)
    document.removeEventListener("livestem-help", answer)
  })
  return root
}
