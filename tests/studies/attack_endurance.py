"""What a server and the commands bear for long: a study, run by hand, on this machine alone.

    python -m tests.studies.attack_endurance [--only lines idle soak] [--sessions 200]

* lines: hostile command lines; each ends with code 2 and one sentence, and leaves no file behind;
* idle: the processor's share of a server with an open page that nobody touches;
* soak: pages that are opened, drawn, dragged a little and closed, one after the other, and what
  the server's memory, threads and descriptors grow by between the first quarter and the last.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tests.studies.attack_pages import Client, Server
from tests.studies.latency import write_scan

LONGEST_S = 240
"""For one command line."""

BAD_FILES = ("missing.h5", "", ".", "empty.h5", "text.h5", "cut.npz", "loop.h5", "pipe.h5")
BAD_FILES += ("a" * 5000, "../../../etc/passwd", "http://127.0.0.1:1/x.h5", "a\nb.h5", "-.h5")
BAD_FILES += ("text.xyz", "text.mib", "text.dm4", "text.tvips", "text.zarr", "/dev/null")

VALUES = {
    "reconstruct good.npz -o out.h5": {
        "--orders": ("0", "-1", "99", "1.5", "nan"),
        "--bright-field-pixels": ("0", "-3", "x", "1e9", "100000000"),
        "--aberration": ("C10", "C10=nan", "C99=3nm", "=", "C10=3parsec"),
        "--mode": ("", "fast"),
        "--sideband": ("both both",),
        "--device": ("tpu", "gpu:99"),
        "--upsample": ("0", "-2", "1000000", "x"),
        "--dpc-iterations": ("-1", "x"),
        "--dpc-highpass": ("nan", "-1"),
        "--dpc-step": ("inf", "-2"),
        "--option": ("x", "dataset=/nowhere", "="),
        "--rotation-deg": ("nan", "north"),
        "--no-such-option": ("1",),
    },
    "simulate out.h5": {
        "--dose": ("nan", "-1", "0", "inf", "x"),
        "--scan": ("0,0", "-3", "x", "1e9,1e9", ""),
        "--scan-step-angstrom": ("0", "-1", "nan"),
        "--rotation-deg": ("nan", "x"),
        "--energy-kev": ("0", "-5", "nan", "inf"),
        "--semiangle-mrad": ("0", "-1", "nan", "x"),
        "--detector": ("0,0", "x"),
        "--disc-radius": ("0", "-1", "nan"),
        "--disc-centre": ("x", "nan,nan"),
        "--seed": ("-1", "x"),
    },
    "convert good.npz out.h5": {"--scan-shape": ("0,0", "-1,4", "7,7", "x", "1e9,1e9")},
    "info good.npz": {"--scan-shape": ("0,0", "-1,4", "7,7", "x")},
    "serve .": {
        "--port": ("-1", "99999", "x"),
        "--login": ("missing",),
        "--address": ("999.1.1.1",),
    },
    "bench": {"--device": ("tpu",)},
    "replay": {"": ("missing.h5",)},
    "receive": {"--port": ("-1",)},
}
WHOLE = (
    ["nonsense"],
    ["--nonsense"],
    ["reconstruct"],
    ["convert", "good.npz"],
    ["convert", "good.npz", "good.npz"],
    ["convert", "good.npz", "nowhere/out.h5"],
    ["convert", "good.npz", "."],
    ["convert", "good.npz", "out.txt"],
    ["reconstruct", "good.npz", "-o", "nowhere/out.h5"],
    ["reconstruct", "good.npz", "-o", "good.npz"],
    ["reconstruct", "good.npz", "good.npz", "-o", "out.h5"],
    ["batch", "missing.toml"],
    ["batch", "text.h5"],
    ["serve", "missing"],
)


def hostile_lines():
    """Lists of arguments."""
    for name in BAD_FILES:
        yield ["info", name]
        yield ["convert", name, "out.h5"]
        yield ["count", name, "-o", "out.h5"]
        yield ["reconstruct", name, "-o", "out.h5"]
    for begin, options in VALUES.items():
        for option, values in options.items():
            for value in values:
                yield [*begin.split(), *filter(None, [option]), value]
    yield from WHOLE


def prepare(folder: Path) -> None:
    """A scan, and what is none."""
    write_scan(folder / "good.npz", 16)
    (folder / "cut.npz").write_bytes((folder / "good.npz").read_bytes()[:3000])
    (folder / "empty.h5").touch()
    for suffix in ("h5", "xyz", "mib", "dm4", "tvips", "zarr"):
        (folder / f"text.{suffix}").write_text("no scan\n" * 40)
    (folder / "loop.h5").symlink_to("loop.h5")
    os.mkfifo(folder / "pipe.h5")


def answer(line, folder: Path):
    """(code, standard error) of a command line, in a child that has imported the command."""
    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if child == 0:
            code = 70
            try:
                os.chdir(folder)
                os.dup2(os.open(os.devnull, os.O_RDWR), 0)
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                os.dup2(said.fileno(), 2)
                signal.alarm(LONGEST_S)
                sys.argv = ["livestem", *line]
                from app.cli import run

                run()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
            finally:
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        said.seek(0)
        return os.waitstatus_to_exitcode(status), said.read().decode(errors="replace")


def lines():
    """Every hostile line, and what of it did not hold."""
    import app.cli  # noqa: F401 - before the children that need it

    broken, count, slowest = [], 0, (0.0, [])
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        prepare(folder)
        before = {path.name for path in folder.iterdir()}
        for line in hostile_lines():
            count, begun = count + 1, time.monotonic()
            code, said = answer(line, folder)
            slowest = max(slowest, (time.monotonic() - begun, line))
            left = {path.name for path in folder.iterdir()} - before
            one = len(said.strip().splitlines()) == 1 and "Traceback" not in said
            if code != 2 or not one or left:
                broken.append(line)
                shown = [each[:60] for each in line]
                print(f"BROKEN {shown}: {code}, left {sorted(left)}: {said[:300]!r}", flush=True)
            for name in left:
                (folder / name).unlink()
    took, line = slowest
    where = " ".join(line)[:60]
    print(
        f"lines: {count - len(broken)} of {count} held; slowest {took:.1f} s: {where}", flush=True
    )


def size(server):
    """Memory [MB], threads and descriptors of the server."""
    proc = Path(f"/proc/{server.process.pid}")
    pages = int((proc / "statm").read_text().split()[1])
    memory = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return memory, len(list((proc / "task").iterdir())), len(list((proc / "fd").iterdir()))


def computed(server):
    """Seconds that all threads of the server have computed, to the microsecond."""
    tasks = Path(f"/proc/{server.process.pid}/task")
    return 1e-9 * sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir())


async def idle(server, seconds=60.0):
    """The processor's share of a server whose page rests."""
    client = await Client(server.base, "dataset=noise.npz").open()
    await client.seen(1)
    await asyncio.sleep(15)
    before, begun = computed(server), time.monotonic()
    await asyncio.sleep(seconds)
    share = (computed(server) - before) / (time.monotonic() - begun)
    print(f"idle: {100 * share:.3f} % of a core over {seconds:g} s, with a page open", flush=True)
    await client.close()


