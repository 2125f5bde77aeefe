// What the width of the window changes that a style sheet cannot: below 900 px the page is one
// column, its panels are folded, and what a thumb needs moves from the panel to the foot. And the
// question marks, which open the guide.
{
  const narrow = matchMedia("(max-width: 899.9px)")
  const dock = document.querySelector(".dock")
  const docked = [...document.querySelectorAll("[data-dock]")].map((part) => {
    const place = document.createComment(part.className)
    part.before(place)
    return [part, place]
  })

  const arrange = () => {
    for (const [part, place] of docked) {
      if (narrow.matches) dock.prepend(part)
      else place.after(part)
    }
    // Folded while it is narrow, and then as they were.
    for (const card of document.querySelectorAll(".panel > .card")) {
      if (narrow.matches) {
        card.dataset.wide = String(card.open)
        card.open = false
      } else if (card.dataset.wide) {
        card.open = card.dataset.wide === "true"
      }
    }
  }
  narrow.addEventListener("change", arrange)
  arrange()

  document.addEventListener("click", (event) => {
    const mark = event.target.closest(".ask")
    if (!mark) return
    event.preventDefault()  // the section stays as it is
    const {page, anchor = ""} = mark.dataset
    document.dispatchEvent(new CustomEvent("livestem-help", {detail: {page, anchor}}))
  })
}
