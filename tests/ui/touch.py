"""Fingers on a page: Playwright itself has them only tap."""

STEPS = 20


class Fingers:
    """Touches a page of Chromium, as the browser takes them from a screen."""

    def __init__(self, page):
        self._page, self._client = page, page.context.new_cdp_session(page)

    def drag(self, *ways):
        """Move one finger for each way ((x, y), (x, y)) at once, from its beginning to its end."""
        self._send("touchStart", [start for start, _ in ways])
        for step in range(1, STEPS + 1):
            part = step / STEPS
            self._send(
                "touchMove",
                [(x0 + part * (x1 - x0), y0 + part * (y1 - y0)) for (x0, y0), (x1, y1) in ways],
            )
            self._page.wait_for_timeout(16)
        self._send("touchEnd", [])

    def drag_until(self, condition, instrument, *ways):
        """The same, and again where the page was too busy; then the page has settled.

        Chromium gives up a touch to which a page has not answered within a second.
        """
        instrument.until(lambda: self.drag(*ways) or instrument.settled() or condition())

    def _send(self, kind, places):
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        self._client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
