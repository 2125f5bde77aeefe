"""A server with a login, attacked: sessions, links, cookies and the form keep to their people."""

import asyncio
import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
import requests
from tornado.httpclient import HTTPClientError
from tornado.web import create_signed_value

from app.server.guesses import FREE
from app.server.keys import read_keys
from tests.support.cold import PROGRAM
from tests.support.redirects import ELSEWHERE, OWN
from tests.support.servers import served
from tests.support.waiting import PATIENCE_S
from tests.support.wire import page, socket, token_of

bcrypt = pytest.importorskip("bcrypt")


class Site:
    def __init__(self, url, cache):
        self.url, self.base, self.cache = url, url.removesuffix("/app"), cache

    def cookie(self, user):
        value = create_signed_value(read_keys(self.cache).cookie, "user", user)
        return {"user": value.decode()}

    def login(self, name, password, **options):
        form = {"username": name, "password": password}
        return requests.post(
            self.base + "/login", form, allow_redirects=False, timeout=PATIENCE_S, **options
        )


def code(answer):
    """Of an HTTP answer to a websocket; 101 if it was opened."""

    async def run():
        try:
            async with answer as wire:
                await wire.begin()
        except HTTPClientError as refusal:
            return refusal.code
        return 101

    # On a thread of its own: a browser's driver may keep a loop running on this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(run())).result()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("users")
    people = {"anna": b"right ", "ben": b"x", "carla": b"slow"}
    lines = [
        f"{name}:{bcrypt.hashpw(word, bcrypt.gensalt(4)).decode()}" for name, word in people.items()
    ]
    (folder / "users").write_text("\n".join(lines))
    settings = {"LIVESTEM_CACHE": str(folder), "LIVESTEM_PREFIX": "stem"}
    options = "--login", folder / "users", "--use-xheaders"
    with served(*options, program=PROGRAM, **settings) as (_, found):
        yield Site(found[0], folder)


NAMED = (
    ("params", "bokeh-session-id"),
    ("params", "bokeh-token"),
    ("headers", "Bokeh-Session-Id"),
)


def test_nobody_joins_a_session_by_its_name(site):
    """Not even by a name that this server has given, to one who has just got it."""
    from bokeh.util.token import get_session_id

    token = token_of(page(site.url, site.cookie("anna")))
    given = {"bokeh-session-id": get_session_id(token), "bokeh-token": token}
    paths = ("", "/autoload.js?bokeh-autoload-element=1", "/metadata")
    tries = itertools.product(paths, NAMED, ("chosen", None), ("anna", "ben"))
    for path, (how, name), chosen, user in tries:
        tried = {how: {name: chosen or given[name.lower()]}}
        answer = requests.get(
            site.url + path, cookies=site.cookie(user), timeout=PATIENCE_S, **tried
        )
        assert answer.status_code == 403, (path, name, chosen, user)


def test_a_token_opens_the_websocket_of_whom_it_was_given_to(site):
    anna, ben = site.cookie("anna"), site.cookie("ben")
    token = token_of(page(site.url, anna))
    assert code(socket(site.url, token, ben)) == 403
    assert code(socket(site.url, token)) == 403
    assert code(socket(site.url, token, anna)) == 101


@pytest.mark.parametrize("token", ["x", "e30", "e30.x", "é", "." * 1000, "[" * 20_000, "AAAA.AAAA"])
def test_a_token_that_is_none_is_refused_before_the_handshake(site, token):
    assert code(socket(site.url, quote(token), site.cookie("anna"))) == 403


def test_a_token_that_was_changed_is_refused(site):
    token = token_of(page(site.url, site.cookie("anna")))
    spoilt = token[:-1] + ("A" if token[-1] != "A" else "B")
    assert code(socket(site.url, spoilt, site.cookie("anna"))) == 403
    assert code(socket(site.url, token.partition(".")[0], site.cookie("anna"))) == 403


@pytest.mark.parametrize("where", ELSEWHERE, ids=ascii)
def test_a_login_leads_nowhere_else(site, where):
    assert (
        requests.get(f"{site.base}/login", {"next": where}, timeout=PATIENCE_S).status_code == 400
    )
    if where.isprintable() and where.isascii():
        # A cookie can be planted by a neighbour of the same domain.
        answer = site.login("ben", "x", cookies={"next_url": where})
        assert (answer.status_code, answer.headers["Location"]) == (302, "/stem/")


