"""A room on the wire: pages without a browser, and one that sends what no page of ours would."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from urllib.parse import parse_qsl

import pytest

from app.server.restricted import REFUSED
from recon.io import write_events
from tests.support import wire
from tests.support.cold import PROGRAM
from tests.support.light_pages import light_page, links
from tests.support.servers import served
from tests.ui.samples import lattice_scan


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("room")
    write_events(folder / "lattice.npz", lattice_scan())
    settings = {"LIVESTEM_CACHE": str(folder / "cache"), "LIVESTEM_PREFIX": "stem"}
    with served(folder / "lattice.npz", program=PROGRAM, **settings) as (_, found):
        yield found[0]


def run(coroutine):
    # On a thread of its own: a browser's driver may keep a loop running on this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(coroutine)).result()


def value(page, name="defocus"):
    return page.shown(page.component("Controls", name), "values")[name]


async def opened(page):
    bar = page.component("StatusBar")
    await page.until(lambda: page.shown(bar, "mode") == "exact")
    return page


def test_pages_in_a_room_set_and_see_the_same_and_a_watcher_can_set_nothing(url):
    run(_in_a_room(url))


async def _in_a_room(url):
    async with light_page(url) as anna:
        await opened(anna)
        await anna.set("defocus", 12.0)
        tokens = await links(anna)
        async with (
            light_page(url, f"?room={tokens['steer']}") as ben,
            light_page(url, f"?room={tokens['watch']}") as eve,
        ):
            await asyncio.gather(opened(ben), opened(eve))
            assert value(ben) == value(eve) == 12
            await ben.set("C12a", 3.0)
            await anna.until(lambda: value(anna, "C12a") == 3)
            await eve.until(lambda: value(eve, "C12a") == 3)
            await eve.until(lambda: eve.pictures)
            for page in (ben, eve):
                await page.until(lambda page=page: _same(page, anna))
            await _attack(eve, anna, ben)


def _same(one, other):
    return one.pictures and other.pictures and one.pictures[-1][1] == other.pictures[-1][1]


async def _attack(eve, anna, ben):
    """Whatever a watcher sends, of any model, nothing of it is done."""
    before = {name: value(anna, name) for name in ("defocus", "C12a")}
    kind, content = await eve.set("defocus", 99.0)
    assert (kind, content["text"]) == ("ERROR", REFUSED)
    tools, saver = eve.component("Tools"), eve.component("Saver")
    for component, message in (
        (tools, {"does": "undo"}),
        (saver, {"does": "save", "kind": "hdf5"}),
        (eve.component("ShareCard"), {"does": "end"}),
        (eve.component("StatusBar"), {"does": "cancel"}),
        (eve.component("Controls", "defocus"), {"press": "focus"}),
        (eve.component("Upload"), {"does": "begin", "transfer": 1, "name": "a.npz", "size": 3}),
    ):
        kind, content = await eve.tell(component, **message)
        assert kind == "ERROR", message
    refused = 0
    for number, attributes in list(eve.models.items())[:400]:
        for name in list(attributes)[:2]:
            kind, _ = await eve.send(wire.change(number, name, {"type": "map", "entries": []}))
            refused += kind == "ERROR"
    assert refused > 300
    for events in (["no event"], [{"kind": "RootRemoved", "model": {"id": tools}}], [{}]):
        assert (await eve.send(*events))[0] == "ERROR"
    kind, _ = await eve.ask("PUSH-DOC", {"doc": {"roots": [], "title": "gone"}})
    assert kind == "ERROR"
    # What a page that watches does by itself goes through.
    assert (await eve.tell(eve.component("Shell"), does="theme", theme="light"))[0] == "OK"
    assert (await eve.tell(eve.component("Presence"), does="name", name="Eve"))[0] == "OK"
    people = anna.component("Presence")
    await anna.until(lambda: "Eve" in str(anna.shown(people, "people")))
    assert {name: value(anna, name) for name in before} == before
    assert {name: value(ben, name) for name in before} == before


def test_a_link_that_was_never_made_leads_to_a_sentence_and_a_way_on(url):
    html = wire.page(f"{url}?room={'A' * 22}")
    assert "livestem_connection" not in html  # it is no bench
    (words,) = run(_words(url, html))
    assert "has ended, or the link has run out" in words
    assert 'href="?"' in unescape(words)


async def _words(url, html):
    async with wire.socket(url, wire.token_of(html)) as page:
        found = wire.models(await page.begin()).values()
    return [each["attributes"]["text"] for each in found if each["name"].endswith(".HTML")]


def test_who_reloads_a_page_whose_room_is_gone_goes_on_alone_with_what_was_set(url):
    run(_alone(url))


async def _alone(url):
    async with light_page(url, f"?room={'A' * 22}&defocus=7") as anna:
        await opened(anna)
        assert value(anna) == 7
        said = json.dumps([anna.models[anna.data_of(anna.component("Notices"))]])
        assert "has ended, or the link has run out" in said
        (place,) = (n for n, kind in anna.kinds.items() if kind.endswith(".Location"))

        def written():
            said = dict(parse_qsl(anna.models[place].get("search", "")[1:]))
            return said if "room" not in said else None

        said = await anna.until(written)  # the address that the page came with has it
        assert float(said["defocus"]) == 7
