"""Files that change, lie or never end, and connections that say nothing: numbers of a real server.

    python -m tests.studies.attack_files [--port 5770] [--parts files,uploads,deep,waits,sockets]

Not for pytest. On this machine alone; each server it starts, it ends. Prints a line of JSON a part.
"""

import argparse
import asyncio
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from base64 import b64encode
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import h5py
import numpy as np
import requests

from app.engine.store import Store
from app.pipeline.lanes import SLOW, ComputeService
from tests.support import wire
from tests.support.paths import ROOT

SHOWN = "on a detector of"
"""Part of the statement that a page makes of a scan it has read."""
DENSE = "read in slabs"


class Page(wire.Wire):
    """A page that draws nothing; what it is told in words is kept in `said`."""

    def __init__(self, connection, inbox):
        super().__init__(connection, inbox)
        self.said, self.parts = "", {}

    async def receive(self):
        """The next message."""
        header, content = await super().receive()
        self.said += json.dumps(content, ensure_ascii=False)
        return header, content

    async def begin(self):
        """Take the document, and say that the page stands."""
        document = await super().begin()
        self.said = ""
        self.parts = {name: number for number, name in wire.components(document).items()}
        await self.patch(wire.READY)

    async def tell(self, part, **message):
        """Send a component's message."""
        await self.patch(wire.message(self.parts[part], message))

    async def until(self, *words, seconds=120):
        """The first of the words that the page is told, and after how many seconds; or None."""
        begun = time.perf_counter()
        while True:
            for word in words:
                if word in self.said:
                    return word, round(time.perf_counter() - begun, 2)
            left = seconds - (time.perf_counter() - begun)
            try:
                await asyncio.wait_for(self.receive(), max(left, 0.001))
            except TimeoutError:
                return None, seconds


@asynccontextmanager
async def page(base, dataset):
    """An open page of a scan."""
    url = f"{base}/app"
    html = await asyncio.to_thread(wire.page, f"{url}?dataset={dataset}")
    async with wire.socket(url, wire.token_of(html), kind=Page) as made:
        await made.begin()
        yield made


@contextmanager
def server(folder, port, descriptors=None, **environment):
    """`livestem serve` of a folder: the process, its address, and the file of its log."""
    log, temporary = folder.parent / f"log{time.time_ns()}", folder.parent / "tmp"
    temporary.mkdir(exist_ok=True)
    own = {"LIVESTEM_CACHE": str(folder.parent / "cache"), "TMPDIR": str(temporary)}
    with open(log, "wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "serve", folder, "--port", str(port), "--no-open"],
            cwd=ROOT,
            env={**os.environ, **own, **environment},
            stdout=out,
            stderr=out,
            preexec_fn=descriptors
            and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))),
        )
    base = f"http://localhost:{port}"
    try:
        for _ in range(600):
            if "Ctrl-C" in log.read_text():
                break
            time.sleep(0.2)
        yield process, base, log
    finally:
        process.terminate()
        process.wait(30)


