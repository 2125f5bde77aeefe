"""What was set before, and how it is reached again: undo, compare, presets."""

import panel as pn

from app.features.comparing import Comparing, at_rest
from app.features.feature import Feature
from app.recall.history import History
from app.recall.preset_menu import Presetting
from app.recall.presets import KINDS
from app.views.tools import PresetMenu, Tools


class Recall(Feature):
    """The buttons in the head of the page, and what they do."""

    def __init__(self, page):
        super().__init__(page)
        self.tools, self._post, self._sheet = Tools(), page.post, page.sheet
        self.held = pn.Column(sizing_mode="stretch_both", margin=0)
        self.history = History(page.experiment, page.pipeline, page.after, self._tell)
        live = page.slots["slot_main"]
        self.comparing = Comparing(
            self.history,
            live,
            page.link,
            lambda: at_rest(page.pipeline),
            page.after,
            self._tell,
        )
        self.menu = PresetMenu(kinds=[list(kind) for kind in KINDS.items()])
        self.presetting = Presetting(
            page.experiment,
            self.history,
            page.presets,
            self.menu,
            lambda sentence: page.notices.add(sentence, "notice"),
        )
        self._connect_menu()
        for name, action in (
            ("undo", lambda: self.history.undo()),  # it may become that of a room
            ("redo", lambda: self.history.redo()),
            ("compare", self.compare),
        ):
            self._on(self.tools, name, action)

    def _on(self, part, name: str, action) -> None:
        # Posted, so that the browser gets all of it in one message and in order: Panel would send
        # a figure's new place before what Bokeh says of the figure.
        part.on(name, lambda message: self._post(action))

    def _connect_menu(self) -> None:
        do = self.presetting

        def named(message):
            return str(message.get("name", ""))

        for name, action in (
            ("list", lambda message: do.list()),
            ("load", lambda message: do.load(named(message))),
            ("delete", lambda message: do.delete(named(message))),
            (
                "save",
                lambda message: do.save(
                    named(message), str(message.get("kind")), message.get("overwrite") is True
                ),
            ),
        ):
            self.menu.on(name, lambda message, action=action: self._post(lambda: action(message)))

    def compare(self) -> None:
        """Hold the picture and its state, or end the comparison."""
        comparing = self.comparing
        if comparing.held is not None:
            comparing.drop()
            return
        self._sheet.hide()  # it would lie over both pictures
        comparing.hold()
        head = comparing.held.head
        for name, action in (
            ("swap", comparing.swap),
            ("drop", comparing.drop),
            ("scale", comparing.change_scale),
        ):
            self._on(head, name, action)

    def join(self, history: History) -> None:
        """Take the steps of a room in place of the page's own."""
        self.history.close()
        self.history = self.comparing.history = self.presetting.history = history

    def tell(self) -> None:
        """Show what can be undone, and whether two pictures are compared."""
        self._tell()

    def _tell(self) -> None:
        held = self.comparing.held
        if (held is not None) != self.tools.comparing:
            self.held[:] = [] if held is None else [held.__panel__()]
        self.tools.param.update(
            undo=self.history.undoable,
            redo=self.history.redoable,
            comparing=held is not None,
        )

    def roots(self) -> dict:
        """Views by their names in assets/page.html."""
        return {"tools": self.tools, "presets": self.menu, "held": self.held}

    def close(self) -> None:
        """Let go of everything."""
        for part in (self.comparing, self.history, self.tools, self.menu):
            part.close()
        self.held.clear()
