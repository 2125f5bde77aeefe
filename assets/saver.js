// The save menu, and handing what it made to the browser.
const CHOICES = [
  ["png", "Picture as seen", "PNG"],
  ["tiff", "Phase, 32 bit, calibrated", "TIFF"],
  ["hdf5", "All results and settings", "HDF5"],
]

function hand_over(blob, name) {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(blob)
  link.download = name
  document.body.append(link)
  link.click()
  link.remove()
  setTimeout(() => URL.revokeObjectURL(link.href), 10000)
}

async function picture({id, filename}) {
  const view = Bokeh.index.find_one_by_id(id)
  view.model.__moving?.settle()
  const drawn = await createImageBitmap(await view.export("auto", true).to_blob())
  const canvas = document.createElement("canvas")
  canvas.width = drawn.width
  canvas.height = drawn.height
  const context = canvas.getContext("2d")
  // The figure itself is transparent, so that it takes the page's colour.
  context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--raised")
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.drawImage(drawn, 0, 0)
  canvas.toBlob((blob) => hand_over(blob, filename))
}

export function render({model}) {
  const menu = document.createElement("details")
  menu.className = "saver"
  menu.innerHTML = `<summary title="Save what is shown">Save</summary><div role="menu"></div>`
  const list = menu.querySelector("div")
  const summary = menu.querySelector("summary")
  for (const [kind, text, format] of CHOICES) {
    const item = document.createElement("button")
    item.type = "button"
    item.setAttribute("role", "menuitem")
    item.dataset.kind = kind
    item.innerHTML = `<span>${text}</span><b>${format}</b>`
    item.addEventListener("click", () => { menu.open = false; model.send_msg({does: "save", kind}) })
    list.append(item)
  }
  menu.addEventListener("keydown", (event) => { if (event.key === "Escape") menu.open = false })
  document.addEventListener("pointerdown", (event) => {
    if (!event.composedPath().includes(menu)) menu.open = false
  })
  model.on("serial", () => {
    const data = model.data
    hand_over(new Blob([data?.buffer && !ArrayBuffer.isView(data) ? data.buffer : data]), model.filename)
  })
  model.on("figure", () => picture(model.figure))
  model.on("busy", () => { summary.textContent = model.busy ? "Saving…" : "Save" })
  return menu
}
