"""Attacks on the users of a server, with numbers: `python -m tests.studies.attack_users`.

On a server of its own, on this machine alone, and for some minutes at most:

* sessions joined by their names and tokens, made up or another's;
* addresses to which a login should not lead, and cookies that should not be seen;
* how long unknown and known names take to be refused, with cheap and with dear hashes;
* a stranger's flood of logins beside a rightful one;
* malformed messages over the websocket, each answered, and the session alive afterwards.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bcrypt
import requests
from tornado.httpclient import HTTPClientError

from tests.support.malformed import fragments, patches
from tests.support.redirects import ELSEWHERE
from tests.support.servers import server
from tests.support.wire import READY, page, socket, token_of

WORD = "right"
FLOOD, THREADS = 300, 30


def main() -> int:
    """Run all attacks; 1 if one of them succeeded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--every", type=int, default=1, help="of the malformed messages")
    asked = parser.parse_args()
    held = True
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), asked.port) as (url, log):
        for attack in (sessions, redirects, cookies, timing, flood):
            held &= tell(attack(url))
        held &= tell(asyncio.run(messages(url, log, asked.every)))
    return 0 if held else 1


def tell(rows) -> bool:
    """Print what was seen; whether all of it held."""
    rows = list(rows)
    for held, what, seen in rows:
        print(f"| {'held' if held else 'BROKEN'} | {what} | {seen} |", flush=True)
    return all(row[0] for row in rows)


class serving:
    """A server with two users, of cheap and of dear hashes; its URL, and a file with its log."""

    def __init__(self, folder: Path, port: int):
        self.folder = folder
        users = {"anna": 12, "ben": 5}
        lines = [
            f"{name}:{bcrypt.hashpw(WORD.encode(), bcrypt.gensalt(cost)).decode()}"
            for name, cost in users.items()
        ]
        (folder / "users").write_text("\n".join(lines))
        self.log = folder / "log"
        run = (
            "import sys; sys.stderr = open(sys.argv.pop(1), 'w', buffering=1);"
            "from app.cli import run; sys.argv[0] = 'livestem'; run()"
        )
        command = ["-c", run, str(self.log), "serve", "--no-open", "--port", str(port)]
        command += ["--login", str(folder / "users"), "--use-xheaders"]
        ready = r"http://localhost:(\d+)\S*/app"
        self.server = server(command, ready, LIVESTEM_CACHE=str(folder / "cache"))

    def __enter__(self):
        _, found = self.server.__enter__()
        return found[0], self.log

    def __exit__(self, *error):
        return self.server.__exit__(*error)


def login(url, name, word, **headers):
    """The answer to a login."""
    return requests.post(
        url.removesuffix("/app") + "/login",
        {"username": name, "password": word},
        headers={key.replace("_", "-"): value for key, value in headers.items()},
        allow_redirects=False,
        timeout=300,
    )


def sessions(url):
    """Names and tokens of sessions, made up and another's."""
    people = {name: login(url, name, WORD).cookies for name in ("anna", "ben")}
    token = token_of(page(url, people["anna"]))
    named = [{"bokeh-session-id": name} for name in ("x", "x.y", "é", "", token[:44], "a" * 4000)]
    named += [{"bokeh-token": name} for name in ("x", token, token[:-1], "e30.e30", "[" * 3000)]
    paths = ("", "/metadata", "/autoload.js?bokeh-autoload-element=1")
    codes = Counter(
        requests.get(url + path, params=each, cookies=people["ben"], timeout=120).status_code
        for each in named
        for path in paths
    )
    yield set(codes) == {403}, f"{codes.total()} sessions named in a link", dict(codes)
    sockets = Counter()
    for who, cookie in (("ben", people["ben"]), ("nobody", {}), ("anna", people["anna"])):
        sockets[who, asyncio.run(opened(url, token, cookie))] += 1
    held = set(sockets) == {("ben", 403), ("nobody", 403), ("anna", 101)}
    yield held, "the websocket of a page of anna's", dict(sorted(sockets))


async def opened(url, token, cookie):
    """The code of the answer to a websocket."""
    try:
        async with socket(url, token, cookie):
            return 101
    except HTTPClientError as refusal:
        return refusal.code


