"""What frames the instrument: status line, notices, the tie between page and browser."""

from base64 import b64decode
from collections.abc import Callable

import param

from app.views.assets import asset
from app.views.component import Component


class _Part(Component):
    _stylesheets = [asset("shell.css")]  # noqa: RUF012 - Panel declares it so
    __abstract = True

    def __init__(self, **params):
        super().__init__(**({"margin": 0} | params))


class Shell(_Part):
    """Sets the theme, and says when a frame has been painted.

    A change of `frame` is answered by the message "painted" with the same number, after the
    browser has drawn what came with it.
    """

    theme = param.String("dark")
    frame = param.Integer(0)
    ready = param.Boolean(False)
    missing = param.Boolean(False, doc="Whether the calibration has to be completed.")
    revealed = param.String("", doc="Id of a part of the panel to open, and how often it was.")

    _esm = asset("shell.js")

    def reveal(self, part: str) -> None:
        """Open a part of the control panel, and bring it into view."""
        count = int(self.revealed.partition(" ")[2] or 0)
        self.revealed = f"{part} {count + 1}"


class StatusBar(_Part):
    """Mode and speed; long work with a way to stop and to resume it; the device and its memory.

    Messages: "cancel" while it runs, "retry" once it was stopped.
    """

    mode = param.String("")
    line = param.String("")
    quality = param.String("", doc="How right the picture is, told at rest.")
    task = param.String("")
    fraction = param.Number(0.0)
    remaining = param.Number(None, allow_None=True)
    running = param.Boolean(False)
    stopped = param.Boolean(False, doc="Whether long work was cancelled or failed.")
    device = param.String("", doc="What computes.")
    memory = param.String("", doc="How full it is, in words.")
    full = param.Number(0.0, doc="How full it is, 0 to 1.")
    details = param.List([], doc="Lines on what takes the memory.")

    _esm = asset("status.js")

    def __init__(self, **params):
        super().__init__(**({"sizing_mode": "stretch_width"} | params))
        self._state = None

    def show_device(self, state) -> None:
        """Show a `DeviceState`; the same one again costs nothing."""
        if state is not self._state:
            self._state = state
            self.param.update(
                device=state.name,
                memory=state.line,
                full=round(state.fraction, 3),
                details=list(state.details),
            )


class Notices(_Part):
    """Sentences about what went wrong or was found; each can be closed.

    One that offers to do something about it stays until it is answered.
    """

    items = param.List([], doc="(number, kind, sentence, offer); kind: error or notice.")

    MOST = 4

    _esm = asset("notices.js")

    def __init__(self, **params):
        super().__init__(**params)
        self._count = 0
        self._offers: dict[int, Callable[[], None]] = {}
        self.on("dismiss", lambda message: self.dismiss(message["number"]), number=int)
        self.on("accept", lambda message: self._accept(message["number"]), number=int)

    def add(self, sentence: str, kind: str = "error", offer=None) -> int:
        """Show a sentence; one that stands there already moves to the end.

        Returns its number, for `dismiss`.

        Parameters
        ----------
        sentence : str
        kind : {"error", "notice"}
        offer : (str, callable), optional
            Words of a button, and what it does.
        """
        self._count += 1
        label, action = offer or ("", None)
        if action is not None:
            self._offers[self._count] = action
        kept = [item for item in self.items if item[2] != sentence]
        self.items = [*kept[1 - self.MOST :], (self._count, kind, sentence, label)]
        return self._count

    def _accept(self, number) -> None:
        action = self._offers.get(number)
        self.dismiss(number)
        if action is not None:
            action()

    def dismiss(self, number) -> None:
        """Take one away."""
        self._offers.pop(number, None)
        self.items = [item for item in self.items if item[0] != number]

    def clear(self, kind: str) -> None:
        """Take all of a kind away."""
        self.items = [item for item in self.items if item[1] != kind]


class Upload(_Part):
    """Sends a file in pieces that fit a websocket's messages.

    `on_file(name, content)` is called with the whole; what it raises is the caller's to show.
    """

    accept = param.String("", doc="Suffixes that the browser offers, such as .h5,.npz")
    received = param.Integer(0, doc="Bytes that have arrived; the browser then sends the next.")
    transfer = param.Integer(0, doc="Number of the transfer that `received` belongs to.")

    limit = 4 << 30
    """Bytes that are taken."""

    _esm = asset("upload.js")

    def __init__(self, on_file: Callable[[str, bytes], None], **params):
        super().__init__(**params)
        self._on_file = on_file
        self._content = bytearray()
        self.on("begin", self._begin, transfer=int)
        self.on("piece", self._piece, transfer=int, at=int, name=str, data=str)

    def _begin(self, message):
        self._content = bytearray()
        self.param.update(transfer=message["transfer"], received=0)

    def _piece(self, message):
        if message["transfer"] != self.transfer or message["at"] != len(self._content):
            return
        try:
            self._content += b64decode(message["data"])
        except ValueError:  # no base 64
            return
        if len(self._content) > self.limit:
            # Whoever takes files refuses one of that size, and says so.
            too_much, self._content, self.transfer = bytes(self._content), bytearray(), 0
            self._on_file(message["name"], too_much)
            return
        self.received = len(self._content)
        if message.get("last"):
            content, self._content = bytes(self._content), bytearray()
            self._on_file(message["name"], content)

    def close(self) -> None:
        """Answer no more, and forget what has arrived."""
        super().close()
        self._content = bytearray()


class Saver(_Part):
    """The save menu: what is chosen is made by the server and handed to the browser.

    The message "save" carries a `kind`; `hand_over` answers it.
    """

    data = param.Bytes(b"")
    filename = param.String("")
    serial = param.Integer(0)
    figure = param.Dict({}, doc="{id, filename, serial} of a figure to save as it is seen.")
    busy = param.Boolean(False)

    _esm = asset("saver.js")

    def hand_over(self, filename: str, data: bytes) -> None:
        """Have the browser save a file."""
        self.param.update(filename=filename, data=data)
        self.param.update(serial=self.serial + 1, busy=False)

    def hand_over_figure(self, filename: str, figure) -> None:
        """Have the browser save a Bokeh figure as it draws it."""
        serial = self.figure.get("serial", 0) + 1
        self.figure = {"id": figure.id, "filename": filename, "serial": serial}
