// The save menu, and handing what it made to the browser.
const CHOICES = [
  ["png", "Picture as seen", "PNG"],
  ["tiff", "Phase, 32 bit, calibrated", "TIFF"],
  ["hdf5", "All results and settings", "HDF5"],
  ["report", "Report, to read and print", "HTML"],
  ["ptyrad", "To go on with PtyRAD", "ZIP"],
  ["quantem", "To go on with quantem", "ZIP"],
  ["py4dstem", "To go on with py4DSTEM", "ZIP"],
  ["abtem", "To simulate with abTEM", "ZIP"],
]
const MARK = /livestem-session:(\?[\x21-\x7e]*)\n/
const REMEMBERS = /\.(png|tiff?|h5|hdf5|html)$/i
const SEARCHED = 16 << 20 // bytes at either end of a file

function crc(bytes) {
  let sum = ~0
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = sum >>> 1 ^ (sum & 1 ? 0xedb88320 : 0)
  }
  return ~sum >>> 0
}

// The PNG with a text chunk behind its header.
async function remembering(blob, session) {
  if (!session) return blob
  const text = new TextEncoder().encode(`tEXtComment\0${session}`)
  const chunk = new DataView(new ArrayBuffer(text.length + 8))
  chunk.setUint32(0, text.length - 4)
  new Uint8Array(chunk.buffer).set(text, 4)
  chunk.setUint32(text.length + 4, crc(text))
  const header = 33
  return new Blob([blob.slice(0, header), chunk.buffer, blob.slice(header)], {type: blob.type})
}

// What a saved file remembers, or undefined. ImageJ's TIFF has two bytes to a letter.
async function remembered(file) {
  const ends = file.size <= 2 * SEARCHED ? [file] : [file.slice(0, SEARCHED), file.slice(-SEARCHED)]
  for (const part of ends) {
    const text = new TextDecoder("latin1").decode(await part.arrayBuffer())
    const found = MARK.exec(text) ?? MARK.exec(text.replaceAll("\0", ""))
    if (found) return found[1]
  }
}

function hand_over(blob, name) {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(blob)
  link.download = name
  document.body.append(link)
  link.click()
  link.remove()
  setTimeout(() => URL.revokeObjectURL(link.href), 10000)
}

async function picture({id, filename, session}) {
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
  canvas.toBlob(async (blob) => hand_over(await remembering(blob, session), filename))
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
  const over = (event) => { if (event.dataTransfer?.types.includes("Files")) event.preventDefault() }
  document.addEventListener("dragover", over)
  document.addEventListener("drop", async (event) => {
    const file = event.dataTransfer?.files[0]
    if (!file) return
    event.preventDefault() // the browser would leave the page for it
    const query = REMEMBERS.test(file.name) ? await remembered(file) : undefined
    if (query) location.search = query
    else model.send_msg({does: "foreign", name: file.name})
  })
  model.on("serial", () => {
    const data = model.data
    hand_over(new Blob([data?.buffer && !ArrayBuffer.isView(data) ? data.buffer : data]), model.filename)
  })
  model.on("figure", () => picture(model.figure))
  model.on("busy", () => { summary.textContent = model.busy ? "Saving…" : "Save" })
  return menu
}
