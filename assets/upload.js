// A file, sent in pieces that each fit a websocket message.
const PIECE = 3 << 20

export function render({model}) {
  const root = document.createElement("label")
  root.className = "upload"
  const words = document.createElement("span")
  const input = document.createElement("input")
  input.type = "file"
  input.accept = model.accept
  input.setAttribute("aria-label", "Open a file from this computer")
  root.append(words, input)
  const idle = "Open…"
  words.textContent = idle
  let file = null
  let transfer = 0

  const send = async (at) => {
    const sending = transfer
    const bytes = new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer())
    if (!file || sending !== transfer) return // refused, or another chosen, meanwhile
    let text = ""
    for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000))
    const last = at + bytes.length >= file.size
    words.textContent = `${Math.floor(100 * (at + bytes.length) / Math.max(1, file.size))} %`
    model.send_msg({does: "piece", transfer, at, last, data: btoa(text)})
    if (last) { file = null; setTimeout(() => { words.textContent = idle }, 1200) }
  }
  input.addEventListener("change", () => {
    if (!input.files.length) return
    file = input.files[0]
    input.value = ""
    transfer = Date.now() % 1e9
    model.send_msg({does: "begin", transfer, name: file.name, size: file.size})
    send(0)
  })
  model.on("received", () => { if (file && model.transfer === transfer && model.received > 0) send(model.received) })
  model.on("refused", () => { if (model.refused === transfer) { file = null; words.textContent = idle } })
  return root
}
