"""A browser without a browser: it gets a page, opens its websocket, and sends what it likes."""

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from itertools import count
from urllib.parse import urlsplit

import requests
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClosedError, websocket_connect

from tests.support.waiting import PATIENCE_S

_numbers = count(1)


def token_of(html: str) -> str:
    """The token with which a page opens its websocket."""
    return re.search(r'"token":"([^"]+)"', html)[1]


def origin(url: str) -> str:
    """Scheme and host of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def page(url: str, cookies=None, **options) -> str:
    """The page's HTML."""
    answer = requests.get(url, cookies=cookies, timeout=120, **options)
    assert answer.status_code == 200, answer.status_code
    return answer.text


@asynccontextmanager
async def socket(url: str, token: str, cookies=None, kind=None):
    """The open websocket of a page, as a `Wire` or a `kind` of it; HTTPClientError if refused."""
    headers = {"Origin": origin(url)}
    if cookies:
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in dict(cookies).items())
    address = f"ws{url.removeprefix('http')}/ws"
    # Taken as they come, as a browser does: a session waits for who reads none of its pictures.
    inbox: asyncio.Queue = asyncio.Queue()
    connection = await websocket_connect(
        HTTPRequest(address, headers=headers),
        subprotocols=["bokeh", token],
        max_message_size=1 << 30,
        on_message_callback=inbox.put_nowait,
    )
    connection.protocol.stream.set_nodelay(True)  # as browsers do
    wire = (kind or Wire)(connection, inbox)
    try:
        yield wire
    finally:
        connection.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(wire.end(), 30)


def roots(url: str) -> int:
    """Of how many parts the page is made that a browser gets; a page that failed has none."""

    async def count_them():
        async with socket(url, token_of(page(url))) as wire:
            return len((await wire.begin())["roots"])

    # On a thread of its own: a browser's driver may keep a loop running on this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(count_them())).result()


class Wire:
    """Bokeh's protocol on a websocket."""

    def __init__(self, connection, inbox: asyncio.Queue):
        self.connection, self._inbox = connection, inbox

    async def end(self) -> None:
        """Wait until the other end has closed too, so that no half of a socket is left."""
        while await self._next() is not None:
            pass

    async def _next(self):
        """The next that came; None once the socket is closed."""
        async with asyncio.timeout(PATIENCE_S):
            found = await self._inbox.get()
        if found is None:
            self._inbox.put_nowait(None)  # as it will be for whoever asks again
        return found

    async def receive(self) -> tuple[dict, dict]:
        """The next message: its header and content; `ConnectionError` where the socket closed."""
        parts = [json.loads(await self._fragment()) for _ in range(3)]
        for _ in range(parts[0].get("num_buffers", 0)):
            await self._fragment()
            await self._fragment()
        return parts[0], parts[2]

    async def _fragment(self):
        fragment = await self._next()
        if fragment is None:
            raise ConnectionError("the server closed the websocket")
        return fragment

    async def ask(self, kind: str, content) -> tuple[str, dict]:
        """Send a message; the kind and the content of its answer."""
        number = f"wire-{next(_numbers)}"
        header = {"msgid": number, "msgtype": kind}
        for part in (header, {}, content):
            await self.connection.write_message(json.dumps(part))
        while True:
            header, content = await self.receive()
            if header.get("reqid") == number:
                return header["msgtype"], content

    async def send(self, parts) -> None:
        """Send parts of a message as they are; wait for an answer, or for the end of the socket."""
        with suppress(WebSocketClosedError):  # at the first of them that is none
            for part in parts:
                await self.connection.write_message(part, binary=isinstance(part, bytes))
        await self._next()

    async def begin(self) -> dict:
        """Take the document of the page, as JSON."""
        header, _ = await self.receive()
        assert header["msgtype"] == "ACK"
        _, content = await self.ask("PULL-DOC-REQ", {})
        return content["doc"]

    async def patch(self, *events) -> tuple[str, dict]:
        """Send changes as a page's scripts do; "OK", or "ERROR" and why."""
        return await self.ask("PATCH-DOC", {"events": list(events)})


def message(model: str, data) -> dict:
    """What a component's script sends with `model.send_msg(data)`."""
    return event("data_event", model, data=data)


def event(name: str, model: str, **values) -> dict:
    """An event of a model."""
    values = {"type": "map", "entries": [["model", {"id": model}], *map(list, values.items())]}
    return {
        "kind": "MessageSent",
        "msg_type": "bokeh_event",
        "msg_data": {"type": "event", "name": name, "values": values},
    }


def change(model: str, attribute: str, new) -> dict:
    """A property that the page's scripts set."""
    return {"kind": "ModelChanged", "model": {"id": model}, "attr": attribute, "new": new}


def models(document) -> dict[str, dict]:
    """All models of a document by their ids."""
    found = {}

    def walk(value):
        if isinstance(value, dict):
            if value.get("type") == "object" and "id" in value:
                found[value["id"]] = value
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    walk(document)
    return found


def components(document) -> dict[str, str]:
    """Id of each component of our own that takes messages -> what it is called."""
    found = {}
    for number, model in models(document).items():
        data = model["attributes"].get("data") if "ReactiveESM" in model["name"] else None
        if isinstance(data, dict):
            found[number] = re.sub(r"\d+$", "", data.get("name", data["id"]))
    return found


READY = {
    "kind": "MessageSent",
    "msg_type": "bokeh_event",
    "msg_data": {"type": "event", "name": "document_ready", "values": {"type": "map"}},
}
"""What a browser says when the page stands: the work begins."""