def redirects(url):
    """Every address that leads elsewhere, in the link and in the cookie."""
    base = url.removesuffix("/app")
    codes = Counter(
        requests.get(base + "/login", {"next": where}, timeout=120).status_code
        for where in ELSEWHERE
    )
    yield set(codes) == {400}, f"{len(ELSEWHERE)} links that lead elsewhere", dict(codes)
    led = Counter()
    for where in filter(lambda text: text.isascii() and text.isprintable(), ELSEWHERE):
        form = {"username": "ben", "password": WORD}
        planted = {"next_url": where}
        answer = requests.post(
            base + "/login", form, cookies=planted, allow_redirects=False, timeout=120
        )
        led[answer.headers.get("Location", answer.status_code)] += 1
    yield set(led) == {"/"}, f"{led.total()} of them in a planted cookie", dict(led)


def cookies(url):
    """What is said of each cookie, behind TLS and without it."""
    for proto in ("https", "http"):
        made = login(url, "ben", WORD, X_Forwarded_Proto=proto).raw.headers.getlist("Set-Cookie")
        flags = [{part.strip().lower() for part in each.split(";")[1:]} for each in made]
        wanted = {"httponly", "samesite=lax"} | ({"secure"} if proto == "https" else set())
        held = bool(flags) and all(
            wanted <= each and ("secure" in each) == (proto == "https") for each in flags
        )
        yield held, f"cookies over {proto}", f"{len(flags)} with {', '.join(sorted(wanted))}"


def timing(url):
    """Refusals of known and unknown names, in turns; from one address each, as waits count."""
    taken = {"anna": [], "ben": [], "stranger": []}
    for turn in range(8):
        for number, name in enumerate(taken):
            began = time.perf_counter()
            answer = login(url, name, "wrong", X_Real_Ip=f"10.9.{number}.{turn}")
            assert answer.status_code == 401
            taken[name].append(1e3 * (time.perf_counter() - began))
    middle = {name: statistics.median(times) for name, times in taken.items()}
    spread = max(middle.values()) - min(middle.values())
    seen = ", ".join(f"{name} {value:.0f} ms" for name, value in middle.items())
    yield spread < 150, "refused after (hashes of cost 12, of cost 5, unknown)", seen


def flood(url):
    """A stranger guesses at names known and unknown; the owner of one logs in meanwhile."""
    codes, longest = Counter(), {}
    names = ["ben", "stranger", *(f"name{number}" for number in range(98))]

    def guess(number):
        codes[login(url, names[number % 100], "wrong", X_Real_Ip="10.8.0.1").status_code] += 1

    for where, address in (("elsewhere", "10.8.0.2"), ("at the same address", "10.8.0.1")):
        with ThreadPoolExecutor(THREADS) as pool:
            going = [pool.submit(guess, number) for number in range(FLOOD)]
            time.sleep(1)
            times = []
            for _ in range(3):
                began = time.perf_counter()
                assert login(url, "anna", WORD, X_Real_Ip=address).status_code == 302
                times.append(time.perf_counter() - began)
            longest[where] = max(times)
            meanwhile = sum(not each.done() for each in going)
            for each in going:
                each.result()
        assert meanwhile
    seen = ", ".join(f"{where} {took:.2f} s" for where, took in longest.items())
    yield max(longest.values()) < 5, f"a rightful login beside {FLOOD} guesses", seen
    yield set(codes) <= {401, 429}, "the guesses were answered", dict(codes)


async def messages(url, log, every):
    """Malformed messages: their answers, tracebacks, and whether the session lives on."""
    cookie = login(url, "ben", WORD).cookies
    token = token_of(page(url, cookie))
    answers = Counter()
    async with socket(url, token, cookie) as wire:
        document = await wire.begin()
        await wire.patch(READY)
        # These first: a token opens a socket for five minutes.
        for _, parts in fragments():
            async with socket(url, token, cookie) as other:
                await other.begin()
                await other.send(parts)
                answers["no message"] += 1
        for _, sent in list(patches(document))[::every]:
            kind, _ = await wire.patch(sent)
            answers[kind] += 1
        kind, content = await wire.ask("PULL-DOC-REQ", {})
    alive = kind == "PULL-DOC-REPLY" and bool(content["doc"]["roots"])
    said = log.read_text()
    told = said.count("Traceback")
    return [
        (answers.total() >= 120, "malformed messages, each answered", dict(answers)),
        (told == 0, "tracebacks in the log", f"{told}, of {len(said.splitlines())} lines"),
        (alive, "the session lives on", kind),
    ]


if __name__ == "__main__":
    sys.exit(main())
