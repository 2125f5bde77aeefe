"""Who may come in, and to which session: what Bokeh's and Panel's handlers leave open.

A session belongs to whom it was made for. Its name in a link would bring whoever follows the link
into the session of whoever made it, so no request may bring one; and a websocket is opened only
with the token of a page that the same user was given.
"""

import asyncio
import logging
import re
from asyncio import Lock
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from time import monotonic, time
from typing import ClassVar
from weakref import WeakValueDictionary

from bokeh.server import tornado as bokeh_tornado
from bokeh.server import urls
from bokeh.util.token import check_token_signature, get_token_payload
from panel.auth import BasicAuthProvider, BasicLoginHandler, OAuthProvider
from panel.config import config
from tornado.web import HTTPError, decode_signed_value
from tornado.websocket import WebSocketHandler

from app.server.guesses import MANY, Guesses, answered_after
from app.server.login import Provider, Users, same_name

LONG_FRAGMENT = 1 << 20
"""Characters of a piece of a file, which is not looked through."""
ENDLESS = re.compile(r"-?\d{300,}[\d.eE+-]*")
CHECKS_AT_ONCE = 2
WRONG = "Invalid username or password!"

log = logging.getLogger(__name__)


def own_path(where: str) -> bool:
    """Whether an address is one of this server's own, in whichever way a browser reads it.

    A path from the root, of printable ASCII: browsers drop tabs and newlines, take a backslash
    for a slash, and what begins with two slashes for a host.
    """
    path = where.partition("?")[0].partition("#")[0]
    printable = all("!" <= letter <= "~" for letter in where)
    return printable and where[:1] == "/" and "//" not in path and "\\" not in where


class SafeCookies:
    """Cookies that no script, no other site, and no line in the clear gets to see."""

    def set_cookie(self, name, value, *args, **options):
        """Set a cookie, as Tornado's handlers do, with nothing left open."""
        options |= {"httponly": True, "samesite": "Lax"}
        # Of a proxy, where `--use-xheaders` believes it.
        options["secure"] = self.request.protocol == "https"
        super().set_cookie(name, value, *args, **options)


class OwnSession(SafeCookies):
    """A request that begins a session and cannot join one."""

    async def prepare(self):
        """Refuse what names a session; before anything is made."""
        named = {"bokeh-session-id", "bokeh-token"} & self.request.arguments.keys()
        if named or "Bokeh-Session-Id" in self.request.headers:
            raise HTTPError(403, reason="A session cannot be joined by its name")
        await super().prepare()


class OwnSocket(SafeCookies):
    """A websocket that is opened by whom its page was made for."""

    async def prepare(self):
        """Refuse a token that is not this user's; before the handshake."""
        await super().prepare()
        if self.current_user is not None and not self._is_theirs():
            self.set_status(403)
            self.finish()

    async def on_message(self, fragment):
        """Take a part of a message, its numbers such as there are."""
        if isinstance(fragment, str) and len(fragment) < LONG_FRAGMENT:
            # One that no float holds could be kept, and never be sent again.
            fragment = ENDLESS.sub("null", fragment)
        await super().on_message(fragment)

    def _is_theirs(self) -> bool:
        served = self.application
        try:
            _, token = self.request.headers["Sec-WebSocket-Protocol"].split(",")
            if not check_token_signature(token.strip(), served.secret_key, served.sign_sessions):
                return False
            payload = get_token_payload(token.strip())
        except Exception:  # whatever a stranger makes up
            return False
        if payload.get("session_expiry", 0) <= time():
            return False
        if not isinstance(served.auth_provider, BasicAuthProvider):
            return True
        cookie = payload.get("cookies", {}).get("user", "")
        made_for = decode_signed_value(
            config.cookie_secret, "user", cookie, max_age_days=config.oauth_expiry
        )
        return made_for is not None and made_for.decode() == self.current_user


class OwnReturn(SafeCookies):
    """A login that leads back to this server, and nowhere else."""

    def prepare(self):
        """Refuse to lead elsewhere, and what another site's form sends."""
        elsewhere = self.request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")
        if elsewhere and self.request.method == "POST":
            # It would log a visitor in as somebody else, who then sees what is done.
            raise HTTPError(403, reason="Log in on this server's own page")
        for where in self.get_arguments("next", strip=False):
            if not own_path(where):
                raise HTTPError(400, reason="This link leads away from this server")
        return super().prepare()