async def soak(server, sessions):
    """Pages opened and closed, four at once."""
    rows, begun = [], time.monotonic()

    async def one(number):
        client = await Client(server.base, f"dataset=noise.npz&C12a={number % 7}").open()
        await client.seen(1)
        await client.drag(0.3)
        await client.close()

    for number in range(0, sessions, 4):
        await asyncio.gather(*(one(number + n) for n in range(4)))
        rows.append(size(server))
        if not (number + 4) % 40:
            memory, threads, files = rows[-1]
            took = time.monotonic() - begun
            print(
                f"soak: {number + 4} sessions, {memory:.0f} MB, {threads} threads, {files} files"
                f" [{took:.0f} s]",
                flush=True,
            )
    quarter = max(1, len(rows) // 4)
    first, last = rows[quarter : 2 * quarter], rows[-quarter:]
    for n, name in enumerate(("MB", "threads", "descriptors")):
        early, late = (sum(row[n] for row in part) / len(part) for part in (first, last))
        print(f"soak: {name}: second quarter {early:.1f}, last {late:.1f}", flush=True)
    per = (sum(r[0] for r in last) / len(last) - sum(r[0] for r in first) / len(first)) * 1e3
    apart = max(1, 4 * (len(rows) - quarter - quarter))
    print(f"soak: {per / apart:.0f} kB a session between them", flush=True)


def main():
    """All of it, or what is chosen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=["lines", "idle", "soak"])
    parser.add_argument("--sessions", type=int, default=200)
    chosen = parser.parse_args()
    if "lines" in chosen.only:
        lines()
    if {"idle", "soak"} & set(chosen.only):
        server = Server(stats=False)
        try:
            if "idle" in chosen.only:
                asyncio.run(idle(server))
            if "soak" in chosen.only:
                asyncio.run(soak(server, chosen.sessions))
        finally:
            with suppress(OSError):
                print((server.folder / "log").read_text()[-2000:], file=sys.stderr)
            server.close()


if __name__ == "__main__":
    main()
