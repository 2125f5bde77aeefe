"""What making pages costs those that are open: a benchmark, run by hand, on this machine alone.

    python -m tests.studies.attack_pages [--loads 60] [--pages 8] [--seconds 6] [--json FILE]

Serves the page and speaks to it as browsers do, without drawing: a few lines of Bokeh's protocol.
Measured are the time of the server's event loop that one page takes, the images each second of a
page whose slider is dragged, alone and while pages are asked for, and of several dragged at once
with the cores that the server then uses.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClosedError, websocket_connect

from tests.studies.latency import wait_for, write_scan
from tests.support.paths import ROOT
from tests.support.ports import free_port

SCAN = 256


def serve(port, data, stats):
    """The real server, which writes down how long its event loop was busy."""
    busy = {"seconds": 0.0}
    plain = asyncio.events.Handle._run

    def timed(handle):
        start = time.perf_counter()
        plain(handle)
        busy["seconds"] += time.perf_counter() - start

    def write():
        while True:
            made = Path(f"{stats}.new")
            made.write_text(json.dumps(busy))
            made.replace(stats)
            time.sleep(0.1)

    asyncio.events.Handle._run = timed
    threading.Thread(target=write, daemon=True).start()
    sys.argv = ["livestem", "serve", data, "--port", str(port), "--no-open"]
    from app.cli import main

    main()


class Client:
    """A page as a browser opens it, which draws nothing.

    `images` counts frames; each is acknowledged as a browser does after it has painted it.
    """

    def __init__(self, base, query):
        self.base, self.query, self.images = base, query, 0
        self._numbers, self._waiting = count(), {}
        self._shown_at, self._pace = 0.0, 0.0

    async def open(self):
        """Load the page and take its document over the websocket."""
        address = f"{self.base}/app?{self.query}"
        got = await AsyncHTTPClient(max_clients=1000).fetch(address, request_timeout=120)
        token = re.search(rb'"token":"([^"]+)"', got.body)[1].decode()
        request = HTTPRequest(
            f"ws{self.base[4:]}/app/ws?{self.query}", headers={"Origin": self.base}
        )
        protocols = ["bokeh", token]
        self._socket = await websocket_connect(
            request, subprotocols=protocols, max_message_size=1 << 28
        )
        while json.loads(await self._socket.read_message()).get("msgtype") != "ACK":
            pass
        self._reader = asyncio.create_task(self._read())
        reply = await self._ask("PULL-DOC-REQ", {})
        self._find(reply["doc"])
        self._event({"type": "event", "name": "document_ready", "values": _map()})
        return self

    def _find(self, doc):
        """The models of the defocus slider and of what says that a frame came."""
        text = json.dumps(doc)
        models = []

        def walk(value):
            if isinstance(value, dict):
                if "attributes" in value and "id" in value:
                    models.append(value)
                value = list(value.values())
            if isinstance(value, list):
                for each in value:
                    walk(each)

        walk(doc)
        self.bytes = len(text)
        for model in models:
            data = model["attributes"].get("data")
            own = data.get("attributes", {}) if isinstance(data, dict) else {}
            values = own.get("values")
            names = dict(values.get("entries", ())) if isinstance(values, dict) else {}
            if "defocus" in names and len(names) == 1:
                self._slider = data["id"]
            if model["attributes"].get("class_name") == "Shell":
                self._shell, self._frames = model["id"], data["id"]

    async def drag(self, seconds):
        """Move defocus as a hand does, and tell of it as the page does; images each second."""
        before, start, at = self.images, time.monotonic(), 0
        while (now := time.monotonic()) - start < seconds:
            at += 1
            value = {"type": "map", "entries": [["defocus", 20.0 + (at % 200) / 10]]}
            event = {"kind": "ModelChanged", "model": {"id": self._slider}}
            self._send("PATCH-DOC", {"events": [event | {"attr": "values", "new": value}]})
            # Sixty times a second, and no more than two values for an image: assets/shell.js.
            pause = max(1 / 60, self._pace) - (time.monotonic() - now)
            await asyncio.sleep(max(0.0, pause))
        return (self.images - before) / (time.monotonic() - start)

    async def seen(self, images, seconds=120):
        """Wait until so many images have come."""
        end = time.monotonic() + seconds
        while self.images < images:
            if time.monotonic() > end:
                raise TimeoutError(f"{self.images} images in {seconds} s")
            await asyncio.sleep(0.05)

    async def close(self):
        """Leave."""
        self._reader.cancel()
        self._socket.close()

    def _event(self, data):
        event = {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": data}
        with suppress(WebSocketClosedError):
            self._send("PATCH-DOC", {"events": [event]})

    def _send(self, kind, content):
        number = str(next(self._numbers))
        for part in ({"msgid": number, "msgtype": kind}, {}, content):
            self._socket.write_message(json.dumps(part))
        return number

    async def _ask(self, kind, content):
        answer = asyncio.get_running_loop().create_future()
        self._waiting[self._send(kind, content)] = answer
        return await answer

    async def _read(self):
        # A message is a header, metadata and contents; then each buffer, which has a header too.
        while (first := await self._socket.read_message()) is not None:
            header = json.loads(first)
            if "msgtype" not in header:  # what is left of the greeting
                continue
            await self._socket.read_message()
            content = await self._socket.read_message()
            for _ in range(2 * header.get("num_buffers", 0)):
                await self._socket.read_message()
            if header["msgtype"] == "PATCH-DOC":
                self._look(content)
            elif waiting := self._waiting.pop(header.get("reqid"), None):
                waiting.set_result(json.loads(content))

    def _look(self, content):
        if '"frame"' not in content:
            return
        for event in json.loads(content)["events"]:
            if event.get("attr") == "frame" and event["model"]["id"] == self._frames:
                self.images += 1
                now = time.monotonic()
                gap, self._shown_at = now - self._shown_at, now
                self._pace = min(0.125, gap / 2) if gap < 1 else 0.0
                told = {"does": "painted", "number": event["new"]}
                values = _map(model={"id": self._shell}, data=_map(**told))
                painted = {"type": "event", "name": "data_event", "values": values}
                # A browser paints before it says so.
                asyncio.get_running_loop().call_later(0.016, self._event, painted)


def _map(**entries):
    return {"type": "map", "entries": [list(pair) for pair in entries.items()]}


class Server:
    """The server's process, its loop's time and its use of the processor.

    Without `stats` it is the plain command, which writes down nothing.
    """

    def __init__(self, stats=True):
        self.folder = Path(tempfile.mkdtemp(prefix="livestem-attack-"))
        write_scan(self.folder / "noise.npz", SCAN)
        port = free_port()
        self._stats = self.folder / "loop.json"
        command = [sys.executable, "-m", "tests.studies.attack_pages"]
        command += ["--serve", str(port), str(self.folder), self._stats]
        if not stats:
            command = [sys.executable, "-m", "app.cli", "serve", str(self.folder)]
            command += ["--port", str(port), "--no-open"]
        environment = os.environ | {"LIVESTEM_CACHE": str(self.folder / "cache")}
        with (self.folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        self.base = f"http://127.0.0.1:{port}"
        wait_for(f"{self.base}/static/js/bokeh.min.js")

    def loop(self):
        """(seconds busy, of them computing) of the event loop until now."""
        time.sleep(0.25)
        found = json.loads(self._stats.read_text())
        return found["seconds"], self.cpu(f"task/{self.process.pid}/")

    def cpu(self, thread=""):
        """Seconds of all cores, or of a thread."""
        path = Path(f"/proc/{self.process.pid}/{thread}stat")
        fields = path.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)


async def fetch(base, query):
    """Ask for a page; the status, and how long it took."""
    start = time.monotonic()
    got = await AsyncHTTPClient(max_clients=1000).fetch(
        f"{base}/app?{query}", raise_error=False, request_timeout=120
    )
    return got.code, time.monotonic() - start


async def cost_of_a_page(server, times=8):
    """Time of the loop for a page that is fetched, and for one that is opened [ms]."""
    rows = {"get": [], "get cpu": [], "open": [], "open cpu": []}
    for n in range(times + 2):
        before = server.loop()
        await fetch(server.base, "dataset=none")
        between = server.loop()
        client = await Client(server.base, "dataset=noise.npz").open()
        await client.seen(1)
        await asyncio.sleep(1.5)
        after = server.loop()
        await client.close()
        if n > 1:  # the first ones fill caches
            rows["get"].append(between[0] - before[0])
            rows["get cpu"].append(between[1] - before[1])
            rows["open"].append(after[0] - between[0])
            rows["open cpu"].append(after[1] - between[1])
    return {f"{name} [ms]": 1e3 * statistics.median(row) for name, row in rows.items()}


async def one_among_loads(server, loads, seconds):
    """Images each second of a dragged page, alone and while pages are asked for."""
    client = await Client(server.base, "dataset=noise.npz").open()
    await client.seen(1)
    await asyncio.sleep(2)
    await client.drag(2)
    alone = await client.drag(seconds)
    asked = [
        asyncio.create_task(fetch(server.base, f"dataset=noise.npz&C12a={n}")) for n in range(loads)
    ]
    await asyncio.sleep(0.1)
    rates, start = [], time.monotonic()
    while not all(task.done() for task in asked) or len(rates) < seconds:
        rates.append(await client.drag(1))
        if time.monotonic() - start > 120:
            break
    answers = await asyncio.gather(*asked)
    await client.close()
    codes = [code for code, _ in answers]
    return {
        "alone [1/s]": alone,
        f"under {loads} loads [1/s]": statistics.mean(rates),
        "worst second [1/s]": min(rates),
        "loads took [s]": max(took for _, took in answers),
        "pages": codes.count(200),
        "refused": codes.count(429),
    }


async def many_dragged(server, pages, seconds):
    """Images each second of several pages dragged at once, and cores used."""
    clients = [await Client(server.base, "dataset=noise.npz").open() for _ in range(pages)]
    for client in clients:
        await client.seen(1)
    await asyncio.sleep(2)
    await asyncio.gather(*(client.drag(2) for client in clients))
    before, start, loop = server.cpu(), time.monotonic(), server.loop()
    rates = await asyncio.gather(*(client.drag(seconds) for client in clients))
    took, used, after = time.monotonic() - start, server.cpu() - before, server.loop()
    for client in clients:
        await client.close()
    return {
        f"{pages} pages together [1/s]": sum(rates),
        "slowest page [1/s]": min(rates),
        "cores": used / took,
        "computing an image [ms]": 1e3 * used / took / max(sum(rates), 1e-9),
        "loop busy": (after[0] - loop[0]) / took,
        "loop computing": (after[1] - loop[1]) / took,
    }


async def measure(server, chosen):
    """All of it."""
    results = {}
    if "cost" in chosen.only:
        results["cost of a page"] = await cost_of_a_page(server)
    if "loads" in chosen.only:
        results["page loads"] = await one_among_loads(server, chosen.loads, chosen.seconds)
    if "many" in chosen.only:
        for pages in (1, chosen.pages):
            results[f"{pages} dragged"] = await many_dragged(server, pages, chosen.seconds)
    return results


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loads", type=int, default=60)
    parser.add_argument("--pages", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--only", nargs="+", default=["cost", "loads", "many"])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve(*chosen.serve)
        return
    server = Server()
    try:
        results = asyncio.run(measure(server, chosen))
    finally:
        with suppress(OSError):
            print((server.folder / "log").read_text()[-2000:], file=sys.stderr)
        server.close()
    for name, row in results.items():
        print(name)
        for key, value in row.items():
            print(f"    {key:28}{value:10.2f}")
    if chosen.json:
        chosen.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