class PasswordForm(OwnReturn, BasicLoginHandler):
    """The form for a name and a password, which no stranger keeps others from using.

    Only a name that is known costs the server work, and each address has one check at a time; an
    unknown name waits as long.
    """

    users: Users
    guesses: Guesses
    _workers = ThreadPoolExecutor(CHECKS_AT_ONCE, thread_name_prefix="livestem-login")
    _turns: ClassVar[WeakValueDictionary[str, Lock]] = WeakValueDictionary()
    _usual = 0.0  # time that a check took [s]

    def get(self):
        """The empty form."""
        self.set_cookie("next_url", self.get_argument("next", self._home))
        self._show("")

    async def post(self):
        """Let somebody in, or say why not."""
        name = same_name(self.get_argument("username", ""))
        password = self.get_argument("password", "", strip=False)
        address, began = self.request.remote_ip or "", monotonic()
        wait = self.guesses.wait(name, address)
        if wait:
            self.set_status(429)
            self.set_header("Retry-After", ceil(wait))
            said = f"Too many wrong passwords: try again in {ceil(wait)} s."
        else:
            if self.guesses.begin(name, address):
                log.warning("More than %d wrong passwords came from %s.", MANY, address)
            if await self._is_right(name, password, address):
                self.guesses.right(name, address)
                self.set_current_user(name)
                where = self.get_cookie("next_url", "")
                self.redirect(self._under_prefix(where) if own_path(where) else self._home)
                return
            self.set_status(401)
            said = WRONG
        taken = monotonic() - began + (0.0 if self.users.admits(name) else type(self)._usual)
        await asyncio.sleep(began + answered_after(taken) - monotonic())
        self._show(said)

    async def _is_right(self, name: str, password: str, address: str) -> bool:
        async with self._turns.setdefault(address, Lock()):
            if not self.users.admits(name):
                return False
            began, loop = monotonic(), asyncio.get_running_loop()
            # Slow on purpose, so not on the thread that serves everyone.
            right = await loop.run_in_executor(self._workers, self.users.match, name, password)
            type(self)._usual = monotonic() - began
            return right

    @property
    def _home(self) -> str:
        return f"{self.application.prefix}/"

    def _under_prefix(self, where: str) -> str:
        return where if where.startswith(self._home) else self._home + where[1:]

    def _show(self, said: str) -> None:
        form = {"login_endpoint": self._login_endpoint, "errormessage": said}
        self.set_header("Cache-Control", "no-store")
        self.write(self._login_template.render(**form))


def guard(login: Users | Provider, *, also: str, **templates):
    """Bokeh's guardian of every page, file and websocket of the server.

    Parameters
    ----------
    login : Users or Provider
        Who is let in; somebody known who is not gets "403 Forbidden".
    also : str
        The health check's name, which is let in too.
    templates : path-like
        `login_template`, `logout_template`, `error_template`, as Panel's providers take them.
    """

    def admitted(user):
        # A cookie lives longer than a place on the list.
        if user is not None and user != also and not login.admits(user):
            raise HTTPError(403, reason="This account may not use this server")
        return user

    class Doors:
        @property
        def login_handler(self):
            return with_(OwnReturn, super().login_handler)

        @property
        def logout_handler(self):
            return with_(SafeCookies, super().logout_handler)

    class OAuth(Doors, OAuthProvider):
        @property
        def get_user_async(self):
            inner = super().get_user_async

            async def get_user(handler):
                return admitted(await inner(handler))

            return get_user

    class Passwords(Doors, BasicAuthProvider):
        @property
        def get_user(self):
            inner = super().get_user
            return lambda handler: admitted(inner(handler))

        @property
        def login_handler(self):
            form = super().login_handler
            PasswordForm.users, PasswordForm.guesses = login, Guesses()
            PasswordForm._login_endpoint = form._login_endpoint
            PasswordForm._login_template = form._login_template
            return PasswordForm

    return (Passwords if isinstance(login, Users) else OAuth)(**templates)


def lock_pages() -> None:
    """Put the locks of this module before the handlers of every page that is served from now on.

    Bokeh makes its handlers from these lists, into which Panel has put its own.
    """
    for number, (route, handler, *rest) in enumerate(urls.per_app_patterns):
        lock = OwnSocket if issubclass(handler, WebSocketHandler) else OwnSession
        urls.per_app_patterns[number] = (route, with_(lock, handler), *rest)
    for number, (route, handler, *rest) in enumerate(urls.toplevel_patterns):
        if handler is bokeh_tornado.RootHandler:
            bokeh_tornado.RootHandler = with_(SafeCookies, handler)
            urls.toplevel_patterns[number] = (route, bokeh_tornado.RootHandler, *rest)


def with_(lock: type, handler: type) -> type:
    """`handler` behind `lock`; itself if it is already."""
    return handler if issubclass(handler, lock) else type(handler.__name__, (lock, handler), {})