def resident(process):
    text = Path(f"/proc/{process.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1e3


def cpu(process):
    numbers = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def is_alive(base):
    try:
        return requests.get(f"{base}/app", timeout=60).status_code == 200
    except requests.RequestException:
        return False


def frames(seed, high=9):
    return np.random.default_rng(seed).integers(0, high, (48, 48, 64, 64)).astype("<u2")


async def files(folder, port):
    """A dense file that is rewritten under open pages; commands; every format."""
    path, told, later = folder / "scan.npy", [], []
    np.save(path, frames(0))
    with server(folder, port) as (process, base, log):
        for number in range(7):
            async with page(base, "scan.npy") as one:
                stop = threading.Event()

                def rewrite(stop=stop, number=number):
                    while not stop.wait(0.05):
                        np.save(path, frames(number))

                writer = threading.Thread(target=rewrite)
                writer.start()
                told.append((await one.until("while it was open", DENSE, seconds=20))[0])
                # What is summed then is read again.
                later.append((await one.until("while it was open", seconds=5))[0])
                stop.set()
                writer.join()
            if not is_alive(base):
                break
        alive = is_alive(base) and process.poll() is None
        async with page(base, "scan.npy") as after:
            whole = await after.until(DENSE, seconds=60)
        traces = log.read_text().count("Traceback")
    codes = []
    for number in range(7):
        np.save(path, frames(number))
        command = [sys.executable, "-m", "app.cli", "info", "--health", str(path)]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        while process.poll() is None:
            np.save(path, frames(number + 1))
            time.sleep(0.02)
        codes.append((process.returncode, process.stderr.read().strip()[-90:]))
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.rewriting", folder.parent / "formats"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    ended = [json.loads(line)[2] for line in done.stdout.splitlines()]
    return {
        "pages told": told,
        "and then": later,
        "alive after 7 rewritings": alive,
        "a new page": whole,
        "tracebacks": traces,
        "commands": codes,
        "formats": {
            "code": done.returncode,
            "tried": len(ended),
            "a sentence": sum("changed while it was open" in e for e in ended),
            "old values": ended.count("old"),
            "mixed": sum("mixed" in e for e in ended),
        },
    }


async def uploads(folder, port):
    """Four pages that each send 210 MB and stop; the server is then killed."""
    piece, size = 3 << 20, 210_000_000
    text, temporary = b64encode(bytes(piece)).decode(), folder.parent / "tmp"
    report = {}
    with server(folder, port, LIVESTEM_UPLOAD_GB="0.3") as (process, base, _):
        one, two, three, four = [page(base, "demo") for _ in range(4)]
        async with one as a, two as b, three as c, four as d:
            pages = [a, b, c, d]
            for each in pages:
                await each.until(SHOWN)
            await asyncio.sleep(20)  # What they show is made.
            for each in pages:
                await each.tell("Upload", does="begin", transfer=1, name="s.h5", size=size)
            report["resident MB before"] = round(resident(process))
            for at in range(0, size - piece, piece):
                for each in pages:
                    if "was not taken" not in each.said:
                        sent = {"transfer": 1, "at": at, "last": False, "data": text}
                        await each.tell("Upload", does="piece", name="s.h5", **sent)
            report["resident MB after"] = round(resident(process))
            report["refused"] = sum("was not taken" in each.said for each in pages)
            told = re.search(r"“s\.h5” was not taken[^\"]*", "".join(p.said for p in pages))
            report["sentence"] = told and told[0]
            report["MB on the disk"] = _taken(temporary)
        begun = time.perf_counter()
        while _taken(temporary) and time.perf_counter() - begun < 120:
            await asyncio.sleep(0.2)
        report["gone after the pages, s"] = round(time.perf_counter() - begun)
        async with page(base, "demo") as last:
            await last.tell("Upload", does="begin", transfer=2, name="s.h5", size=size)
            sent = {"transfer": 2, "at": 0, "last": False, "data": text}
            await last.tell("Upload", does="piece", name="s.h5", **sent)
            process.send_signal(signal.SIGKILL)
            process.wait()
        report["MB left by the killed server"] = _taken(temporary)
    with server(folder, port) as (process, base, _):
        async with page(base, "demo"):
            report["MB after the next start"] = _taken(temporary)
    return report


def _taken(folder):
    return round(sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 1e6)


async def deep(folder, port):
    """A file of 3000 groups within each other, opened by five pages, beside an honest one."""
    with h5py.File(folder / "deep.h5", "w") as file:
        group = file.id
        for _ in range(3000):
            group = h5py.h5g.create(group, b"g")
        file["frames"] = np.zeros((2, 2, 4, 4), np.uint16)
    for name in ("alone.h5", "honest.h5"):
        with h5py.File(folder / name, "w") as file:
            file["frames"] = frames(1, 2) * frames(2, 2) * frames(3, 2)
    with server(folder, port) as (_, base, _log):
        async with page(base, "alone.h5") as first:
            await first.until(SHOWN)
        async with page(base, "alone.h5") as alone:
            report = {"alone": await alone.until(SHOWN)}
        pages = [page(base, "deep.h5") for _ in range(5)]
        bad = [await each.__aenter__() for each in pages]
        async with page(base, "honest.h5") as honest:
            report["beside five of a deep file"] = await honest.until(SHOWN)
        report["told of the deep one"] = [
            await each.until("deep within", seconds=30) for each in bad
        ]
        for each in pages:
            await each.__aexit__(None, None, None)
    return report


async def waits(folder, port):
    """Five sessions that wait for one slow file, and one that wants another."""
    service, store, begun = ComputeService(), Store(1 << 20), time.perf_counter()
    ended, other = [], threading.Event()

    def slow(report):
        for n in range(300):
            report(n / 300)
            time.sleep(0.01)
        return [1]

    for session in range(5):
        service.submit(
            session,
            SLOW,
            lambda: store.get("slow", slow, lambda fraction: None),
            lambda *end: ended.append(time.perf_counter() - begun),
        )
    await asyncio.sleep(0.2)
    service.submit("other", SLOW, other.set, lambda *end: None)
    await asyncio.to_thread(other.wait, 60)
    report = {"the other after s": round(time.perf_counter() - begun - 0.2, 3)}
    while len(ended) < 5:
        await asyncio.sleep(0.01)
    service.close()
    return report | {"the five after s": [round(s, 2) for s in ended]}


async def sockets(folder, port):
    """260 half-open connections at 256 descriptors, beside an open page."""
    with server(folder, port, descriptors=256) as (process, base, log):
        async with page(base, "demo") as one:
            await one.until(SHOWN)
            await asyncio.sleep(5)
            before, size = cpu(process), log.stat().st_size
            half = []
            for _ in range(260):
                each = socket.create_connection(("localhost", port), 60)
                each.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
                half.append(each)
            await asyncio.sleep(10)
            report = {
                "cpu seconds of 10": round(cpu(process) - before, 2),
                "bytes of log": log.stat().st_size - size,
            }
            begun = time.perf_counter()
            await one.tell("Controls", does="nothing")
            report["the open page answers after s"] = round(time.perf_counter() - begun, 3)
            await asyncio.sleep(25)
            # Meanwhile those that said nothing were ended.
            report["open again after 35 s"] = await asyncio.to_thread(is_alive, base)
            for each in half:
                each.close()
    return report


PARTS = {part.__name__: part for part in (files, uploads, deep, waits, sockets)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=5770)
    parser.add_argument("--parts", default=",".join(PARTS))
    asked = parser.parse_args()
    for number, name in enumerate(asked.parts.split(",")):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
            folder = Path(temporary) / "data"
            folder.mkdir()
            found = asyncio.run(PARTS[name](folder, asked.port + number))
            print(json.dumps({name: found}, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
