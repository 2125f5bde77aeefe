// Tells the server where on a curve the pointer is. args: pointer

const told = pointer.__told ??= {}
const event = cb_obj.event_name
if (event === "mousemove") {
  told.next = {x: [cb_obj.x], y: [cb_obj.y]}
  if (!told.waiting) {
    told.waiting = true
    setTimeout(() => { told.waiting = false; pointer.data = told.next }, 40)
  }
} else {
  told.next = {x: [NaN], y: [NaN]}
  pointer.data = told.next
}
