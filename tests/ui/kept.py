"""A page that several tests use one after the other, each time put back to how it was at first.

Opening one costs a server and a browser seconds. A hand's steps are undone by the page's own undo;
what undo leaves alone (slots, zoom, theme, what is folded) is put back where it stands.
"""

SET = """(all) => all.map((e) => [e.dataset.name, e.type === "file" ? "" : e.value, e.checked])"""

FOLD = """(all, open) => all.forEach((each, n) => { each.open = open[n] })"""

RANGES = """() => Object.fromEntries([...Bokeh.index.all_views()]
  .filter((v) => v.frame && v.model.name && v.model.x_range)
  .map(({model}) => [model.name, [model.x_range, model.y_range].map((r) => [r.start, r.end])])
  .sort(([a], [b]) => a < b ? -1 : 1))"""

REST = """() => {
  document.activeElement?.blur()
  for (const each of document.querySelectorAll(".bench, .panel")) each.scrollTop = 0
  scrollTo(0, 0)
}"""

MOST_STEPS = 30
"""That a test has done on it; a page with more is not put back."""


class Kept:
    """A page at rest, and all that is seen of it then."""

    def __init__(self, context, instrument):
        self.context, self.instrument = context, instrument
        instrument.exact()
        for name in ("tiles", "spectrum", "slot_left image", "slot_right pattern"):
            instrument.until(lambda name=name: instrument.picture(name))
        instrument.settled()
        self._size = instrument.page.viewport_size
        self._folded = self._details().evaluate_all("all => all.map((each) => each.open)")
        self._first = self._seen()

    def _details(self):
        return self.instrument.page.locator("details")

    def _seen(self):
        """What is set, what is drawn and where, and what stands over it."""
        page, instrument = self.instrument.page, self.instrument
        return {
            "set": page.locator("input, select").evaluate_all(SET),
            "theme": page.evaluate("document.documentElement.dataset.theme"),
            "ranges": page.evaluate(RANGES),
            "picture": instrument.picture(),
            "notices": instrument.notices(),
            "over": [page.locator(f"section.{name}").is_visible() for name in ("sheet", "guide")],
            "details": self._details().count(),
            "undo": page.locator(".tools [data-does=undo]").is_enabled(),
        }

    def put_back(self):
        """Undo what was done to it; whether it is now as it was at first."""
        page, instrument = self.instrument.page, self.instrument
        if instrument.problems or instrument.outside:
            return False
        if page.viewport_size != self._size:
            page.set_viewport_size(self._size)
        page.mouse.move(1, 1)
        page.evaluate(REST)
        for name in ("guide", "sheet"):
            if page.locator(f"section.{name}").is_visible():
                page.keyboard.press("Escape")
        for _ in range(MOST_STEPS):
            page.keyboard.press("Control+z")  # what still waits to become a step is one by that
            instrument.settled()
            if page.locator(".tools [data-does=undo]").is_disabled():
                break
        while instrument.notices():
            page.locator(".notice button[aria-label=Dismiss]").first.click()
            instrument.settled()
        self._details().evaluate_all(FOLD, self._folded)
        self._choose()
        instrument.exact()
        self._zoom_out()
        return self._seen() == self._first

    def _choose(self):
        """Choose in each menu, and of themes, what was chosen at first."""
        page, now, first = self.instrument.page, self._seen(), self._first
        for (name, value, _), (_, before, _) in zip(now["set"], first["set"], strict=False):
            if value != before and name and name.startswith("slot_"):
                page.locator(f"select[data-name={name}]").select_option(before)
        if now["theme"] != first["theme"]:
            page.locator("#theme").click()
        self.instrument.settled()

    def _zoom_out(self):
        ranges = self.instrument.page.evaluate(RANGES)
        for name, range in self._first["ranges"].items():
            if ranges.get(name) == range:
                continue
            slot = name.removeprefix("slot_").split()[0]
            box = self.instrument.box(slot)
            middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            self.instrument.page.mouse.dblclick(*middle)
            self.instrument.page.mouse.move(1, 1)
            self.instrument.settled()
            ranges = self.instrument.page.evaluate(RANGES)