@pytest.mark.parametrize("where", OWN)
def test_a_login_leads_to_where_one_was_going(site, where):
    person = requests.Session()
    assert person.get(f"{site.base}/login", params={"next": where}, timeout=PATIENCE_S).ok
    form = {"username": "ben", "password": "x"}
    answer = person.post(f"{site.base}/login", form, allow_redirects=False, timeout=PATIENCE_S)
    expected = where if where.startswith("/stem/") else "/stem" + where
    assert (answer.status_code, answer.headers["Location"]) == (302, expected)


@pytest.mark.parametrize("secure", [True, False])
def test_cookies_are_for_this_site_alone_and_for_tls_where_there_is_any(site, secure):
    headers = {"X-Forwarded-Proto": "https"} if secure else {}
    answers = [
        site.login("ben", "x", headers=headers),
        requests.get(f"{site.base}/login", headers=headers, timeout=PATIENCE_S),
        requests.get(f"{site.base}/logout", headers=headers, timeout=PATIENCE_S),
    ]
    for answer in answers:
        cookies = answer.raw.headers.getlist("Set-Cookie")
        assert cookies
        for cookie in cookies:
            flags = {flag.strip().lower() for flag in cookie.split(";")[1:]}
            assert {"httponly", "samesite=lax"} <= flags
            assert ("secure" in flags) == secure


def test_another_sites_form_logs_nobody_in(site):
    for said, expected in [("cross-site", 403), ("same-site", 403), ("same-origin", 302)]:
        assert site.login("ben", "x", headers={"Sec-Fetch-Site": said}).status_code == expected


def test_a_password_keeps_its_spaces(site):
    assert site.login("anna", "right ").status_code == 302
    assert site.login("anna", "right").status_code == 401


def test_what_the_form_says_is_the_servers_own_words(site):
    assert (
        "planted" not in requests.get(f"{site.base}/login?error=planted", timeout=PATIENCE_S).text
    )


def test_who_guesses_has_to_wait_and_who_knows_has_not(site):
    near, far = ({"X-Real-Ip": address} for address in ("10.1.1.1", "10.1.1.2"))
    with ThreadPoolExecutor(30) as pool:
        guesses = pool.map(lambda n: site.login("carla", f"{n}", headers=near), range(5 * FREE))
        answers = list(guesses)
    assert {answer.status_code for answer in answers} == {401, 429}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert int(refused.headers["Retry-After"]) >= 1
    assert "try again in" in refused.text
    assert site.login("carla", "slow", headers=far).status_code == 302
    assert site.login("nobody", "slow", headers=near).status_code == 401


def test_a_flood_of_strangers_does_not_keep_the_rightful_out(site):
    """They come from one address, at names that are known, one that is not, and many more."""
    stranger = {"X-Real-Ip": "10.1.1.3"}
    names = ["carla", "ben", "nobody", *(f"name {number}" for number in range(90))]
    done = []

    def guess(number):
        answer = site.login(names[number % len(names)], "wrong", headers=stranger)
        done.append(answer.status_code)

    with ThreadPoolExecutor(30) as pool:
        flood = [pool.submit(guess, number) for number in range(180)]
        while len(done) < 20:
            time.sleep(0.01)
        # The same address too: a name that nobody guessed at has its first try.
        for headers in ({}, stranger):
            assert site.login("anna", "right ", headers=headers).status_code == 302
        before = sum(not each.done() for each in flood)
        for each in flood:
            each.result()
    assert before > 0  # it went on meanwhile
    assert set(done) <= {401, 429}


def test_the_names_that_are_leant_on_are_there():
    """Of Bokeh and Panel: the lists of handlers, their order of locks, and where Panel looks."""
    import bokeh.server.tornado
    from bokeh.server import urls
    from panel.auth import BasicLoginHandler
    from tornado.websocket import WebSocketHandler

    routes = [pattern[0] for pattern in urls.per_app_patterns]
    assert sorted(routes) == ["/?", "/autoload.js", "/metadata", "/ws"]
    sockets = [p[0] for p in urls.per_app_patterns if issubclass(p[1], WebSocketHandler)]
    assert sockets == ["/ws"]
    assert bokeh.server.tornado.per_app_patterns is urls.per_app_patterns
    assert bokeh.server.tornado.RootHandler in [p[1] for p in urls.toplevel_patterns]
    assert {"_login_endpoint", "_login_template", "set_current_user"} <= set(dir(BasicLoginHandler))
