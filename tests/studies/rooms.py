"""What a room costs: `python -m tests.studies.rooms`, on a quiet machine.

Twelve pages in a room, three of them in Chromium and one of these dragging. Printed are the
driver's images a second alone and in the room, in turns; how long after the last move the last page
has its last picture; and the memory before and after 100 rooms were opened and closed.

All pages share the two cores with the server, which those of others do not. The nine light ones, in
this process, take 0.05 of a core of it while the hand moves; each of the two in Chromium that look
on 0.04 to 0.1, and a little more for putting them together on the screen.
"""

import argparse
import asyncio
import gc
import logging
import os
import shutil
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from time import monotonic

import pytest

from recon.io import write_events
from tests.support.light_pages import light_page
from tests.support.room_bench import Bench
from tests.support.servers import served
from tests.ui.conftest import FLAGS
from tests.ui.samples import lattice_scan

COUNT = """seconds => new Promise(done => {
  const shell = Bokeh.documents[0]
  let frames = 0
  const heard = event => { if (event.attr === "frame") frames += 1 }
  shell.on_change(heard)
  setTimeout(() => { shell.remove_on_change(heard); done(frames / seconds) }, 1000 * seconds)
})"""
"""Frames a second that the server has sent."""

SWEEP = """seconds => new Promise(done => {
  const find = root => {
    for (const each of root.querySelectorAll("*")) {
      if (each.matches("input[type=range][data-name=defocus]")) return each
      const inner = each.shadowRoot && find(each.shadowRoot)
      if (inner) return inner
    }
  }
  const slider = find(document), began = performance.now()
  const move = () => {
    const at = (performance.now() - began) / 1000
    if (at > seconds) { slider.dispatchEvent(new Event("change")); return done(Date.now()) }
    slider.value = 20 + 15 * Math.sin(4 * at)
    slider.dispatchEvent(new Event("input"))
    requestAnimationFrame(move)
  }
  move()
})"""
"""A hand on the defocus slider."""


async def drag(page, seconds: float) -> tuple[float, float]:
    """Images a second while a hand drags, and when it moved last."""
    counted, _ = await asyncio.gather(page.evaluate(COUNT, seconds), page.evaluate(SWEEP, seconds))
    return counted, monotonic()


async def until(condition, seconds=120.0):
    end = monotonic() + seconds
    while not await condition():
        assert monotonic() < end, "it did not happen"
        await asyncio.sleep(0.05)


async def exact(page):
    async def is_exact():
        return await page.locator(".status .mode").inner_text() == "exact"

    await until(is_exact)


async def room(url: str, seconds: float, rounds: int, light: int) -> None:
    """The driver's images a second, and when all others have the last picture."""
    from playwright.async_api import async_playwright

    async with async_playwright() as driver, AsyncExitStack() as stack:
        path = os.environ.get("LIVESTEM_CHROMIUM") or shutil.which("chromium")
        browser = await driver.chromium.launch(executable_path=path, args=FLAGS)
        anna = await browser.new_page(viewport={"width": 1366, "height": 768})
        await anna.goto(url, timeout=300_000)
        await exact(anna)
        await drag(anna, 1.0)  # to get warm
        alone = [(await drag(anna, seconds))[0] for _ in range(rounds)]
        await anna.click("#share")
        link = anna.locator("[data-name=watch-link]")
        await until(link.input_value)
        query = "?" + (await link.input_value()).partition("?")[2]
        await anna.keyboard.press("Escape")
        for _ in range(2):
            other = await browser.new_page(viewport={"width": 1366, "height": 768})
            await other.goto(url + query, timeout=300_000)
            await exact(other)
        pages = [await stack.enter_async_context(light_page(url, query)) for _ in range(light)]
        for page in pages:
            bar = page.component("StatusBar")
            await page.until(lambda page=page, bar=bar: page.shown(bar, "mode") == "exact")
        await drag(anna, 1.0)
        together, late, seen = [], [], []
        for _ in range(rounds):
            before = [len(page.pictures) for page in pages]
            rate, last_move = await drag(anna, seconds)
            together.append(rate)
            await asyncio.sleep(2.5)
            ends = {page.pictures[-1][1] for page in pages}
            assert len(ends) <= 1, "the pages do not end on the same picture"
            late.append(max(page.pictures[-1][0] for page in pages) - last_move)
            shown = [len(p.pictures) - n for p, n in zip(pages, before, strict=True)]
            seen.append(median(shown) / seconds)
        print(f"alone          {median(alone):6.1f} images/s   {_list(alone)}")
        print(f"{3 + light:2d} in a room   {median(together):6.1f} images/s   {_list(together)}")
        print(f"ratio          {median(together) / median(alone):6.2f}")
        print(f"who looks on   {median(seen):6.1f} images/s")
        print(f"last picture   {1e3 * median(late):6.0f} ms after the last move")
        await browser.close()


def _list(values) -> str:
    return " ".join(f"{value:.1f}" for value in values)


def memory(rooms: int) -> None:
    """Resident memory after rooms were opened and closed, over that after the first tenth."""

    def resident() -> int:
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    logging.disable()  # the stand-in for an engine cannot make all that a page would like
    bench = Bench(pytest.MonkeyPatch())

    def open_and_close():
        anna = bench.open()
        door = anna.pipeline.invite()
        eve = bench.open(door.watch)
        anna.experiment.aberrations.defocus = 5.0
        bench.until(lambda: eve.experiment.aberrations.defocus == 5)
        bench.doors.end(door)
        bench.until(lambda: eve.pipeline.member.room.closed)  # and they are told
        for page in (anna, eve):
            page.close()
        bench.pages.clear()
        bench.until(bench.posted.empty)

    for _ in range(rooms // 10):
        open_and_close()
    before = resident()
    for _ in range(rooms):
        open_and_close()
    after = resident()
    change = 100 * (after / before - 1)
    bench.close()
    print(f"{rooms} rooms      {before / 1e6:.0f} → {after / 1e6:.0f} MB, {change:+.1f} %")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--light", type=int, default=9, help="pages without a browser")
    parser.add_argument("--rooms", type=int, default=100)
    parser.add_argument("--only", choices=["room", "memory"])
    chosen = parser.parse_args()
    if chosen.only != "room":
        memory(chosen.rooms)
    if chosen.only != "memory":
        with tempfile.TemporaryDirectory() as folder:
            write_events(Path(folder) / "lattice.npz", lattice_scan())
            with served(f"{folder}/lattice.npz", LIVESTEM_CACHE=f"{folder}/cache") as (_, found):
                asyncio.run(room(found[0], chosen.seconds, chosen.rounds, chosen.light))


if __name__ == "__main__":
    main()
