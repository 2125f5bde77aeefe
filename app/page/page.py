"""One session's page: state, pipeline, views, link and notices."""

import logging
from collections.abc import Callable
from time import monotonic

import panel as pn
from panel.io.state import set_curdoc

from app.features import FEATURES
from app.page.address import Address
from app.page.frequencies import Frequencies
from app.page.saving import Saving
from app.pipeline.jobs import Answer
from app.recall.presets import Presets
from app.server.sending import one_message
from app.server.warming import when_ready
from app.state.experiment import Experiment
from app.state.ties import Ties
from app.views.frame import Link
from app.views.panels import Panels
from app.views.sheet import Sheet
from app.views.shell import Notices, Shell, StatusBar
from app.views.slot import Slot
from app.views.text import Text
from recon.batch.geometry import DISC

SLOTS = ("slot_main", "slot_left", "slot_right")

STATUS_S = 0.5
"""How often the numbers of the status line change while a hand moves."""


class Page:
    """The instrument as one browser sees it.

    Parameters
    ----------
    make_pipeline : callable
        `make_pipeline(experiment, post)` gives the session's `Pipeline`.
    catalogue : Catalogue
        The scans on offer.
    query : mapping of str to str
        The entries of the address that the page was opened with.
    doc : bokeh Document, optional
        Where results are drawn; the current one if not given.
    presets : Presets, optional
        Of the user; none are kept if not given.
    """

    def __init__(self, make_pipeline, catalogue, query=None, doc=None, presets=None):
        self.doc = doc if doc is not None else pn.state.curdoc
        self.catalogue = catalogue
        self.presets = presets or Presets(None)
        self._closed = False
        self._told_at, self._extent, self._zooming = 0.0, None, False
        self.experiment = Experiment()
        self.notices = Notices()
        self.address = Address(
            self.experiment, catalogue, self.after, lambda: self.frequencies.looks_on()
        )
        for sentence in self.address.restore(query or {}):
            self.notices.add(sentence, "notice")
        self.pipeline = make_pipeline(self.experiment, self.post)
        results = self.pipeline.results
        self.saving = Saving(
            self.pipeline, self.post, self.notices.add, lambda: self.address.state(), self._fit
        )
        display = self.experiment.display

        self.link = Link()
        self.slots = {
            name: Slot(display, name, self.link, results, name == "slot_main") for name in SLOTS
        }
        self.frequencies = Frequencies(self.pipeline, display, self.after)
        self.facts = Text(pn.bind(_line, self.pipeline.preparing.param.scan), css_classes=["facts"])
        self.status = StatusBar()
        self.shell = Shell(theme=display.theme)
        self.sheet = Sheet()
        self.panels = Panels(self.experiment, catalogue, self.notices.add)
        self._ties, self.fitted, self._straight = Ties(), Answer(), set()
        self._connect()
        self._show_results()
        self.features = tuple(make(self) for make in FEATURES)

    def _fit(self):
        """Record of the fit whose values are set; None without one."""
        found = self.fitted.result
        return found.record() if found is not None and found.is_set(self.experiment) else None

    # ---- life ----

    def _connect(self) -> None:
        display = self.experiment.display
        self.shell.at_once(
            "painted",
            lambda message: self.pipeline.drawing.acknowledge(message["number"]),
            number=int,
        )
        self.shell.on("theme", self._set_theme)
        self.status.on("cancel", lambda message: self._cancel())
        self.status.on("retry", lambda message: self._retry())
        self.saving.saver.on("save", lambda message: self.save(message.get("kind")))
        self.link.source.on_change("data", self._zoomed)
        self.sheet.on_action = self._act_on_sheet
        self._ties.tie(display, self._restyle, "theme").tie(display, self._show_part, "view")
        self.address.watch()
        self._restyle()

    def _show_results(self) -> None:
        """Have what comes of the stages shown."""
        stages, told, ties = self.pipeline, self.pipeline.told.param, self._ties
        preparing, drawing = stages.preparing.param, stages.drawing.param
        for device in (preparing.device, drawing.device):
            ties.show(device, self.status.show_device)
        ties.show(preparing.scan, self._scan)
        ties.show(stages.opening.param.question, self.panels.shape.ask)
        self.frequencies.watch()
        ties.show(drawing.status, self._status)
        for result in stages.results.values():
            ties.show(result, self._place)
        # Comes after what it acknowledges, in the same message to the browser.
        ties.show(drawing.phase, self._count, precedence=1)
        ties.hear(told.progress, self._progress)
        ties.hear(told.error, self._error)
        ties.hear(told.notice, lambda sentence: self.notices.add(sentence, "notice"))

    def draw_straight(self, why: str, on: bool = True) -> None:
        """Have pictures that rest be written past HoloViews too, as long as there is a reason."""
        (self._straight.add if on else self._straight.discard)(why)
        views = *self.slots.values(), self.frequencies.tiles, self.frequencies.spectrum
        for each in views:
            each.straight = bool(self._straight)

    def start(self) -> None:
        """Begin to compute."""
        self.pipeline.start()
        self.status.param.update(task="Preparing the reconstruction", running=True)
        when_ready(lambda: self.post(self._ready))

    def _ready(self) -> None:
        self.shell.ready = True
        if self.status.task == "Preparing the reconstruction":
            self.status.running = False

    def post(self, function: Callable[[], None]) -> None:
        """Run `function()` soon on the session's thread; safe from any thread."""
        if self._closed:
            return

        def apply():
            if self._closed:
                return
            with set_curdoc(self.doc), one_message(self.doc):
                function()

        try:
            self.doc.add_next_tick_callback(apply)
        except (AttributeError, RuntimeError):  # the session ended meanwhile
            logging.getLogger(__name__).debug("A result came too late.", exc_info=True)

    def close(self, *context) -> None:
        """End the session: nothing refers to the page any more."""
        if self._closed:
            return
        self._closed = True
        self.pipeline.close()
        self._ties.untie()
        # Features first: one that draws as it ends would have a closed slot make a figure anew.
        for part in (*self.features, self.panels, self.frequencies, *self.slots.values()):
            part.close()
        shell = self.shell, self.status, self.saving.saver, self.notices, self.sheet
        for part in (*shell, self.address):
            part.close()

    # ---- results ----

    def _count(self, phase) -> None:
        if phase is not None:
            self.shell.frame = getattr(phase, "sequence", None) or self.shell.frame + 1

    def _scan(self, summary) -> None:
        self.notices.clear("error")
        self.status.stopped = False
        self.panels.show_scan(summary)
        self.shell.missing = bool(summary.missing)
        hint = wanted(summary)
        for slot in self.slots.values():
            slot.hint(hint)
        self.frequencies.hint(hint)

    def _progress(self, progress) -> None:
        self.status.param.update(
            task=progress.task,
            fraction=min(1.0, max(0.0, progress.fraction)),
            remaining=progress.remaining_s,
            running=progress.running,
        )

    def _error(self, sentence: str) -> None:
        self.notices.add(sentence, "error")
        # Where a picture stands, the work that failed has left it as it was; a question waits.
        stages = self.pipeline
        self.status.stopped = stages.opening.question is None and stages.drawing.phase is None

    def _cancel(self) -> None:
        self.pipeline.cancel()
        self.status.stopped = True

    def _retry(self) -> None:
        self.notices.clear("error")
        self.status.stopped = False
        self.pipeline.opening.read()

    def _status(self, status) -> None:
        if status is None:
            self.status.param.update(mode="", line="")
            return
        # Numbers that change with every frame cannot be read: they are told at rest, or seldom.
        now = monotonic()
        if status.mode != self.status.mode or now - self._told_at > STATUS_S:
            self._told_at = now
            line = status.line.removeprefix(f"{status.mode} · ") if status.mode else status.line
            self.status.param.update(mode=status.mode, line=line)

    # ---- the hand ----

    def _act_on_sheet(self, sheet: str, key: str, action: str) -> None:
        for feature in self.features:
            if sheet in feature.sheets:
                feature.act(sheet, key, action)

    def save(self, kind: str) -> None:
        """Make a file of what is shown, and hand it to the browser."""
        slot = self.slots["slot_main"]
        self.saving.save(kind, slot.view.figure, slot.named)

    def _set_theme(self, message) -> None:
        if message.get("theme") in ("dark", "light"):
            self.experiment.display.theme = message["theme"]

    def _restyle(self, *events) -> None:
        self.shell.theme = self.experiment.display.theme
        self.frequencies.set_theme(self.shell.theme)

    def after(self, milliseconds: int, action: Callable[[], None]):
        """Call `action()` once, later; None where the document has no session to wait in."""

        def act():
            if not self._closed:
                with set_curdoc(self.doc):
                    action()

        try:
            return self.doc.add_timeout_callback(act, milliseconds)
        except (AttributeError, RuntimeError):
            return None

    # ---- what is visible ----

    def _scan_extent(self):
        """Of the scan, as the slots draw it; None before they do."""
        extents = (slot.scan_extent for slot in self.slots.values())
        return next((extent for extent in extents if extent is not None), None)

    def _place(self, result) -> None:
        """Show the wanted part, once it is known of what."""
        extent = self._scan_extent()
        if extent != self._extent:
            self._extent = extent
            self._show_part()

    def _zoomed(self, attr, old, new) -> None:
        extent = self._scan_extent()
        if extent is None:
            return
        part = self.link.visible(extent)
        if part is not None:
            part = tuple(float(f"{value:.5g}") for value in part)
        if part != self.experiment.display.view:
            self._zooming = True
            self.experiment.display.view = part
            self._zooming = False

    def _show_part(self, *events) -> None:
        extent = self._scan_extent()
        if extent is not None and not self._zooming:
            self.link.show(extent, self.experiment.display.view)

    # ---- for the browser ----

    def told_by_watchers(self) -> list:
        """Parts whose messages do no more than change how this page looks."""
        roots = self.roots()
        return [roots[name] for name in ("guide", "presence", "shell", "notices")]

    def roots(self) -> dict:
        """The parts of the page by their names in assets/page.html."""
        parts = {"sheet": self.sheet}
        for feature in self.features:
            parts |= feature.roots()
        return (
            parts
            | self.panels.roots()
            | self.frequencies.roots()
            | {
                "facts": self.facts,
                "saver": self.saving.saver,
                "status": self.status,
                "notices": self.notices,
                "shell": self.shell,
                **{name: slot.__panel__() for name, slot in self.slots.items()},
            }
        )


def wanted(summary) -> str:
    """What to enter before there is a phase, and why; empty where nothing is missing."""
    if not summary.missing:
        return ""
    names = ", ".join(dict.fromkeys(name.split(" along ")[0] for name in summary.missing))
    said = f"To see a phase, enter under Scan › Calibration: {names}."
    # The first of the statements tells of the disc.
    return f"{summary.statements[0]} {said}" if DISC in summary.missing else said


def _line(summary) -> str:
    return "" if summary is None else summary.line
