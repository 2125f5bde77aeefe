"""What frames the instrument: status line, notices, the tie between page and browser."""

from base64 import b64decode
from collections.abc import Callable
from contextlib import contextmanager

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

    def show_device(self, state) -> None:
        """Show a `DeviceState`; the same one again costs nothing."""
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
        self.offering = True
        """Whether offers can be accepted."""
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
        label, action = (self.offering and offer) or ("", None)
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
    """Sends a file in pieces that fit a websocket's messages; none is kept in memory.

    Parameters
    ----------
    catalogue : Catalogue
        Takes files as they arrive.
    on_file : callable
        `on_file(dataset)` with the name of one that has arrived in full.
    on_problem : callable
        `on_problem(sentence)` where one is refused.
    """

    accept = param.String("", doc="Suffixes that the browser offers, such as .h5,.npz")
    received = param.Integer(0, doc="Bytes that have arrived; the browser then sends the next.")
    transfer = param.Integer(0, doc="Number of the transfer that `received` belongs to.")
    refused = param.Integer(0, doc="Number of the last transfer that was not taken.")

    _esm = asset("upload.js")

    def __init__(self, catalogue, on_file: Callable, on_problem: Callable, **params):
        super().__init__(**params)
        self._catalogue, self._on_file, self._on_problem = catalogue, on_file, on_problem
        self._upload = None
        self.on("begin", self._begin, transfer=int, name=str, size=int)
        self.on("piece", self._piece, transfer=int, at=int, data=str)

    def _begin(self, message):
        self._drop()
        self.param.update(transfer=message["transfer"], received=0)
        with self._told():
            self._upload = self._catalogue.begin_upload(message["name"], message["size"])

    def _piece(self, message):
        upload, place = self._upload, (message["transfer"], message["at"])
        if upload is None or place != (self.transfer, upload.size):
            return
        try:
            piece = b64decode(message["data"])
        except ValueError:  # no base 64: no browser of ours sent it
            return
        with self._told():
            upload.write(piece)
            self.received = upload.size
            if message.get("last") is True:
                self._upload = None
                self._on_file(self._catalogue.end_upload(upload))

    @contextmanager
    def _told(self):
        """Have the browser send no more of what is refused."""
        try:
            yield
        except ValueError as error:
            self._drop()
            self.refused = self.transfer
            self._on_problem(str(error))

    def _drop(self):
        upload, self._upload = self._upload, None
        if upload is not None:
            upload.drop()

    def close(self) -> None:
        """Answer no more, and remove what has arrived of a file."""
        super().close()
        self._drop()


class Saver(_Part):
    """The save menu: what is chosen is made by the server and handed to the browser.

    The message "save" carries a `kind`; `hand_over` answers it. A saved file that is dropped on
    the page opens its session again; "foreign" carries the `name` of one that has none.
    """

    data = param.Bytes(b"")
    filename = param.String("")
    serial = param.Integer(0)
    figure = param.Dict({}, doc="{id, filename, serial, session} of a figure to save.")
    busy = param.Boolean(False)

    _esm = asset("saver.js")

    def hand_over(self, filename: str, data: bytes) -> None:
        """Have the browser save a file."""
        self.param.update(filename=filename, data=data)
        self.param.update(serial=self.serial + 1, busy=False)

    def hand_over_figure(self, filename: str, figure, session: str = "") -> None:
        """Have the browser save a Bokeh figure as it draws it; the file remembers the session."""
        serial = self.figure.get("serial", 0) + 1
        self.figure = {
            "id": figure.id,
            "filename": filename,
            "serial": serial,
            "session": session,
        }
