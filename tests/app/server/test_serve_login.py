"""A server with a login, from outside: strangers see the form, and nothing else."""

import asyncio
import os
import re
import subprocess
import sys
from http.client import HTTPConnection

import pytest
import requests

from app.server.keys import read_keys
from app.server.serving import HEADERS, LARGEST_REQUEST
from tests.support.cold import PROGRAM
from tests.support.servers import ROOT, served
from tests.support.waiting import PATIENCE_S

bcrypt = pytest.importorskip("bcrypt")


class Site:
    """A served page, its server's cache, and how the health check sees it."""

    def __init__(self, url, cache, login):
        self.url, self.cache, self.login = url, cache, login
        self.base = url.removesuffix("/app")

    def get(self, path="/app", **options):
        return requests.get(self.base + path, timeout=PATIENCE_S, allow_redirects=False, **options)

    def cookie(self, user):
        from tornado.web import create_signed_value

        value = create_signed_value(read_keys(self.cache).cookie, "user", user)
        return {"user": value.decode()}

    def websocket(self, cookies=None):
        """The answer's code to a websocket, from the server's own page."""
        from tornado.httpclient import HTTPClientError, HTTPRequest
        from tornado.websocket import websocket_connect

        headers = {"Origin": "/".join(self.base.split("/")[:3])}
        if cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in cookies.items())
        request = HTTPRequest(self.url.replace("http:", "ws:") + "/ws", headers=headers)

        async def connect():
            connection = await websocket_connect(request, subprotocols=["bokeh", "token"])
            connection.close()

        with pytest.raises(HTTPClientError) as refusal:
            asyncio.run(connect())
        return refusal.value.code

    def health(self):
        done = subprocess.run(
            [sys.executable, "-m", "app.server.health_check", self.url],
            cwd=ROOT,
            env={**os.environ, "LIVESTEM_LOGIN": self.login, "LIVESTEM_CACHE": str(self.cache)},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("login")
    users = folder / "users"
    users.write_text(f"anna:{bcrypt.hashpw(b'right', bcrypt.gensalt(4)).decode()}\n")
    settings = {"LIVESTEM_CACHE": str(folder), "LIVESTEM_PREFIX": "stem"}
    with served("--login", users, program=PROGRAM, **settings) as (_, found):
        made = Site(found[0], folder, str(users))
        # The first page takes longer than the health check has patience, on a busy machine.
        assert made.get(cookies=made.cookie("anna")).ok
        yield made


@pytest.mark.parametrize("path", ["/app", "/app/autoload.js?bokeh-autoload-element=1", "/"])
def test_a_stranger_is_sent_to_the_form(site, path):
    answer = site.get(path)
    assert answer.status_code == 302
    assert "login" in answer.headers["Location"]


def test_the_form_asks_no_other_host_for_anything(site):
    form = site.get("/login")
    assert form.status_code == 200
    assert 'name="password"' in form.text
    assert not re.search(r"https?://", form.text)
    assert not re.search(r"https?://", site.get("/logout").text)


def test_a_strangers_websocket_is_refused(site):
    assert site.websocket() == 403
    assert site.websocket({"user": "anna"}) == 403


def test_the_right_password_opens_the_page_and_a_wrong_one_does_not(site):
    person = requests.Session()
    person.get(site.base + "/login?next=%2Fstem%2Fapp%3Fdataset%3Ddemo", timeout=PATIENCE_S)
    for name, password in [("anna", "wrong"), ("ben", "right"), ("", "")]:
        answer = person.post(
            site.base + "/login", {"username": name, "password": password}, timeout=PATIENCE_S
        )
        assert "Invalid username or password" in answer.text
        assert "user" not in person.cookies
    answer = person.post(
        site.base + "/login", {"username": "anna", "password": "right"}, timeout=PATIENCE_S
    )
    assert answer.url == f"{site.url}?dataset=demo"
    assert "user" in person.cookies
    assert re.search(r'"roots":\s*\{\s*"', answer.text)


def test_a_cookie_of_somebody_off_the_list_is_worth_nothing(site):
    answer = site.get(cookies=site.cookie("ben"))
    assert answer.status_code == 403
    assert "Traceback" not in answer.text
    assert site.websocket(site.cookie("ben")) == 403


def test_a_cookie_with_another_signature_is_a_strangers(site):
    value = site.cookie("anna")["user"]
    assert site.get(cookies={"user": value[:-1] + ("0" if value[-1] != "0" else "1")}).is_redirect


def test_the_health_check_is_let_in_by_the_servers_own_key(site):
    assert site.health() == (0, "")
    # Without the key it can only tell that the form is served.
    keys = site.cache / "server-keys.json"
    kept = keys.read_text()
    keys.unlink()
    try:
        assert site.health() == (0, "")
    finally:
        keys.write_text(kept)
        keys.chmod(0o600)


@pytest.mark.parametrize("path", ["/app", "/login", "/nothing", "/static/js/bokeh.min.js"])
def test_every_answer_has_the_headers_that_lock_the_page(site, path):
    answer = site.get(path)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "ornado" not in answer.headers["Server"]


def test_errors_tell_nothing_of_the_program(site):
    for answer in (site.get("/nothing"), site.get("/app?bokeh-session-id=x%00")):
        assert "Traceback" not in answer.text
        assert str(ROOT) not in answer.text


def test_a_request_is_limited_in_size(site):
    connection = HTTPConnection(site.base.split("/")[2], timeout=PATIENCE_S)
    connection.putrequest("POST", "/stem/login")
    connection.putheader("Content-Length", str(LARGEST_REQUEST + 1))
    connection.endheaders()
    assert connection.getresponse().status == 400
    connection.close()


@pytest.fixture(scope="module")
def oauth(tmp_path_factory):
    pytest.importorskip("cryptography")
    folder = tmp_path_factory.mktemp("oauth")
    given = {
        "LIVESTEM_LOGIN": "github:anna",
        "LIVESTEM_CACHE": str(folder),
        "PANEL_OAUTH_KEY": "our-id",
        "PANEL_OAUTH_SECRET": "our-secret",
    }
    with served(program=PROGRAM, **given) as (_, found):
        yield Site(found[0], folder, given["LIVESTEM_LOGIN"])


def test_a_stranger_is_sent_to_the_provider(oauth):
    assert "login" in oauth.get().headers["Location"]
    answer = oauth.get("/login")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("https://github.com/login/oauth/authorize?")
    assert "our-id" in answer.headers["Location"]
    assert "our-secret" not in answer.headers["Location"]
    assert oauth.websocket() == 403


def test_only_accounts_on_the_list_come_in(oauth):
    assert oauth.get(cookies=oauth.cookie("anna")).status_code == 200
    assert oauth.get(cookies=oauth.cookie("ben")).status_code == 403
    assert (
        oauth.get(
            "/app/autoload.js?bokeh-autoload-element=1", cookies=oauth.cookie("ben")
        ).status_code
        == 403
    )
    assert oauth.websocket(oauth.cookie("ben")) == 403
    assert oauth.health() == (0, "")
