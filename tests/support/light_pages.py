"""A page without a browser that follows what it is sent: what controls show, and pictures."""

import asyncio
import json
import re
from contextlib import asynccontextmanager
from hashlib import sha256
from itertools import count
from time import monotonic

import requests

from tests.support import wire

_numbers = count(1)


class LightPage:
    """Keeps the models of a page as the server says they are, and what it was sent."""

    def __init__(self, connection, document):
        self.connection = connection
        self.models = {n: dict(m.get("attributes", {})) for n, m in wire.models(document).items()}
        self.kinds = {n: m["name"] for n, m in wire.models(document).items()}
        self.pictures: list[tuple[float, str]] = []  # when, and what the large image became
        self.painted: list[int] = []
        self._telling: set = set()
        self._answers: dict[str, asyncio.Future] = {}
        self._writing = asyncio.Lock()
        self._images = self._large_image(document)
        self._shell = self.component("Shell")
        self._following = asyncio.ensure_future(self._follow())

    def _large_image(self, document) -> set[str]:
        """Ids of the sources of the large image: at rest, and while a hand moves."""
        models = wire.models(document)
        figures = [model.get("attributes", {}) for model in models.values()]
        figure = next(each for each in figures if each.get("name") == "slot_main image")
        drawn = [each["attributes"] for each in figure["renderers"] if "attributes" in each]
        images = [each for each in drawn if each["glyph"].get("name") == "Image"]
        settled = {each["data_source"]["id"] for each in images}
        assert len(settled) == 1, "there is no large image"
        tags = {number: model.get("attributes", {}).get("tags") for number, model in models.items()}
        return settled | {number for number, told in tags.items() if told == list(settled)}

    def component(self, name: str, holding: str | None = None) -> str:
        """Id of a component of our own; with `holding`, of the group that has that control."""
        for number, attributes in self.models.items():
            data = attributes.get("data")
            if "ReactiveESM" not in self.kinds.get(number, "") or not isinstance(data, dict):
                continue
            values = self.models.get(data["id"], {})
            called = re.sub(r"\d+$", "", values.get("name", ""))
            if called == name and (holding is None or holding in json.dumps(values.get("values"))):
                return number
        raise AssertionError(f"there is no {name}")

    def data_of(self, component: str) -> str:
        """Id of what holds a component's own properties."""
        return self.models[component]["data"]["id"]

    def shown(self, component: str, name: str):
        """A property of a component; maps as dicts."""
        value = self.models[self.data_of(component)].get(name)
        if isinstance(value, dict) and value.get("type") == "map":
            return dict(value["entries"])
        return value

    async def ask(self, kind: str, content) -> tuple[str, dict]:
        """Send a message; the kind of its answer and the content."""
        number = f"light-{next(_numbers)}"
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        # Parts of two messages between each other are none that a server understands.
        async with self._writing:
            for part in ({"msgid": number, "msgtype": kind}, {}, content):
                await self.connection.connection.write_message(json.dumps(part))
        return await asyncio.wait_for(answer, 300)

    async def send(self, *events) -> tuple[str, dict]:
        """Send events; the kind of the answer and its content."""
        return await self.ask("PATCH-DOC", {"events": list(events)})

    async def tell(self, component: str, **message) -> tuple[str, dict]:
        """Send a component's message."""
        return await self.send(wire.message(component, message))

    async def set(self, name: str, value: float) -> tuple[str, dict]:
        """Set a control, as a hand on it does."""
        group = self.component("Controls", name)
        values = self.shown(group, "values") | {name: value}
        moves = values.get("#moves")
        moves = dict(moves["entries"]) if isinstance(moves, dict) and "entries" in moves else {}
        moves[name] = moves.get(name, 0) + 1
        entries = [[key, each] for key, each in values.items() if key != "#moves"]
        entries.append(["#moves", {"type": "map", "entries": [list(m) for m in moves.items()]}])
        new = {"type": "map", "entries": entries}
        data = self.data_of(group)
        self.models[data]["values"] = new
        return await self.send(wire.change(data, "values", new))

    async def _follow(self) -> None:
        while True:
            parts = [json.loads(await self.connection._fragment()) for _ in range(3)]
            buffers = {}
            for _ in range(parts[0].get("num_buffers", 0)):
                header = json.loads(await self.connection._fragment())
                buffers[header["id"]] = await self.connection._fragment()
            self._take(parts[0], parts[2], buffers)

    def _take(self, header, content, buffers) -> None:
        asked = header.get("reqid")
        if asked in self._answers:
            self._answers.pop(asked).set_result((header["msgtype"], content))
        for event in content.get("events", []) if header["msgtype"] == "PATCH-DOC" else []:
            if event["kind"] not in ("ModelChanged", "ColumnDataChanged"):
                continue
            new = event["new"] if event["kind"] == "ModelChanged" else event["data"]
            for number, model in wire.models(new).items():
                self.models.setdefault(number, {}).update(model.get("attributes", {}))
                self.kinds[number] = model["name"]
            number, name = event["model"]["id"], event["attr"]
            self.models.setdefault(number, {})[name] = new
            if number in self._images and name == "data":
                said = sha256()
                for found in re.findall(r'"id": "([^"]+)"', json.dumps(new)):
                    said.update(buffers.get(found, b""))
                self.pictures.append((monotonic(), said.hexdigest()))
            if name == "frame" and isinstance(new, int):
                self.painted.append(new)
                self._telling.add(asyncio.ensure_future(self._paint(new)))

    async def _paint(self, number: int) -> None:
        await self.tell(self._shell, does="painted", number=number)

    async def until(self, condition, seconds: float = 300.0):
        """Wait until `condition()` holds, and give what it gave."""
        end = monotonic() + seconds
        while not (found := condition()):
            assert monotonic() < end, "it did not happen"
            assert not self._following.done(), self._following.exception()
            await asyncio.sleep(0.02)
        return found


def _page(url, cookies) -> str:
    answer = requests.get(url, cookies=cookies, timeout=600)
    assert answer.status_code == 200, answer.status_code
    return answer.text


@asynccontextmanager
async def light_page(url: str, query: str = "", cookies=None):
    """An open page that has begun to work."""
    html = await asyncio.to_thread(_page, f"{url}{query}", cookies)
    async with wire.socket(url, wire.token_of(html), cookies) as connection:
        page = LightPage(connection, await connection.begin())
        await page.send(wire.READY)
        try:
            yield page
        finally:
            page._following.cancel()
            await asyncio.gather(page._following, return_exceptions=True)


async def links(page: LightPage) -> dict[str, str]:
    """The tokens of a page's links into its room."""
    card = page.component("ShareCard")
    await page.tell(card, does="invite")
    await page.until(lambda: page.shown(card, "watch"))
    return {name: page.shown(card, name) for name in ("watch", "steer")}
